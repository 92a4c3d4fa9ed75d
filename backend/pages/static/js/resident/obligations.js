// 先享后付／免押：每一笔现在是什么情况、接下来会怎样；对金额有异议的在这里提。

import { button, card, facts, field, h, instant, onSubmit, show, tell } from "../dom.js";
import { TONES } from "../partners/obligations.js";
import { yuan } from "../partners/words.js";

export async function showObligations({ api, route }) {
  const page = await api.get("/me/obligations");
  if (!page.items.length) return null;
  const line = (one) => lineOf(api, one, route);
  const list = h("ul", { class: "reasons", id: "my-obligations" }, page.items.map(line));
  let cursor = page.next_cursor;
  const more =
    cursor &&
    button("更早的", async () => {
      const next = await api.get("/me/obligations", { cursor });
      list.append(...next.items.map(line));
      cursor = next.next_cursor;
      if (!cursor) more.remove();
    });
  const note = "款项由您直接付给商户，本平台只作记录、不收款；任何时候都不影响信用分。";
  return card("先享后付／免押", h("p", { class: "small muted" }, note), list, more);
}

function lineOf(api, one, route) {
  const open = async () => showOne(api, one.id, route);
  return h(
    "li",
    { "data-obligation": one.id },
    h(
      "span",
      null,
      h("strong", null, one.title),
      h("br"),
      h("span", { class: "small" }, one.explanation),
      h("br"),
      h("span", { class: "small muted" }, `${one.partner_name}，${instant(one.used_at)}`),
      h("br"),
      button("查看", open, { class: "quiet", "aria-label": `查看 ${one.title}` }),
    ),
    h("span", { class: `tag ${TONES[one.state] ?? ""}` }, one.state_text),
  );
}

async function showOne(api, id, route) {
  const one = await api.get(`/me/obligations/${encodeURIComponent(id)}`);
  const made = one.dispute;
  show(
    button("← 返回", route, { class: "quiet" }),
    card(
      one.title,
      h("p", { class: "row" }, h("span", { class: `tag ${TONES[one.state] ?? ""}` }, one.state_text), h("span", { class: "muted" }, one.kind_text)),
      h("p", { class: "notice plain-note" }, one.explanation),
      facts([
        ["商户", one.partner_name],
        ["金额", one.amount_fen === null ? `商户还没有报账，最多 ${yuan(one.up_to_fen)}` : yuan(one.amount_fen)],
        ["商户写的事由", one.charge_reason],
        ["使用时间", instant(one.used_at)],
        ["付款期限", instant(one.due_at)],
        ["付款时间", instant(one.paid_at)],
        ["了结时间", instant(one.ended_at)],
      ]),
    ),
    made
      ? card(
          "您的异议",
          h("p", null, made.text ?? "（已按期删除）"),
          facts([
            ["提出时间", instant(made.disputed_at)],
            ["决定", { upheld: "账单成立", withdrawn: "账单取消" }[made.decision] ?? "办公室还没有决定"],
            ["理由", made.reason],
            ["决定时间", instant(made.decided_at)],
          ]),
        )
      : null,
    one.may_dispute ? disputeCard(api, id, route) : null,
  );
}

function disputeCard(api, id, route) {
  const text = h("textarea", { required: true, minLength: 2, maxLength: 1000, rows: 4 });
  const form = onSubmit(
    h(
      "form",
      { class: "stack", id: "dispute" },
      field("哪里不对", text, "商户看不到，项目办公室看得到。"),
      h("button", { type: "submit", class: "main" }, "提出异议"),
    ),
    async () => {
      await api.keyed("POST", `/me/obligations/${encodeURIComponent(id)}/disputes`, { text: text.value.trim() });
      tell("异议已提出，处理期间不算逾期");
      await showOne(api, id, route);
    },
  );
  return card("对金额有异议", h("p", { class: "small muted" }, "由项目办公室决定，每笔账单一次；处理期间不算逾期。"), form);
}
