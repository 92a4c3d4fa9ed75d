// 模拟的结果：等级的去向、分数的分布、变化的大小。每幅图旁边都有同样数字的表。

import { card, day, facts, h } from "../dom.js";
import { barsPlot, changesPlot, flowsPlot } from "./plots.js";
import { changeWord, levelName, people } from "./words.js";

export function resultCards(simulation, more) {
  const { result } = simulation;
  return [
    card(
      "模拟的结果",
      h(
        "p",
        null,
        `按 ${day(simulation.as_of)} 的记录，约 ${people(result.residents)} 人，与当日执行的 ${simulation.base_version} 版相比：`,
      ),
      facts([
        ["分数上升", `${people(result.up)} 人`],
        ["分数不变", `${people(result.same)} 人`],
        ["分数下降", `${people(result.down)} 人`],
        ["还没有分数", result.fresh === 0 ? "" : `${people(result.fresh)} 人`],
      ]),
      h("p", { class: "small muted" }, "人数取整到 5；1 至 4 人写作“<5”，不暴露任何一个人。"),
      more,
    ),
    card("从哪一级到哪一级", h("div", { class: "beside" }, flowsPlot(result), movesTable(result))),
    card("分数的分布", h("div", { class: "beside" }, barsPlot(result), barsTable(result))),
    card("分数变化多少", h("div", { class: "beside" }, changesPlot(result), changesTable(result))),
  ];
}

const table = (caption, heads, rows) =>
  h(
    "div",
    { class: "wide", tabIndex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      { class: "figures" },
      h("caption", { class: "sr" }, caption),
      h("thead", null, h("tr", null, heads.map((head, at) => h("th", { scope: "col", class: at ? "num" : "" }, head)))),
      h(
        "tbody",
        null,
        rows.map(([head, ...cells]) =>
          h(
            "tr",
            null,
            h("th", { scope: "row" }, head),
            cells.map((cell) => h("td", { class: "num" }, cell)),
          ),
        ),
      ),
    ),
  );

function movesTable({ levels_before: before, levels_after: after, moves }) {
  const cell = (from, to) => moves.find((one) => (one.from?.id ?? null) === from && one.to.id === to);
  const rows = [...before].reverse();
  if (moves.some((one) => one.from === null)) rows.push(null);
  const columns = [...after].reverse();
  return table(
    "现在的等级（行）到草稿的等级（列）各多少人",
    ["现在 ＼ 草稿", ...columns.map((level) => level.id)],
    rows.map((level) => [
      levelName(level),
      ...columns.map((to) => {
        const found = cell(level?.id ?? null, to.id);
        return found ? people(found.residents) : "·";
      }),
    ]),
  );
}

const span = ({ from, to }) => (from === to ? String(from) : `${from}–${to}`);

function barsTable({ before, after }) {
  const rows = before.map((bar, at) => [span(bar), people(bar.residents), people(after[at].residents)]);
  return table(
    "各分数段现在和按草稿各多少人",
    ["分数", "现在", "草稿"],
    rows.filter(([, was, becomes]) => was !== "0" || becomes !== "0"),
  );
}

const changesTable = ({ changes }) =>
  table(
    "分数变化各多少人",
    ["变化（分）", "人数"],
    [...changes].reverse().map((one) => [changeWord(one), people(one.residents)]),
  );
