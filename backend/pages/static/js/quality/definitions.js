// 口径：每个数字怎么算、是什么意思、出处在哪里。

import { card, facts, h } from "../dom.js";

export function showDefinitions(report) {
  return [
    report.definitions.map((one) =>
      card(
        one.title,
        facts([
          ["算法", one.formula],
          ["含义", one.meaning],
          ["出处", one.source],
        ]),
      ),
    ),
    card(
      "重错码率的警戒线",
      h("p", null, `每一千行不超过 ${report.line.permille} 行，含本数，按行数精确比较。`),
      h("p", { class: "small muted" }, report.line.basis),
    ),
    card("说明", h("ul", null, report.notes.map((note) => h("li", null, note)))),
  ];
}
