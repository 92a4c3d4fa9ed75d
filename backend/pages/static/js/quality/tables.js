// 表和一组指标怎么摆：窄屏上表可以横着滚，键盘也能滚。

import { facts, h } from "../dom.js";
import { rateOf, whole } from "./words.js";

// 第一列是行的名称，其余是数。
export function table(caption, heads, rows, kind = "") {
  if (!rows.length) return null;
  const head = (text, at) => h("th", { scope: "col", class: at ? "num" : "" }, text);
  const cell = (value, at) => (at ? h("td", { class: "num" }, value) : h("th", { scope: "row" }, value));
  return h(
    "div",
    { class: "wide", role: "region", "aria-label": caption, tabIndex: 0 },
    h(
      "table",
      { class: `sums ${kind}` },
      h("caption", { class: "sr" }, caption),
      h("thead", null, h("tr", null, heads.map(head))),
      h("tbody", null, rows.map((row) => h("tr", null, row.map(cell)))),
    ),
  );
}

export function lineTag(report, figures) {
  const limit = `${report.line.permille}‰`;
  if (figures.keeps_to_line === null) return null;
  return figures.keeps_to_line
    ? h("span", { class: "tag good" }, `未超过 ${limit}`)
    : h("span", { class: "tag bad" }, `超过 ${limit}`);
}

// 六个指标，每个带分子和分母；不计入的批次写在后面。
export function factsOf(report, figures) {
  const told = report.definitions.map(({ name, title, part, whole: of }) => [
    title,
    [
      h("strong", null, rateOf(name, figures)),
      " ",
      h("span", { class: "small muted" }, `${whole(figures[part])} ÷ ${whole(figures[of])}`),
      name === "bad_codes" ? [" ", lineTag(report, figures)] : null,
    ],
  ]);
  const left = [
    [figures.unfinished, "个正在处理或没有办成"],
    [figures.withdrawn_batches, `个已撤回（${whole(figures.withdrawn_rows)} 行）`],
    [figures.trials, "个试审"],
  ].filter(([count]) => count);
  const words = left.map(([count, what]) => `${whole(count)} ${what}`).join("，");
  return facts([
    ...told,
    ["更正", figures.corrected ? `${whole(figures.corrected)} 行` : null],
    ["没有变化", figures.unchanged ? `${whole(figures.unchanged)} 行` : null],
    ["退回", figures.rejected ? `${whole(figures.rejected)} 行` : null],
    ["待核实", figures.quarantined ? `${whole(figures.quarantined)} 行` : null],
    ["不计入的批次", words || null],
  ]);
}
