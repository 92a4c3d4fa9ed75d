// 办公室：合作机构提出的优惠和场所；逐项差异，定结算价和出资账户，决定。

import { card, facts, field, h, instant, show } from "../dom.js";
import { changeOf } from "../office/proposals.js";
import { chosen, decisionCard, history, statusFilter } from "./cases.js";
import { back, caseTag, fenOf, fenText, listing, money } from "./words.js";

export const KINDS = { offer: "优惠", close: "停止优惠", venue: "场所" };

export const showReview = ({ api }, [id]) => (id ? showOne(api, id) : showAll(api));

async function showAll(api) {
  const list = listing(
    (cursor) => api.get("/partners/proposals", { ...chosen(filter), ...cursor }),
    (one) => proposalLine(one, "review"),
    { id: "proposals", empty: "没有这样的提议" },
  );
  const filter = statusFilter(list.load);
  show(field("状态", filter), list.node);
  await list.load();
}

export const titleOf = (one) => one.content.title ?? one.content.name ?? one.slug;

export function proposalLine(one, tab) {
  const box = card(
    `${KINDS[one.kind]}：${titleOf(one)}`,
    h("p", { class: "row" }, caseTag(one.status), h("span", { class: "muted" }, one.partner_name)),
    h("p", { class: "small muted" }, `${one.proposer} 提出于 ${instant(one.applied_at)}`),
    h("a", { class: "button", href: `#/${tab}/${one.id}` }, "查看"),
  );
  box.dataset.proposal = one.id;
  return box;
}

export function proposalCards(one, toApproval) {
  return [
    card(
      `${KINDS[one.kind]}：${titleOf(one)}`,
      h("p", { class: "row" }, caseTag(one.status)),
      facts([
        ["合作机构", one.partner_name],
        ["提出人", one.proposer],
        ["编号", h("span", { class: "code-text" }, one.slug)],
      ]),
      h(
        "details",
        null,
        h("summary", null, "所提内容全文"),
        h("pre", { class: "whole", tabIndex: 0 }, JSON.stringify(one.content, null, 2)),
      ),
    ),
    one.changes.length ? card("与现行政策的差异", one.changes.map(changeOf)) : null,
    history(one, toApproval),
  ];
}

async function showOne(api, id) {
  const path = `/partners/proposals/${encodeURIComponent(id)}`;
  const one = await api.get(path);
  show(
    back("review"),
    proposalCards(one, true),
    api.account.roles.includes("office")
      ? decisionCard(one, {
          extra: one.kind === "offer" ? settlement(one.content) : null,
          send: (body) => api.keyed("POST", `${path}/decisions`, body),
          again: () => showOne(api, id),
        })
      : null,
  );
}

function settlement(offer) {
  const asked = offer.settlement_price_fen;
  const price = money({ required: true, value: fenText(asked ?? 0) });
  const account = h("input", { maxLength: 60, autocomplete: "off", autocapitalize: "none", value: offer.funding_account ?? "" });
  const keep = h("input", { type: "checkbox", checked: asked === undefined && !offer.funding_account, id: "keep-settlement" });
  const own = h(
    "div",
    { class: "stack" },
    field("结算价（元，每次使用）", price, asked === undefined ? "合作机构没有提出。" : "合作机构提出的已填好，可以另定。"),
    field("出资账户（单位代号）", account, "由谁付给合作机构；空着就是不另行付款。"),
  );
  const follow = () => (own.hidden = keep.checked);
  keep.addEventListener("change", follow);
  follow();
  return {
    node: [h("div", { class: "check" }, keep, h("label", { htmlFor: keep.id }, "结算价和出资账户沿用现行的（新优惠为 0）")), own],
    value() {
      if (keep.checked) return {};
      if (!price.reportValidity()) return null;
      return { settlement: { settlement_price_fen: fenOf(price.value), funding_account: account.value.trim() } };
    },
  };
}
