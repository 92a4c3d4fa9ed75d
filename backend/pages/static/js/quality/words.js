// 数字怎么写。率由接口给出，以万分之一为单位；没有率的写“—”。

export const NONE = "—";
export const whole = (value) => value.toLocaleString("zh-CN");
export const percent = (parts) => (parts === null ? NONE : `${(parts / 100).toFixed(2)}%`);

// 重错码率离警戒线很近，万分之一嫌粗：由行数直接算，写两位。
export const permille = ({ bad_codes, rows }) =>
  rows ? `${(Math.round((100000 * bad_codes) / rows) / 100).toFixed(2)}‰` : NONE;
export const rateOf = (name, figures) =>
  name === "bad_codes" ? permille(figures) : percent(figures[`${name}_per_10000`]);

export function monthWords(month) {
  const [year, number] = month.split("-");
  return `${year}年${Number(number)}月`;
}

export function rangeWords({ from, to }) {
  return from === to ? monthWords(from) : `${monthWords(from)}至${monthWords(to)}`;
}

// 从前到后的每个月，两头都在内。
export function monthsBetween(from, to) {
  const found = [];
  let [year, month] = from.split("-").map(Number);
  for (;;) {
    const now = `${year}-${String(month).padStart(2, "0")}`;
    found.push(now);
    if (now >= to) return found;
    [year, month] = month === 12 ? [year + 1, 1] : [year, month + 1];
  }
}

const THIS_MONTH = new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Shanghai", year: "numeric", month: "2-digit" });
export function thisMonth() {
  const part = Object.fromEntries(THIS_MONTH.formatToParts(new Date()).map(({ type, value }) => [type, value]));
  return `${part.year}-${part.month}`;
}

export function monthsEarlier(month, count) {
  const [year, number] = month.split("-").map(Number);
  const at = year * 12 + number - 1 - count;
  return `${Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, "0")}`;
}
