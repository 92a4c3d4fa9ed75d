// 隔离：名称与代码（姓名与号码）对不上的行，由办公室核对以后按代码入档，或者退回报送单位。

import { button, card, confirm, facts, field, h, instant, show, tell } from "../dom.js";
import { lineOf } from "./batches.js";

const DECISIONS = { accepted: ["已按代码入档", "good"], rejected: ["已退回", "bad"], withdrawn: ["批次已撤回", ""] };

// 有行等着裁定的批次。
export async function showQuarantine({ api }) {
  const waiting = (await api.all("/batches", {})).filter((one) => one.rows_quarantined);
  show(
    h("p", { class: "notice plain-note" }, "同一个代码（号码）在档案里是另一个名称（姓名）：可能写错了，也可能已经更名。核对清楚再裁定。"),
    waiting.map(lineOf),
    waiting.length ? null : card("没有等待裁定的行", h("p", null, "都办完了。")),
  );
}

// 一个批次里隔离的行；办公室可以裁定。
export async function quarantineCard(api, one, again) {
  const rows = await api.all(`/batches/${one.id}/quarantine`).catch((error) => {
    if (error.slug === "upload-forgotten") return [];
    throw error;
  });
  if (!rows.length) return null;
  const decides = api.account.roles.includes("office") && ["done", "failed"].includes(one.status);
  return card(
    "隔离的行",
    h(
      "p",
      null,
      rows.some((row) => row.subject_code)
        ? "代码（或所填的旧代码）在档案里属于另一个名称，由项目办公室核对后裁定。"
        : "号码在档案里是另一个姓名，由项目办公室核对后裁定。姓名和号码不在这里显示，请报送单位按行号核对自己的文件。",
    ),
    h("ul", { class: "reasons", id: "quarantined" }, rows.map((row) => h("li", null, lineOfRow(api, one, row, decides, again)))),
  );
}

function lineOfRow(api, one, row, decides, again) {
  const [said, tone] = DECISIONS[row.decision] ?? ["等待裁定", "warn"];
  return h(
    "div",
    { class: "stack" },
    h("p", { class: "row" }, h("strong", null, `第 ${row.row_number} 行`), h("span", { class: `tag ${tone}` }, said)),
    facts([
      ["文书号", row.document_no],
      ["代码", row.subject_code],
      ["报送的名称", row.reported_name],
      ["档案的名称", row.known_name],
      ["说明", row.reported_name && row.reported_name === row.known_name ? "名称相符；所填的旧代码（注册号等）属于另一单位" : null],
      ["裁定理由", row.decision_reason],
      ["裁定时间", instant(row.decided_at)],
    ]),
    decides && !row.decision ? decisionOf(api, one, row, again) : null,
  );
}

function decisionOf(api, one, row, again) {
  const reason = h("input", { required: true, maxLength: 200, autocomplete: "off" });
  const decide = (decision, yes, text) => async () => {
    if (!reason.reportValidity()) return;
    if (!(await confirm(`${yes}？`, text, yes, decision === "reject"))) return;
    const body = { decision, reason: reason.value.trim() };
    await api.keyed("POST", `/batches/${one.id}/quarantine/${row.row_number}/decision`, body);
    await again();
    tell(decision === "accept" ? "已按代码入档" : "已退回报送单位");
  };
  const renamed = row.reported_name ? `档案随之更名为“${row.reported_name}”。` : "";
  return h(
    "div",
    { class: "stack" },
    field("裁定理由", reason, "长期保存，不要写姓名和证件号。"),
    h(
      "div",
      { class: "row" },
      button("按代码入档", decide("accept", "按代码入档", `这一行归入该代码的档案。${renamed}`), { class: "main grow" }),
      button("退回", decide("reject", "退回", "列入退回的行，由报送单位改正后再报。"), { class: "danger grow" }),
    ),
  );
}
