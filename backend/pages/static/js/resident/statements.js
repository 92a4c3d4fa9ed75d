// 每月明细：有积分变动的月份，各有一份可以保存的 PDF。取文件要带着登录，所以是按钮，不是网址。

import { button, card, h, tell } from "../dom.js";

export async function statementsCard({ api }) {
  const page = await api.get("/me/wallet/statements", { limit: 12 });
  if (!page.items.length) return null;
  const lines = (items) => items.map((one) => line(api, one));
  const list = h("ul", { class: "reasons", id: "statements" }, lines(page.items));
  let cursor = page.next_cursor;
  const more =
    cursor &&
    button("更早的月份", async () => {
      const next = await api.get("/me/wallet/statements", { limit: 12, cursor });
      list.append(...lines(next.items));
      cursor = next.next_cursor;
      if (!cursor) more.remove();
    });
  return card("每月明细", list, more);
}

function line(api, one) {
  const [year, month] = one.month.split("-").map(Number);
  const called = `${year}年${month}月明细`;
  return h(
    "li",
    { "data-month": one.month },
    h(
      "span",
      null,
      button(`${called}（PDF）`, () => save(api, one.month, called), { class: "quiet" }),
      h("br"),
      h("span", { class: "small muted" }, one.made_at ? `${one.entries} 笔` : `${one.entries} 笔，尚未结账`),
    ),
    h("span", { class: "num small muted" }, `${one.opening_points} → ${one.closing_points}`),
  );
}

async function save(api, month, called) {
  const blob = await api.call("GET", `/me/wallet/statements/${month}.pdf`, { blob: true, timeoutMs: 60000 });
  const link = h("a", { href: URL.createObjectURL(blob), download: `积分月结单-${month}.pdf` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  tell(`已保存 ${called}`);
}
