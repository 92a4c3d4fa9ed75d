// 按单位、按目录、按问题的清单。

import { button, card, h } from "../dom.js";
import { narrow } from "./asking.js";
import { factsOf, lineTag } from "./tables.js";
import { percent, whole } from "./words.js";

export function showOrganisations(report, { route }) {
  const entries = [...report.organisations].sort((one, other) => other.figures.rows - one.figures.rows);
  return card(
    "按单位",
    entries.map((one) =>
      entry(report, one.organisation, one.figures, [
        items(report, one.organisation_id),
        report.organisations.length > 1
          ? button("只看这个单位", () => narrow(route, { organisation_id: one.organisation_id }))
          : null,
      ]),
    ),
  );
}

export function showItems(report, { route }) {
  return card(
    "按目录",
    report.catalogue_items.length ? null : h("p", { class: "muted" }, "这几个月没有批次。"),
    report.catalogue_items.map((one) =>
      entry(report, `${one.item_title}（${one.item_code}）`, one.figures, [
        report.catalogue_items.length > 1
          ? button("只看这个条目", () => narrow(route, { item_code: one.item_code }))
          : null,
      ]),
    ),
  );
}

function entry(report, name, figures, more) {
  return h(
    "details",
    { class: "entry" },
    h(
      "summary",
      null,
      h(
        "span",
        { class: "grow" },
        name,
        h(
          "span",
          { class: "small muted block" },
          figures.rows ? `${whole(figures.rows)} 行，合规率 ${percent(figures.validity_per_10000)}` : "没有计入的行",
        ),
      ),
      figures.keeps_to_line === false ? lineTag(report, figures) : null,
    ),
    h("div", { class: "stack" }, factsOf(report, figures), more),
  );
}

function items(report, organisation) {
  const mine = report.sources.filter((one) => one.organisation_id === organisation && one.figures.rows);
  if (!mine.length) return null;
  const line = (one) =>
    h("li", null, `${one.item_title}：${whole(one.figures.rows)} 行，合规率 ${percent(one.figures.validity_per_10000)}`);
  return h("ul", { class: "small" }, mine.map(line));
}

export function showFaults(report) {
  if (!report.faults.length) return card("行数最多的问题", h("p", { class: "muted" }, "没有问题。"));
  const line = (one) =>
    h(
      "li",
      null,
      h(
        "span",
        null,
        h("strong", null, one.column_title),
        `：${one.text}`,
        h("br"),
        h("span", { class: "small muted" }, one.item_title),
      ),
      h("span", { class: "num" }, `${whole(one.rows)} 行`),
    );
  return card(
    "行数最多的问题",
    h("ul", { class: "reasons", id: "faults" }, report.faults.map(line)),
    h("p", { class: "small muted" }, "一行可以有几处问题。全部问题在 Excel 的“问题明细”里。"),
  );
}
