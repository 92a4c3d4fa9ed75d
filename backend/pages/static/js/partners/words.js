// 合作机构各栏共用：状态怎么说、金额怎么写、一页一页的列表、存文件。

import { button, card, day, h } from "../dom.js";

export const CASE_TONES = { submitted: "warn", returned: "warn", proposed: "warn", approved: "good", refused: "bad" };
export const CASE_STATES = {
  submitted: "待审核",
  returned: "待补正",
  proposed: "待另一个人批准",
  approved: "已批准",
  refused: "不予批准",
  withdrawn: "已撤回",
  lapsed: "逾期办结",
};
export const DECISIONS = { approved: "审核通过", returned: "退回补正", refused: "不予批准" };
export const tag = (text, tone) => h("span", { class: `tag ${tone ?? ""}` }, text);
export const caseTag = (status) => tag(CASE_STATES[status] ?? status, CASE_TONES[status]);

// 整数分写成元；算钱不经过小数。
export function yuan(fen) {
  const whole = Math.floor(Math.abs(fen) / 100).toLocaleString("zh-CN");
  return `${fen < 0 ? "−" : ""}${whole}.${String(Math.abs(fen) % 100).padStart(2, "0")} 元`;
}

// 填的是元，送的是分；写不成整数分的答 null。
export function fenOf(text) {
  const found = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text.trim());
  return found ? Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0")) : null;
}

export function money(props = {}) {
  const input = h("input", { inputMode: "decimal", pattern: "\\d{1,9}(\\.\\d{1,2})?", autocomplete: "off", ...props });
  input.title = "元，最多两位小数";
  return input;
}

export const fenText = (fen) => (fen === undefined || fen === null ? "" : `${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, "0")}`);

export function choice(options, value, props = {}) {
  const node = h(
    "select",
    props,
    Object.entries(options).map(([name, label]) => h("option", { value: name }, label)),
  );
  if (value !== undefined) node.value = value;
  return node;
}

export const reasonBox = (props = {}) => h("textarea", { required: true, minLength: 2, maxLength: 500, rows: 3, ...props });

export const back = (tab, text = "← 返回列表") => h("p", null, h("a", { href: `#/${tab}` }, text));

// 一页一页取的列表；又换了条件，迟到的答复不算。
export function listing(read, lineOf, { id, empty, next = "更早的", wrap = "div" }) {
  const list = h(wrap, { class: wrap === "ul" ? "reasons" : "stack", id });
  const more = button(next, () => load(more.cursor), { hidden: true });
  let turn = 0;
  async function load(cursor) {
    const mine = cursor ? turn : (turn += 1);
    const page = await read(cursor ? { cursor } : {});
    if (mine !== turn) return;
    if (!cursor) list.replaceChildren();
    list.append(...page.items.map(lineOf));
    if (!list.children.length) list.append(wrap === "ul" ? h("li", { class: "muted" }, empty) : card(empty));
    more.cursor = page.next_cursor;
    more.hidden = !page.next_cursor;
  }
  return { node: [list, more], load: () => load() };
}

export function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

export const download = (api, path, name, query) => async () =>
  save(await api.call("GET", path, { blob: true, timeoutMs: 60000, query }), name);

// 在几个单位任职的，要写明替哪一个单位办。
const SLOT = "xinyi.partners.organisation";
export function ownOrganisations(api) {
  const own = api.account.memberships.filter((one) => one.role === "partner-manager");
  return [...new Map(own.map((one) => [one.organisation_id, one.organisation_name]))];
}

export function whose(api) {
  const own = ownOrganisations(api);
  if (own.length < 2) return {};
  const chosen = sessionStorage.getItem(SLOT);
  return { organisation_id: own.some(([id]) => id === chosen) ? chosen : own[0][0] };
}

export const choose = (id) => sessionStorage.setItem(SLOT, id);

export const monthText = (month) => day(`${month}-01`).replace(/1日$/, "");

// 可以左右滚动的表，键盘也滚得动。
export const wide = (label, table) =>
  h("div", { class: "wide", tabIndex: 0, role: "region", "aria-label": label }, table);
