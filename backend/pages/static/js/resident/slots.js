// 时段：选一个预约；约满的可以候补，轮到时自动兑换。

import { button, card, confirm, field, h, instant, tell } from "../dom.js";

const STATES = { waiting: "候补中", promoted: "已转为预约", left: "已退出", over: "时段已到，没有轮到" };
const NO_PLACE = new Set(["slots", "stock", "stock-today"]); // 只是现在没有空位：仍可候补

export const takesSlots = (one) => one.slots !== null;

export const mayChoose = (one) =>
  one.entitled.verdict !== "sign-in" && one.entitled.reasons.every((reason) => reason.ok || NO_PLACE.has(reason.slug));

// 打开才去问有哪些时段。
export function slotPicker(context, one, redeem) {
  const place = h("div", null);
  const open = button("选时段", async () => place.replaceChildren(await picker(context, one, redeem)), {
    class: "main",
    disabled: !mayChoose(one),
    "data-act": "slots",
  });
  return h("div", null, open, place);
}

async function picker({ api }, one, redeem) {
  const slots = await api.all(`/perks/offers/${one.id}/slots`);
  if (!slots.length) return h("p", { role: "status" }, "这几天没有可以预约的时段。");
  const choice = h(
    "select",
    null,
    slots.map((slot) => h("option", { value: slot.starts_at }, `${instant(slot.starts_at)}　${left(slot)}`)),
  );
  const chosen = () => slots.find((slot) => slot.starts_at === choice.value);
  const act = button("", () => (chosen().full ? wait(api, one, chosen()) : redeem(one, chosen().starts_at)), {
    class: "main",
    "data-act": "take-slot",
  });
  const follow = () => {
    act.textContent = chosen().full ? "候补这个时段" : "预约这个时段";
  };
  choice.addEventListener("change", follow);
  follow();
  return h("div", null, field("时段", choice, "约满的可以候补，先到先得。"), act);
}

const left = (slot) => (slot.full ? "已约满，可候补" : slot.left < 10 ? `剩 ${slot.left} 位` : "有空位");

async function wait(api, one, slot) {
  const cost = one.price_points ? `冻结 ${one.price_points} 积分` : "不需要积分";
  const back = one.refund === "until_used" ? "时段开始前可以取消，积分退回。" : "兑换后不能取消。";
  const text = `有空位轮到您时，自动兑换（${cost}），并发消息告诉您；${back}轮到以前随时可以退出，不收积分。`;
  if (!(await confirm(`候补“${one.title}”${instant(slot.starts_at)}？`, text, "同意，加入候补"))) return;
  const made = await api.keyed("POST", `/perks/offers/${one.id}/slots/waiting`, { slot_starts_at: slot.starts_at, auto: true });
  tell(made.ahead ? `已加入候补，前面还有 ${made.ahead} 人` : "已加入候补，您是第一位");
  location.hash = "#/coupons";
}

export async function waitingCards({ api, route }) {
  const entries = (await api.all("/me/waiting")).filter((one) => one.state === "waiting" || one.state === "promoted");
  return entries.map((one) => {
    const leave = async () => {
      await api.call("DELETE", `/me/waiting/${one.id}`);
      await route();
      tell("已退出候补");
    };
    const box = card(
      one.offer_title,
      h(
        "p",
        null,
        h("span", { class: one.state === "promoted" ? "tag good" : "tag" }, STATES[one.state]),
        ` ${instant(one.starts_at)}`,
        one.state === "waiting" ? `，前面还有 ${one.ahead} 人` : "",
      ),
      h("p", { class: "small muted" }, one.text),
      one.state === "promoted"
        ? h("a", { href: `#/coupons/${one.coupon_id}` }, "看这张券")
        : button("退出候补", leave, { class: "danger", "data-act": "leave-waiting" }),
    );
    box.dataset.waiting = one.id;
    return box;
  });
}
