// 申请和提议都这样办：办公室审核，另一个人批准。两处共用的列表条件、经过和决定。

import { button, card, confirm, facts, field, h, instant, tell } from "../dom.js";
import { CASE_STATES, DECISIONS, choice, reasonBox, tag } from "./words.js";

export function statusFilter(load) {
  const node = choice({ "": "全部", ...CASE_STATES }, "submitted");
  node.addEventListener("change", () => load());
  return node;
}

export const chosen = (filter) => (filter.value ? { status: filter.value } : {});

// 办公室已经作出的决定，和等着另一个人的审批事项。
export function history(one, toApproval) {
  const approvals = { proposed: "待批准", approved: "已批准", rejected: "没有批准", withdrawn: "已撤回", expired: "已过期" };
  return card(
    "办理经过",
    facts([
      ["提交时间", instant(one.applied_at)],
      ["最近变化", instant(one.changed_at)],
      ["发布于政策版本", one.policy_version],
    ]),
    one.missing.length ? [h("p", { class: "label" }, "还缺："), h("ul", null, one.missing.map((text) => h("li", null, text)))] : null,
    one.decisions.length
      ? h(
          "ul",
          { class: "reasons" },
          one.decisions.map((made) =>
            h(
              "li",
              null,
              h("span", null, `${DECISIONS[made.decision]}：${made.reason}`, h("br"), h("span", { class: "small muted" }, instant(made.decided_at))),
            ),
          ),
        )
      : h("p", { class: "muted" }, "办公室还没有决定。"),
    one.approval
      ? h(
          "p",
          { class: "row" },
          tag(approvals[one.approval.state], one.approval.state === "approved" ? "good" : "warn"),
          toApproval ? h("a", { class: "button", href: `/app/office#/approvals/${one.approval.id}` }, "去审批事项") : null,
        )
      : null,
  );
}

// send(body) 把决定送出去；extra：通过时另要写的栏，{ node, value() }。
export function decisionCard(one, { send, again, extra }) {
  if (!["submitted", "returned", "proposed"].includes(one.status)) return null;
  const reason = reasonBox();
  const missing = h("textarea", { rows: 2, maxLength: 4000 });
  const decide = (decision, title, text, danger) => async () => {
    if (!reason.reportValidity()) return;
    const more = decision === "approved" && extra ? extra.value() : {};
    if (!more) return;
    if (!(await confirm(`${title}？`, text, title, danger))) return;
    const lines = decision === "returned" ? missing.value.split("\n").map((line) => line.trim()) : [];
    await send({ decision, reason: reason.value.trim(), missing: lines.filter(Boolean), ...more });
    tell(`已作出决定：${DECISIONS[decision]}`);
    await again();
  };
  const form = [
    field("理由", reason, "对方看得到；不要写证件号和手机号。"),
    one.status === "submitted" ? field("还缺什么（退回时填，一行一条）", missing) : null,
    one.status === "returned" ? null : extra?.node,
    h(
      "div",
      { class: "row" },
      one.status === "returned"
        ? null
        : button("通过，提请批准", decide("approved", "提请批准", "由办公室的另一个人批准，批准的同时发布优惠政策的新版本。"), { class: "main grow" }),
      one.status === "submitted" ? button("退回补正", decide("returned", "退回补正", "对方补正后再审核。"), { class: "grow" }) : null,
      button("不予批准", decide("refused", "不予批准", "就此办结，对方可以重新提出。", true), { class: "danger grow" }),
    ),
  ];
  if (one.status === "submitted") return card("审核", form);
  const title = one.status === "returned" ? "对方还没有补正" : "已提请另一个人批准";
  const why = one.status === "returned" ? "不等补正，直接办结" : "政策已变、没有批准或已过期：重新决定";
  return card(title, h("details", null, h("summary", null, why), h("div", { class: "stack" }, form)));
}
