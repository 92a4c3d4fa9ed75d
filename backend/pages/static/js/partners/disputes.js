// 争议：居民对先享后付、免押账单的异议，由办公室决定。打开一件先记入其查询登记。

import { button, card, facts, field, h, instant, show, tell } from "../dom.js";
import { back, listing, tag, yuan } from "./words.js";

export const showDisputes = ({ api }, [id]) => (id ? showOne(api, id) : showAll(api));

async function showAll(api) {
  const list = listing((cursor) => api.get("/obligations/disputes", cursor), lineOf, {
    id: "obligation-disputes",
    empty: "没有待决定的争议",
    next: "更多",
  });
  show(list.node);
  await list.load();
}

function lineOf(one) {
  const box = card(
    `${one.partner_name}：${one.title}`,
    h("p", { class: "row" }, tag(one.kind_text), h("span", null, yuan(one.amount_fen))),
    h("p", { class: "small muted" }, `提出于 ${instant(one.disputed_at)}，异议人化名 ${one.pseudonym}`),
    h("a", { class: "button", href: `#/disputes/${one.id}` }, "查看双方怎么说"),
  );
  box.dataset.dispute = one.id;
  return box;
}

async function showOne(api, id) {
  const path = `/obligations/disputes/${encodeURIComponent(id)}`;
  const one = await api.get(path);
  const made = one.dispute;
  show(
    back("disputes"),
    card(
      `${made.partner_name}：${made.title}`,
      facts([
        ["账单", `${yuan(made.amount_fen)}（最多 ${yuan(made.up_to_fen)}）`],
        ["使用时间", instant(made.used_at)],
        ["报账时间", instant(made.charged_at)],
        ["异议人化名", h("span", { class: "code-text" }, made.pseudonym)],
        ["决定", { upheld: "账单成立", withdrawn: "账单取消" }[one.decision]],
        ["决定时间", instant(one.decided_at)],
      ]),
    ),
    card("商户的事由", h("p", { class: "whole" }, one.charge_reason ?? "（已删除）")),
    card("居民的异议", h("p", { class: "whole" }, one.text ?? "（已删除）")),
    one.own ? card("与您有关", h("p", null, "您是其中一方，须由别的同事决定。")) : null,
    one.own || one.decision ? null : decision(api, path, () => showOne(api, id)),
  );
}

function decision(api, path, again) {
  const reason = h("textarea", { required: true, minLength: 2, maxLength: 200, rows: 3 });
  const decide = (choice, said) => async () => {
    if (!reason.reportValidity()) return;
    await api.keyed("POST", `${path}/decisions`, { decision: choice, reason: reason.value.trim() });
    tell(said);
    await again();
  };
  return card(
    "决定",
    field("理由", reason, "给居民看。"),
    h("p", { class: "small muted" }, "账单成立的，付款期限从现在重新计算。"),
    h(
      "div",
      { class: "row" },
      button("账单成立", decide("upheld", "已决定：账单成立"), { class: "grow" }),
      button("取消账单", decide("withdrawn", "已决定：账单取消"), { class: "main grow" }),
    ),
  );
}
