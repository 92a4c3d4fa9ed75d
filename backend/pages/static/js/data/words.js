// 批次的状态、方式、计数怎么说。

import { h } from "../dom.js";

export const STATES = {
  received: "已收到",
  working: "处理中",
  done: "已处理完",
  failed: "不能受理",
  withdrawing: "撤回中",
  withdrawn: "已撤回",
};
const TONES = { received: "warn", working: "warn", done: "good", failed: "bad", withdrawing: "warn" };
export const MOVING = new Set(["received", "working", "withdrawing"]);
export const stateTag = (state) => h("span", { class: `tag ${TONES[state] ?? ""}` }, STATES[state] ?? state);

export const MODES = { report: "报送", correction: "更正", check: "只检查" };

// 五项相加就是已审核的行；颜色只是帮手，名称和数都写出来。
export const OUTCOMES = [
  ["rows_added", "入档", "added", "可以入档"],
  ["rows_corrected", "更正", "corrected", "可以更正"],
  ["rows_unchanged", "没有变化", "unchanged"],
  ["rows_quarantined", "隔离", "quarantined"],
  ["rows_rejected", "退回", "rejected"],
];
export const VERDICTS = {
  added: "入档",
  corrected: "更正",
  unchanged: "没有变化",
  rejected: "退回",
  quarantined: "隔离",
  accepted: "可以入档",
};
export const outcomeName = (outcome, mode) => (mode === "check" && outcome[3]) || outcome[1];

export function bytes(count) {
  if (count < 1024) return `${count} 字节`;
  if (count < 1024 ** 2) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 ** 2).toFixed(1)} MiB`;
}
