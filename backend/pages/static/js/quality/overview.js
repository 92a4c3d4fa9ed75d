// 总览：六个指标、逐月的线、各单位的重错码率。每张图旁边是同样数字的表。

import { card, h } from "../dom.js";
import { bars, lines } from "./plots.js";
import { factsOf, lineTag, table } from "./tables.js";
import { monthWords, percent, permille, rangeWords, whole } from "./words.js";

const MOST_BARS = 15;

export function showOverview(report) {
  return [totals(report), byMonth(report), badCodes(report)];
}

function totals(report) {
  const { total } = report;
  return card("合计", h("p", null, `${whole(total.batches)} 个批次，${whole(total.rows)} 行`), factsOf(report, total));
}

function byMonth(report) {
  const label = (month) => (report.months.length > 1 ? month.slice(2).replace("-", "/") : month);
  const values = (name) => report.months.map(({ figures }) => inPercent(figures[`${name}_per_10000`]));
  const known = report.months.filter(({ figures }) => figures.rows);
  const drawing = lines({
    title: "逐月的合规率和及时率",
    description: known.length ? known.map(inWords).join("；") : "没有数据",
    labels: report.months.map(({ month }) => label(month)),
    series: [
      ["合规率", "first", values("validity")],
      ["及时率", "second", values("timeliness")],
    ],
  });
  const rows = [...report.months].reverse().map(({ month, figures }) => [
    month,
    percent(figures.validity_per_10000),
    percent(figures.timeliness_per_10000),
    whole(figures.rows),
  ]);
  return card(
    "逐月",
    known.length ? h("figure", null, drawing) : h("p", { class: "muted" }, "这几个月没有计入的批次。"),
    table("逐月的合规率、及时率和行数", ["月份", "合规率", "及时率", "行数"], rows),
  );
}

const inWords = ({ month, figures }) =>
  `${monthWords(month)}合规率${percent(figures.validity_per_10000)}、及时率${percent(figures.timeliness_per_10000)}`;

const inPercent = (parts) => (parts === null ? null : parts / 100);

function badCodes(report) {
  const reported = report.organisations.filter(({ figures }) => figures.rows);
  const share = ({ figures }) => (1000 * figures.bad_codes) / figures.rows;
  const worst = [...reported].sort((one, other) => share(other) - share(one));
  const over = reported.filter(({ figures }) => !figures.keeps_to_line);
  const limit = `${report.line.permille}‰`;
  const shown = worst.slice(0, MOST_BARS);
  const drawing = bars({
    title: `各单位的重错码率，警戒线 ${limit}`,
    description: `${rangeWords(report)}，${reported.length} 个单位有报送，${over.length} 个超过 ${limit}。${shown
      .map((one) => `${one.organisation} ${permille(one.figures)}`)
      .join("；")}`,
    rows: shown.map((one) => [
      one.organisation,
      share(one),
      permille(one.figures),
      !one.figures.keeps_to_line,
    ]),
    limit: [report.line.permille, `警戒线 ${limit}`],
  });
  return card(
    "各单位的重错码率",
    h("p", null, reported.length ? `${reported.length} 个单位有报送，${over.length} 个超过 ${limit}。` : "没有单位报送。"),
    reported.length ? h("figure", null, drawing) : null,
    worst.length > MOST_BARS ? h("p", { class: "small muted" }, `图里只画最高的 ${MOST_BARS} 个，其余见表。`) : null,
    table(
      "各单位的重错码率",
      ["单位", "重错码 ÷ 行数", "重错码率"],
      worst.map((one) => [
        one.organisation,
        `${whole(one.figures.bad_codes)} ÷ ${whole(one.figures.rows)}`,
        [
          permille(one.figures),
          one.figures.keeps_to_line ? null : h("span", { class: "block" }, lineTag(report, one.figures)),
        ],
      ]),
      "named",
    ),
    h("p", { class: "small muted" }, `警戒线依据：${report.line.basis}`),
  );
}
