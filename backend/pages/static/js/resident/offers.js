// 优惠：按场景看，能享受还是不能、因为什么；兑换前再问一句。

import { card, confirm, facts, h, run, show, tell } from "../dom.js";
import { slotPicker, takesSlots } from "./slots.js";

const WINDOWS = { day: "每天", month: "每月", year: "每年", ever: "总共" };

export async function showOffers(context, [scene]) {
  const { api } = context;
  const [scenes, offers] = await Promise.all([
    api.get("/perks/scenes"),
    api.all("/perks/offers", scene ? { scene } : {}),
  ]);
  const tab = (id, name, count) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String((scene ?? "") === id),
        onclick: () => {
          location.hash = `#/offers${id && `/${id}`}`;
        },
      },
      count === null ? name : `${name} ${count}`,
    );
  show(
    h(
      "div",
      { class: "tabs", role: "group", "aria-label": "场景" },
      tab("", "全部", null),
      scenes.items.map((one) => tab(one.id, one.name, one.offers)),
    ),
    scene ? h("p", { class: "muted" }, scenes.items.find((one) => one.id === scene)?.description ?? "") : null,
    offers.map((one) => offerCard(context, one)),
    offers.length ? null : h("p", null, "这个场景暂时没有开放的优惠。"),
  );
}

function offerCard(context, one) {
  const entitled = one.entitled.verdict === "entitled";
  const redeem = h(
    "button",
    {
      type: "button",
      class: "main",
      disabled: !entitled,
      "data-act": "redeem",
      onclick: () => run(redeem, () => redeemOffer(context, one)),
    },
    one.price_points ? `用 ${one.price_points} 积分兑换` : "免费领取",
  );
  const box = card(
    one.title,
    h(
      "p",
      null,
      h("span", { class: entitled ? "tag good" : "tag warn" }, entitled ? "✓ 可以享受" : "暂不能享受"),
      " ",
      h("span", { class: "tag" }, one.price_points ? `${one.price_points} 积分` : "不需要积分"),
      " ",
      h("span", { class: "tag" }, one.stock_text),
    ),
    h("p", null, one.benefit_text),
    h("ul", { class: "conditions" }, one.entitled.reasons.map(condition)),
    h(
      "details",
      null,
      h("summary", null, "详情"),
      h("p", null, one.summary),
      facts([
        ["地点", one.venues.map((place) => place.name).join("、")],
        ["提供方", one.partner.name],
        ["有效期", takesSlots(one) ? "所约的时段" : `兑换后 ${one.coupon_valid_days} 天`],
        ["可用次数", `${one.uses} 次`],
        ["退回", one.refund === "until_used" ? "未使用可取消，积分退回" : "不可取消"],
        ["限领", one.per_person ? `${WINDOWS[one.per_person.window]} ${one.per_person.limit} 份` : "不限"],
        ["依据", one.basis],
      ]),
    ),
    takesSlots(one)
      ? slotPicker(context, one, (offer, startsAt) => redeemOffer(context, offer, startsAt))
      : h("div", null, redeem),
  );
  box.dataset.offer = one.id;
  return box;
}

const condition = (reason) =>
  h(
    "li",
    null,
    h("span", { class: reason.ok ? "yes" : "no", "aria-hidden": "true" }, reason.ok ? "✓" : "✕"),
    h(
      "span",
      null,
      h("span", { class: "sr" }, reason.ok ? "符合：" : "不符合："),
      reason.text,
      !reason.ok && reason.remedy ? h("span", { class: "small muted" }, `（${reason.remedy}）`) : null,
    ),
  );

async function redeemOffer({ api }, one, startsAt) {
  const text = one.price_points
    ? `将冻结 ${one.price_points} 积分，使用后付给${one.partner.name}；${one.refund === "until_used" ? "未使用前可以取消，积分退回。" : "兑换后不能取消。"}`
    : "不动积分。";
  if (!(await confirm(`兑换“${one.title}”？`, text, "确认兑换"))) return;
  const made = await api.keyed("POST", `/perks/offers/${one.id}/redemptions`, startsAt && { slot_starts_at: startsAt });
  tell("兑换成功");
  location.hash = `#/coupons/${made.coupon.id}`;
}
