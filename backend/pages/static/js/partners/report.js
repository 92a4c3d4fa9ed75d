// 日报：本单位场馆一天的放行、撤销、拒绝、冲突和应付。

import { card, facts, field, h, instant, button, run, show } from "../dom.js";
import { choice, download, whose, wide, yuan } from "./words.js";

const today = () => new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Shanghai" }).format(new Date());

export async function showReport({ api }) {
  const own = await api.get("/partner", whose(api));
  const on = h("input", { type: "date", required: true, value: today(), max: today() });
  const venue = choice({ "": "全部场馆", ...Object.fromEntries(own.venues.map((one) => [one.id, one.name])) }, "");
  const place = h("div", { class: "stack", "aria-live": "polite" });
  const query = () => ({ on: on.value, venue: venue.value || null });
  const read = async () => {
    const asked = JSON.stringify(query());
    const found = await api.get("/partner/report", query());
    if (JSON.stringify(query()) === asked) place.replaceChildren(...reportCards(found));
  };
  for (const one of [on, venue]) one.addEventListener("change", () => on.value && run(one, read));
  show(
    h("div", { class: "beside" }, field("哪一天", on), field("场馆", venue)),
    place,
    button("下载 CSV", () => download(api, "/partner/report.csv", `日报-${on.value}.csv`, query())()),
  );
  await read();
}

function reportCards(found) {
  const total = found.total;
  return [
    card(
      "合计",
      facts([
        ["放行", `${total.admitted} 次${total.offline ? `（离线 ${total.offline} 次）` : ""}`],
        ["撤销", `${total.undone} 次`],
        ["冲突", `${total.conflicts} 次`],
        ["积分", String(total.points)],
        ["应付", yuan(total.settlement_fen)],
        ["拒绝", total.refused.map((one) => `${one.title} ${one.count} 次`).join("；")],
        ["第一次", instant(total.first_at)],
        ["最后一次", instant(total.last_at)],
      ]),
      found.open_conflicts
        ? h("p", null, h("a", { href: "#/conflicts" }, `有 ${found.open_conflicts} 条冲突待处理`))
        : null,
    ),
    found.offers.length ? card("按优惠", offersTable(found.offers)) : card("这一天没有记录"),
  ];
}

function offersTable(offers) {
  const head = ["放行", "撤销", "冲突", "拒绝", "积分", "应付"];
  const row = (one) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, one.offer?.title ?? "不属于本单位任何优惠的码"),
      [
        one.admitted,
        one.undone,
        one.conflicts,
        one.refused.reduce((sum, each) => sum + each.count, 0),
        one.points,
        yuan(one.settlement_fen),
      ].map((value) => h("td", { class: "num" }, value)),
    );
  const headings = head.map((name) => h("th", { scope: "col", class: "num" }, name));
  return wide(
    "按优惠的表",
    h(
      "table",
      { class: "sums named" },
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "优惠"), headings)),
      h("tbody", null, offers.map(row)),
    ),
  );
}
