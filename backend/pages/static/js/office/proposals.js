// 审批事项：列表、将会发生什么、逐项差异、决定。

import { button, card, confirm, facts, field, h, instant, show, tell } from "../dom.js";

const STATES = { proposed: "待审批", approved: "已批准", rejected: "不予批准", withdrawn: "已撤回", expired: "已过期" };
const TONES = { proposed: "warn", approved: "good", rejected: "bad" };
const stateTag = (state) => h("span", { class: `tag ${TONES[state] ?? ""}` }, STATES[state]);

export async function showProposals(api) {
  const choice = h(
    "select",
    null,
    h("option", { value: "" }, "全部"),
    Object.entries(STATES).map(([value, label]) => h("option", { value }, label)),
  );
  choice.value = "proposed";
  const list = h("div", { class: "stack", id: "proposals" });
  const more = button("更早的", () => read(more.cursor));
  async function read(cursor) {
    const chosen = choice.value;
    const query = { ...(chosen ? { state: chosen } : {}), ...(cursor ? { cursor } : {}) };
    const page = await api.get("/approvals", query);
    if (choice.value !== chosen) return; // 又换了一种状态：迟到的答复不算
    if (!cursor) list.replaceChildren();
    list.append(...page.items.map(lineOf));
    if (!list.children.length) list.append(card("没有事项", h("p", null, "换一种状态看看。")));
    more.cursor = page.next_cursor;
    more.hidden = !page.next_cursor;
  }
  choice.addEventListener("change", () => read());
  show(field("状态", choice), list, more);
  await read();
}

function lineOf(one) {
  const box = card(
    one.kind_title,
    h(
      "p",
      { class: "row" },
      stateTag(one.state),
      h("span", { class: "muted" }, `${one.proposer.display_name} 提出于 ${instant(one.proposed_at)}`),
    ),
    h("p", null, one.summary[0]),
    h("p", { class: "small muted" }, `理由：${one.reason}`),
    h("a", { class: "button", href: `#/approvals/${one.id}` }, one.own ? "查看" : "查看并审批"),
  );
  box.dataset.approval = one.id;
  return box;
}

export async function showProposal(api, id) {
  const one = await api.get(`/approvals/${encodeURIComponent(id)}`);
  const again = () => showProposal(api, id);
  show(
    h("p", null, h("a", { href: "#/approvals" }, "← 返回列表")),
    card(
      one.kind_title,
      h("p", { class: "row" }, stateTag(one.state)),
      h(
        "ul",
        { id: "summary" },
        one.summary.map((line) => h("li", null, line)),
      ),
      facts([
        ["理由", one.reason],
        ["提出人", one.proposer.display_name],
        ["提出时间", instant(one.proposed_at)],
        ["审批期限", one.state === "proposed" ? instant(one.expires_at) : ""],
        ["审批人", one.decider?.display_name],
        ["审批意见", one.decision_reason],
        ["办结时间", instant(one.closed_at)],
      ]),
    ),
    one.changes.length ? card("逐项差异", one.changes.map(changeOf)) : null,
    one.state === "proposed" && !one.own && api.account.roles.includes("office") ? decisionOf(api, one, again) : null,
    one.own ? ownPart(api, one, again) : null,
    card(
      "内容摘要值",
      h("p", { class: "small muted" }, "审批时随同提交，保证所批的就是这里看到的。"),
      h("p", { class: "code-text" }, one.digest),
    ),
  );
}

// 成块的内容一行一项；其余照原样。
function readable(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}

export function changeOf(change) {
  const side = (label, text, tone) =>
    h(
      "div",
      { class: `side ${tone}` },
      h("span", { class: "label" }, label),
      h("pre", { tabIndex: 0 }, text === null ? "（没有）" : readable(text)), // 长的在框里滚动，键盘也滚得动
    );
  return h(
    "div",
    { class: "change" },
    h("p", { class: "code-text" }, change.path),
    side("原来", change.before, "was"),
    side("改为", change.after, "becomes"),
  );
}

function decisionOf(api, one, again) {
  const reason = h("textarea", { required: true, minLength: 2, maxLength: 500 });
  const decide = (decision, yes, danger) => async () => {
    if (!reason.reportValidity()) return;
    if (!(await confirm(`${yes}？`, one.summary[0], yes, danger))) return;
    const body = { decision, reason: reason.value.trim(), digest: one.digest };
    await api.keyed("POST", `/approvals/${one.id}/decisions`, body);
    tell(decision === "approve" ? "已批准并执行" : "已作出不予批准的决定");
    await again();
  };
  return card(
    "审批",
    h("p", { class: "notice plain-note" }, "批准的同时就执行。请逐项看过上面的内容再决定。"),
    field("审批理由", reason, "办理记录里长期保存，不要写姓名、证件号和手机号。"),
    h(
      "div",
      { class: "row" },
      button("批准", decide("approve", "批准并执行", true), { class: "main grow" }),
      button("不予批准", decide("reject", "不予批准", false), { class: "danger grow" }),
    ),
  );
}

function ownPart(api, one, again) {
  if (one.state === "proposed")
    return card(
      "您提出的事项",
      h("p", null, "须由另一位同事审批，您自己不能审批。"),
      button("撤回", async () => {
        if (!(await confirm("撤回？", one.summary[0], "撤回", true))) return;
        await api.call("POST", `/approvals/${one.id}/withdrawal`);
        tell("已撤回");
        await again();
      }),
    );
  if (one.state !== "approved" || one.kind !== "people.export") return null;
  const box = card(
    "下载导出",
    h(
      "p",
      { class: "notice warn" },
      `只能下载一次，${instant(one.result.download_until)} 前有效。下载时登记每个人的“谁看过我”。`,
    ),
    button(
      "下载（一次）",
      async () => {
        save(await api.call("GET", `/approvals/${one.id}/export`, { blob: true, timeoutMs: 60000 }), one.id);
        box.replaceChildren(h("p", null, `已于 ${instant(new Date())} 下载，不能再下载。用毕请销毁，不得转给他人。`));
        tell("已下载");
      },
      { class: "main" },
    ),
  );
  return box;
}

function save(blob, id) {
  const link = h("a", { href: URL.createObjectURL(blob), download: `export-${id}.zip` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
