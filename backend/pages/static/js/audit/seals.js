// 封存：登记和日志每几分钟封成一批，每一批记着上一批。

import { button, card, facts, h, instant, show } from "../dom.js";

const TABLES = { trail: "操作日志", access_log: "查询登记" };

export async function showSeals({ api }) {
  const page = await api.get("/oversight/seals", { limit: 20 });
  const [newest] = page.items;
  const list = h("ul", { class: "reasons", id: "seals" }, page.items.map(lineOf));
  const more = button("更早的", async () => {
    const next = await api.get("/oversight/seals", { limit: 20, cursor: more.cursor });
    list.append(...next.items.map(lineOf));
    later(next);
  });
  const later = ({ next_cursor: cursor }) => {
    more.cursor = cursor;
    more.hidden = !cursor;
  };
  later(page);
  show(
    card(
      "现在",
      facts([
        ["最新一批", newest ? `第 ${newest.number} 批，封存于 ${instant(newest.sealed_at)}` : "还没有"],
        ["等待封存", page.waiting.rows ? `${page.waiting.rows} 行` : "没有"],
        ["其中最早", instant(page.waiting.oldest_at)],
      ]),
      newest
        ? h("a", { class: "button", href: "/.well-known/trail-seal", download: "trail-seal.json" }, "保存最新的封存")
        : null,
      h("p", { class: "small muted" }, "把它存在本系统的维护者改不到的地方，日后整条链被重写也能发现。"),
    ),
    card(
      "怎样核对",
      h(
        "p",
        null,
        "请维护者在服务器上执行下面的命令：它逐行重算每一批，任何一行被改动、删除或事后补写，都会说出在哪一批、哪一行；加上您保存的封存，还能发现整条链被重写。",
      ),
      h("p", { class: "code-text" }, "flask oversight verify --against trail-seal.json"),
    ),
    newest ? card("各批封存", list, more) : null,
  );
}

function lineOf(one) {
  const { closes } = one;
  const what = closes
    ? `销毁 ${TABLES[closes.table] ?? closes.table} 第 ${closes.first} 至 ${closes.last} 批的 ${closes.rows} 行（保存满 ${closes.kept_years} 年）`
    : Object.entries(one.tables ?? {})
        .filter(([, part]) => part.count)
        .map(([table, part]) => `${TABLES[table] ?? table} ${part.count} 行`)
        .join("、");
  return h(
    "li",
    null,
    h(
      "span",
      null,
      h("strong", null, `第 ${one.number} 批`),
      ` ${what}`,
      h("br"),
      h("span", { class: "small muted" }, instant(one.sealed_at)),
      h("details", null, h("summary", null, "封存值和签名"), marks(one)),
    ),
  );
}

const marks = (one) =>
  facts(
    [
      ["封存值", one.seal],
      ["上一批", one.previous],
      ["树根", one.root],
      ["密钥", one.kid],
      ["签名", one.signature],
    ].map(([name, value]) => [name, h("span", { class: "code-text" }, value)]),
  );
