// 检索的共同部分：几个条件、按日期、一页一页地取；条件可以从一行点过去。条件不写进地址：历史记录里不留下谁。

import { button, card, field, h, onSubmit, show } from "../dom.js";

const wanted = new Map(); // 每一栏现在的条件
const DAY_MS = 86400e3;
const midnight = (date, after = 0) => new Date(Date.parse(`${date}T00:00:00+08:00`) + after).toISOString();

// fields：{名称: [标题, 提示, 输入框的属性]}；lineOf(一行, 点过去)：显示一行。
export async function showSearch({ api, route }, { path, title, hint, fields, lineOf }) {
  const asked = wanted.get(path) ?? {};
  const inputs = Object.fromEntries(
    Object.entries(fields).map(([name, [, , props]]) => [
      name,
      h("input", { autocomplete: "off", spellcheck: false, ...props, value: asked[name] ?? "" }),
    ]),
  );
  const dates = ["from", "until"].map((name) => h("input", { type: "date", value: asked[name] ?? "" }));
  const go = (values) => {
    wanted.set(path, Object.fromEntries(Object.entries(values).filter(([, value]) => value)));
    return route();
  };
  const form = onSubmit(
    h(
      "form",
      { id: "search" },
      Object.entries(fields).map(([name, [label, note]]) => field(label, inputs[name], note)),
      h("div", { class: "row" }, field("自（含）", dates[0]), field("至（含）", dates[1])),
      h("button", { type: "submit", class: "main" }, "检索"),
    ),
    () =>
      go({
        ...Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value.trim()])),
        from: dates[0].value,
        until: dates[1].value,
      }),
  );
  const list = h("ul", { class: "reasons", id: "found" });
  const none = h("p", { class: "muted" }, "没有找到。换一些条件试试。");
  const more = button("更早的", () => search(more.cursor));
  const pick = (name, value) => () => go({ [name]: value });
  const { from, until, ...rest } = asked;
  const query = { ...rest, from_at: from && midnight(from), until_at: until && midnight(until, DAY_MS), limit: 30 };
  async function search(cursor = null) {
    const page = await api.get(path, { ...query, cursor });
    if (!cursor) list.replaceChildren();
    list.append(...page.items.map((one) => h("li", null, lineOf(one, pick))));
    none.hidden = Boolean(list.children.length);
    more.cursor = page.next_cursor;
    more.hidden = !page.next_cursor;
  }
  await search();
  const narrowed = Object.keys(asked).length > 0;
  show(
    h(
      "details",
      { class: "card", open: narrowed },
      h("summary", null, "检索条件"),
      h("p", { class: "small muted" }, hint),
      form,
      narrowed ? button("去掉全部条件", () => go({})) : null,
    ),
    card(title, list, none, more),
  );
}

// 点一下，就只看有它的。
export function only(text, words, pick) {
  return h("button", { type: "button", class: "quiet id", "aria-label": `${text}：${words}`, onclick: pick }, text);
}

// 一个编号：显示末八位（开头的是时间，彼此相像）。
export const numbered = (words, id, pick) => only(`…${id.slice(-8)}`, `只看${words}`, pick);

export const sealedIn = (batch) => (batch === null ? "尚未封存" : `第 ${batch} 批封存`);
