// 本机今天的报表：按优惠的数字，没有任何居民。

import { Unreachable } from "./api.js";
import { button, card, facts, h, instant } from "./dom.js";

export function shiftCard(api) {
  const body = h("div", { id: "shift-figures", "aria-live": "polite" });
  const read = button("看今天的报表", () => show(api, body), { id: "shift" });
  return card("本机今天", read, body);
}

async function show(api, body) {
  try {
    body.replaceChildren(...figures(await api.get("/venue/report")));
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    body.replaceChildren(h("p", null, "没有网络，联网后再看。"));
  }
}

const yuan = (fen) => `${(fen / 100).toFixed(2)} 元`;

function figures(report) {
  const waiting = report.open_conflicts;
  return [
    h("p", null, `${instant(report.since)} 起，共放行 ${report.total.admitted} 次`),
    waiting ? h("p", { id: "conflicts" }, `待核对的冲突 ${waiting} 条，请由本单位在管理端处理。`) : null,
    ...report.offers.map((line) =>
      h(
        "section",
        null,
        h("h3", null, line.offer?.title ?? "不属于本处的码"),
        facts([
          ["放行", `${line.admitted}（离线 ${line.offline}）`],
          ["撤销", line.undone],
          ["冲突", line.conflicts],
          ["拒绝", line.refused.map((one) => `${one.title} ${one.count}`).join("；") || 0],
          ["结算", `${line.points} 积分，${yuan(line.settlement_fen)}`],
          ...(line.first_at ? [["第一次和最后一次", `${instant(line.first_at)} 至 ${instant(line.last_at)}`]] : []),
        ]),
      ),
    ),
  ].filter(Boolean);
}
