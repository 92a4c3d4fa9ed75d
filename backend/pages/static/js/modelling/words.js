// 草稿、模拟、版本和人数怎么说。

import { h } from "../dom.js";

const DRAFTS = { faulty: "有问题", checked: "检查通过", proposed: "待审批", published: "已发布" };
const DRAFT_TONES = { faulty: "bad", checked: "", proposed: "warn", published: "good" };
const APPROVALS = {
  proposed: "待审批",
  approved: "已批准，已发布",
  rejected: "不予批准",
  withdrawn: "已撤回",
  expired: "已过期",
};
const PERIODS = { "in-force": "执行中", coming: "尚未开始", past: "已经结束", replaced: "没有执行" };
const FAILURES = { "policy-changed": "比较的版本已不再执行，请重新模拟。" };

export const draftTag = (state) => h("span", { class: `tag ${DRAFT_TONES[state]}` }, DRAFTS[state]);
export const approvalWord = (state) => APPROVALS[state];
export const periodTag = (state) => h("span", { class: `tag ${state === "in-force" ? "good" : ""}` }, PERIODS[state]);
export const failureText = (failure) => FAILURES[failure] ?? `没有完成（${failure}），可以重新模拟；再不行请联系运维。`;

// 人数取整到 5；1 至 4 人不细分。
export const people = (count) => (count === null ? "<5" : String(count));
export const levelName = (level) => (level ? `${level.id} ${level.name}` : "还没有分数");

export function changeWord({ from, to }) {
  if (from === 0) return "不变";
  if (from === null) return `降 ${-to} 以上`;
  if (to === null) return `升 ${from} 以上`;
  return from > 0 ? `升 ${from}–${to}` : `降 ${-to}–${-from}`;
}
