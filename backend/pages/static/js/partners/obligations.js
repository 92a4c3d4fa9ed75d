// 应付：先享后付和免押。报账、登记付清、了结、撤销。从不说是哪位居民，凭本单位自己的单据核对。

import { button, card, confirm, facts, field, h, instant, onSubmit, show, tell } from "../dom.js";
import { choice, fenOf, listing, money, tag, yuan } from "./words.js";

export const STATES = {
  open: "待报账",
  charged: "待付款",
  arrears: "已逾期",
  disputed: "异议中",
  settled: "已付清",
  cured: "逾期后付清",
  released: "已了结，无须付款",
  withdrawn: "已撤销",
};
export const TONES = { open: "warn", charged: "warn", arrears: "bad", disputed: "warn", settled: "good", cured: "good" };

export async function showObligations({ api }) {
  const state = choice({ "": "全部", ...STATES }, "");
  const list = listing(
    (cursor) => api.get("/partner/obligations", { state: state.value || null, ...cursor }),
    (one) => obligationCard(api, one, list.load),
    { id: "obligations", empty: "没有这样的应付事项" },
  );
  state.addEventListener("change", list.load);
  show(
    h("p", { class: "notice plain-note" }, "款项由对方直接付给本单位，本平台只作记录、不收款。"),
    field("状态", state),
    list.node,
  );
  await list.load();
}

function obligationCard(api, one, again) {
  const path = `/partner/obligations/${one.id}`;
  const act = (end, title, text, danger) => async () => {
    if (!(await confirm(`${title}？`, text, title, danger))) return;
    await api.keyed("POST", `${path}/${end}`);
    tell(`${title}：已办`);
    await again();
  };
  const box = card(
    one.title,
    h("p", { class: "row" }, tag(one.state_text, TONES[one.state]), h("span", { class: "muted" }, one.kind_text)),
    facts([
      ["金额", one.amount_fen === null ? `尚未报账，最多 ${yuan(one.up_to_fen)}` : yuan(one.amount_fen)],
      ["使用时间", instant(one.used_at)],
      ["核销编号", h("span", { class: "code-text" }, one.admission_id)],
      ["报账截止", one.state === "open" ? instant(one.charge_until_at) : ""],
      ["付款期限", instant(one.due_at)],
      ["付款时间", instant(one.paid_at)],
      ["异议提出", instant(one.disputed_at)],
      ["异议决定", { upheld: "账单成立", withdrawn: "账单取消" }[one.decision]],
    ]),
    one.acts.includes("charge") ? chargeForm(api, path, one, again) : null,
    one.acts.includes("pay") ? payForm(api, path, one, again) : null,
    h(
      "div",
      { class: "row" },
      one.acts.includes("release") ? button("了结，无须付款", act("release", "了结", "对方无须付款，不能再报账。")) : null,
      one.acts.includes("withdraw")
        ? button("撤销", act("withdrawal", "撤销", "撤销后不能再报。", true), { class: "danger" })
        : null,
    ),
  );
  box.dataset.obligation = one.id;
  return box;
}

function chargeForm(api, path, one, again) {
  const amount = money({ required: true });
  const reason = h("textarea", { required: true, minLength: 2, maxLength: 200, rows: 2 });
  const form = onSubmit(
    h(
      "form",
      { class: "stack" },
      field("应付（元）", amount, `最多 ${yuan(one.up_to_fen)}，报一次。`),
      field("事由", reason, "由对方阅读，不要写姓名、电话。"),
      h("button", { type: "submit", class: "main" }, "报账"),
    ),
    async () => {
      await api.keyed("POST", `${path}/charges`, { amount_fen: fenOf(amount.value), reason: reason.value.trim() });
      tell("已报账");
      await again();
    },
  );
  return h("details", null, h("summary", null, "报账"), form);
}

function payForm(api, path, one, again) {
  const at = h("input", { type: "datetime-local" });
  const form = onSubmit(
    h(
      "form",
      { class: "stack" },
      field("实际付款时间（可不填）", at, "不填就是现在。在期限内付的，登记得再晚也不算逾期。"),
      h("button", { type: "submit", class: "main" }, `登记已付清 ${yuan(one.amount_fen)}`),
    ),
    async () => {
      const paid = at.value ? new Date(`${at.value}:00+08:00`).toISOString() : null;
      await api.keyed("POST", `${path}/payments`, { paid_at: paid });
      tell("已登记付清");
      await again();
    },
  );
  return h("details", null, h("summary", null, "登记付清"), form);
}
