// 回调：登记地址、密钥（只显示一次）、测试、发送记录、重发。

import { button, card, confirm, facts, field, h, instant, onSubmit, show, tell } from "../dom.js";
import { back, listing, tag, whose } from "./words.js";

const EVENTS = {
  "admission.created": "一张券被核销",
  "admission.undone": "一次核销被撤销",
  "coupon.redeemed": "一张券被兑换",
  "coupon.cancelled": "一张券被取消",
  "obligation.changed": "一笔先享后付的状态变了",
  "statement.closed": "一个月的结算单关账",
  "statement.dispute_decided": "一条结算异议有了结论",
  "booking.promoted": "一个候补转为预约",
  "booking.no_show": "一次预约未到",
  "parking.decided": "一次停车权益询问有了结论",
};
const REASONS = { "by-hand": "人工停用", gone: "对方答了 410", failing: "连续五天没有一次成功" };
const STATES = { waiting: "等待发送", delivered: "已送达", failed: "不再重试" };
const TONES = { waiting: "warn", delivered: "good", failed: "bad" };

export const showWebhooks = ({ api }, [id]) => (id ? showDeliveries(api, id) : showAll(api));

async function showAll(api, given) {
  const hooks = await api.all("/partner/webhooks");
  const again = (made) => showAll(api, made);
  show(
    given ? secretCard(given) : null,
    hooks.map((one) => hookCard(api, one, again)),
    hooks.length ? null : card("还没有回调地址", h("p", null, "登记以后，核销、兑换、结算等事会随即通知到本单位的系统。")),
    createCard(api, again),
  );
  if (given) document.getElementById("secret").focus();
}

function secretCard(given) {
  if (!given.secret) return card("密钥", h("p", null, "密钥已经显示过，不再显示；没有保存的，请轮换。"));
  const text = h("input", { id: "secret", class: "code-text", readOnly: true, value: given.secret });
  text.addEventListener("focus", () => text.select());
  const copy = async () => {
    await navigator.clipboard.writeText(given.secret);
    tell("已复制");
  };
  return card(
    "密钥：只显示这一次",
    field("签名密钥", text, "保存到接收回调的系统里，离开这一页就看不到了。"),
    button("复制", copy),
  );
}

function createCard(api, again) {
  const url = h("input", { type: "url", required: true, pattern: "https://.*", placeholder: "https://", autocomplete: "off" });
  const about = h("input", { maxLength: 200, autocomplete: "off" });
  const boxes = Object.entries(EVENTS).map(([name, label], at) => {
    const box = h("input", { type: "checkbox", id: `event-${at}` });
    return { name, box, node: h("div", { class: "check" }, box, h("label", { htmlFor: box.id }, label)) };
  });
  const form = onSubmit(
    h(
      "form",
      { id: "new-webhook" },
      field("地址", url, "公共网络上的 https 地址，端口 443 或 1024 以上。"),
      field("说明（可不填）", about),
      h("fieldset", null, h("legend", null, "通知哪些事"), boxes.map((one) => one.node)),
      h("button", { type: "submit", class: "main" }, "登记"),
    ),
    async () => {
      const events = boxes.filter(({ box }) => box.checked).map(({ name }) => name);
      const body = { url: url.value.trim(), events, description: about.value.trim(), ...whose(api) };
      const given = await api.keyed("POST", "/partner/webhooks", body);
      tell("已登记，请保存密钥");
      await again(given);
    },
  );
  return card("登记一个回调地址", form);
}

function hookCard(api, one, again) {
  const path = `/partner/webhooks/${one.id}`;
  const active = one.status === "active";
  const rotate = (hours, title, text) => async () => {
    if (!(await confirm(title, text, "轮换", hours === 0))) return;
    await again(await api.keyed("POST", `${path}/secret`, { overlap_hours: hours }));
  };
  const set = async (status) => {
    await api.call("PATCH", path, { body: { status } });
    await again();
  };
  const remove = async () => {
    if (!(await confirm("删除这个回调地址？", "连同密钥和发送记录，不能恢复。", "删除", true))) return;
    await api.call("DELETE", path);
    tell("已删除");
    await again();
  };
  const ping = async () => {
    await api.keyed("POST", `${path}/pings`);
    location.hash = `#/webhooks/${one.id}`;
  };
  const box = card(
    one.description || "回调",
    h("p", { class: "code-text" }, one.url),
    h("p", { class: "row" }, tag(active ? "使用中" : `已停用：${REASONS[one.disabled_reason] ?? ""}`, active ? "good" : "bad")),
    facts([
      ["通知", one.events.map((name) => EVENTS[name] ?? name).join("、")],
      ["一直失败，自", instant(one.failing_since)],
      ["密钥", one.secrets.map((each) => `${instant(each.created_at)} 起${each.ends_at ? `，至 ${instant(each.ends_at)}` : ""}`).join("；")],
    ]),
    h(
      "div",
      { class: "row" },
      h("a", { class: "button", href: `#/webhooks/${one.id}` }, "发送记录"),
      active ? button("发测试通知", ping) : null,
      active ? button("停用", () => set("disabled")) : button("启用", () => set("active")),
    ),
    h(
      "details",
      null,
      h("summary", null, "轮换密钥、删除"),
      h(
        "div",
        { class: "row" },
        button("轮换密钥", rotate(24, "轮换密钥？", "新旧密钥并行签名 24 小时。")),
        button("密钥泄露：立即轮换", rotate(0, "立即轮换？", "旧密钥立即停用。"), { class: "danger" }),
        button("删除", remove, { class: "danger" }),
      ),
    ),
  );
  box.dataset.webhook = one.id;
  return box;
}

async function showDeliveries(api, id) {
  const path = `/partner/webhooks/${encodeURIComponent(id)}`;
  const one = await api.get(path);
  const list = listing((cursor) => api.get(`${path}/deliveries`, cursor), (sent) => deliveryCard(api, path, sent, list.load), {
    id: "deliveries",
    empty: "三十天内没有发送记录",
  });
  show(back("webhooks"), card("发送记录", h("p", { class: "code-text" }, one.url), button("刷新", list.load)), list.node);
  await list.load();
}

function deliveryCard(api, path, sent, again) {
  const retry = async () => {
    await api.keyed("POST", `${path}/deliveries/${sent.id}/retries`);
    tell("已排队重发");
    await again();
  };
  return card(
    EVENTS[sent.event] ?? (sent.event === "webhook.ping" ? "测试通知" : sent.event),
    h("p", { class: "row" }, tag(STATES[sent.state], TONES[sent.state]), h("span", { class: "muted" }, instant(sent.created_at))),
    facts([
      ["webhook-id", h("span", { class: "code-text" }, sent.id)],
      ["试了几次", `${sent.tries} 次`],
      ["最近一次", instant(sent.last_tried_at)],
      ["对方状态码", sent.last_status],
      ["为什么没成", sent.last_error],
      ["对方答复", sent.last_answer],
      ["下一次", instant(sent.next_try_at)],
      ["送达", instant(sent.delivered_at)],
    ]),
    button("重发", retry),
  );
}
