// 券包：状态、出示（二维码到期前自动更换）、取消。

import { button, card, confirm, facts, h, instant, lastDay, living, show, tell } from "../dom.js";
import { waitingCards } from "./slots.js";

const STATUS = { issued: ["good", "可使用"], used: ["", "已用完"], cancelled: ["", "已取消"], expired: ["", "已过期"] };
let shown = null;

export async function showCoupons(context, [chosen]) {
  shown?.stop();
  const [coupons, waiting] = await Promise.all([context.api.all("/me/coupons"), waitingCards(context)]);
  const first = coupons.filter((one) => one.id === chosen),
    rest = coupons.filter((one) => one.id !== chosen);
  show(
    first.map((one) => couponCard(context, one, true)),
    waiting,
    rest.map((one) => couponCard(context, one, false)),
    coupons.length ? null : card("还没有券", h("p", null, "在“优惠”里兑换。")),
    context.helping ? null : presence(context),
  );
}

function couponCard({ api, route }, one, open) {
  const [kind, words] = STATUS[one.status];
  const place = h("div", null);
  const reveal = () => {
    shown?.stop();
    shown = living(() => api.call("POST", `/me/coupons/${one.id}/codes`, { query: { qr: "svg" } }), {
      alt: `${one.offer.title}的二维码`,
    });
    place.replaceChildren(shown);
  };
  const cancel = async () => {
    const text = one.price_points ? `${one.price_points} 积分退回原来的批次。` : "名额会放出来给别人。";
    if (!(await confirm(`取消“${one.offer.title}”？`, text, "取消这张券", true))) return;
    await api.keyed("POST", `/me/coupons/${one.id}/cancellation`);
    await route();
    tell("已取消，积分已退回");
  };
  const box = card(
    one.offer.title,
    h(
      "p",
      null,
      h("span", { class: `tag ${kind}` }, words),
      one.uses_total > 1 ? h("span", { class: "small muted" }, ` 剩 ${one.uses_left} / ${one.uses_total} 次`) : null,
    ),
    h("p", null, one.offer.benefit_text),
    facts([
      ["地点", one.venues.map((venue) => venue.name).join("、")],
      ["时段", instant(one.slot_starts_at)],
      ["有效期", `至 ${lastDay(one.valid_until)}`],
      ["积分", one.price_points ? String(one.price_points) : ""],
      ["最近使用", instant(one.last_used_at)],
      ["结束于", one.status === "issued" ? "" : instant(one.closed_at)],
    ]),
    one.status === "issued"
      ? h(
          "div",
          { class: "row" },
          button("出示二维码", reveal, { class: "main grow", "data-act": "show" }),
          one.cancellable ? button("取消", cancel, { class: "danger", "data-act": "cancel" }) : null,
        )
      : null,
    place,
  );
  box.dataset.coupon = one.id;
  box.dataset.status = one.status;
  if (open && one.status === "issued") reveal();
  return box;
}

function presence({ api }) {
  const place = h("div", null);
  return card(
    "身份码",
    h("p", null, "不需要积分的优惠，可以出示身份码。场馆只得到“可以”或“不可以”，看不到您是谁、多少分。"),
    button("出示身份码（1 分钟有效）", () => {
      shown?.stop();
      shown = living(
        () => api.call("POST", "/me/presentation-codes", { body: { purpose: "offer" }, query: { qr: "svg" } }),
        { alt: "身份码" },
      );
      place.replaceChildren(shown);
    }),
    place,
  );
}
