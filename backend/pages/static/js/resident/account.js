// 账号：换手机找回、消息、代办。

import { wechatCode } from "../demo.js";
import {
  $,
  button,
  card,
  confirm,
  facts,
  field,
  h,
  instant,
  isDemo,
  lastDay,
  living,
  onSubmit,
  problemBox,
  show,
  tell,
} from "../dom.js";

// --- 找回账号 ---------------------------------------------------------------------------------------------------

export function showRecovery(api, chosen, start) {
  const name = h("input", { required: true, autocomplete: "name" });
  const number = h("input", { required: true, autocomplete: "off", maxLength: 18 });
  const code = h("input", { autocomplete: "off", maxLength: 12 });
  const kind = h(
    "select",
    { onchange: () => place.replaceChildren(...(kind.value === "counter_code" ? [codeField] : [])) },
    h("option", { value: "wechat_phone" }, "微信手机号（须是本人实名登记的号码）"),
    h("option", { value: "counter_code" }, "服务窗口给的验证码"),
  );
  const codeField = field("验证码", code, "工作人员核对身份证后给出，15 分钟内用一次");
  const place = h("div", null);
  const form = onSubmit(
    h(
      "form",
      null,
      field("姓名", name),
      field("身份证号", number),
      field("证明方式", kind),
      place,
      h("button", { type: "submit", class: "main" }, "找回到这个微信"),
    ),
    async () => {
      const value = kind.value === "counter_code" ? code.value : await phoneCode(chosen);
      api.session = await api.call("POST", "/me/recovery", {
        body: { name: name.value, id_number: number.value, proof: { kind: kind.value, value } },
      });
      tell("账号已找回到这个微信，原来的微信已退出");
      await start();
    },
  );
  show(
    card(
      "找回我的账号",
      h("p", null, "证明是您本人以后，账号转到现在这个微信：积分、券和记录都在。"),
      h(
        "ul",
        null,
        h("li", null, "原来的微信和手机立即退出，上面打开的码全部作废。"),
        h("li", null, "之后有一段冷静期不能兑换，以防冒领；已有的券照常使用，带身份证到窗口可以提前解除。"),
        h("li", null, "新旧两个微信都会收到通知。"),
      ),
      form,
    ),
    button("返回", start),
  );
}

async function phoneCode(chosen) {
  if (!isDemo()) throw new Error("请在微信小程序中使用");
  return wechatCode(chosen.openid, "phone");
}

// --- 消息 -------------------------------------------------------------------------------------------------------

export async function showInbox({ api }) {
  const page = await api.get("/me/messages");
  const heading = (unread) => (unread ? `消息（${unread} 条未读）` : "消息");
  let unread = page.unread;
  const line = (one) => {
    const mark = h("span", { class: one.read_at ? "tag" : "tag warn" }, one.read_at ? "已读" : "未读");
    const read = async () => {
      await api.call("POST", `/me/messages/${one.id}/read`);
      mark.className = "tag";
      mark.textContent = "已读";
      act.remove();
      unread -= 1;
      box.querySelector("h2").textContent = heading(unread);
    };
    const act = one.read_at ? null : button("标为已读", read, { class: "quiet" });
    return h(
      "li",
      { "data-message": one.kind },
      h(
        "span",
        null,
        h("strong", null, one.title),
        h("br"),
        one.body,
        h("br"),
        h("span", { class: "row between" }, h("span", { class: "small muted" }, instant(one.created_at)), act),
      ),
      h("span", null, mark),
    );
  };
  const list = h("ul", { class: "reasons", id: "inbox" }, page.items.map(line));
  let cursor = page.next_cursor;
  const more =
    cursor &&
    button("更早的", async () => {
      const next = await api.get("/me/messages", { cursor });
      list.append(...next.items.map(line));
      cursor = next.next_cursor;
      if (!cursor) more.remove();
    });
  const box = card(heading(unread), page.items.length ? list : h("p", { class: "muted" }, "还没有消息。"), more);
  return box;
}

// --- 代办 -------------------------------------------------------------------------------------------------------

const SLOT = "xinyi.resident.acting";
const held = () => JSON.parse(sessionStorage.getItem(SLOT) ?? "null");

// 正在替谁办：页面上的“我”换成这个人；没有时为 null。
export function acting(api) {
  return api.onBehalfOf ? { name: held()?.name, adult: held()?.adult, bound: true } : null;
}

// 换了登录的人，就不再替谁办。
export function stopActing(api) {
  sessionStorage.removeItem(SLOT);
  api.onBehalfOf = null;
  $("acting")?.remove();
}

export function actingBanner(api, start) {
  const whom = held();
  api.onBehalfOf = whom?.resident_id ?? null;
  $("acting")?.remove();
  if (!whom) return;
  $("main").prepend(
    h(
      "div",
      { id: "acting", class: "notice warn", role: "status" },
      h("strong", null, `代办：${whom.name}`),
      h("p", { class: "small" }, "现在看到和办理的都是这个人的事，每一次都记入其“谁看过我”。"),
      button("结束代办，回到自己", () => switchTo(api, null, start)),
    ),
  );
}

async function switchTo(api, whom, start) {
  if (whom) sessionStorage.setItem(SLOT, JSON.stringify(whom));
  else sessionStorage.removeItem(SLOT);
  api.onBehalfOf = whom?.resident_id ?? null;
  history.replaceState(null, "", "#/home"); // 不惊动 hashchange：下面自己重来
  await start();
}

const KINDS = { guardian: "监护人", ward: "监护人", helper: "窗口代办" };

function delegationCard({ api, start, route }, one) {
  const mine = one.mine === "actor";
  const end = async () => {
    const text = "立即生效，双方都会收到消息；要再代办须重新到窗口登记。";
    if (!(await confirm("结束这项代办关系？", text, "结束代办关系", true))) return;
    await api.call("POST", `/me/delegations/${one.id}/end`);
    await route();
    tell("代办关系已结束");
  };
  const whom = { resident_id: one.resident_id, name: one.represented, adult: one.kind !== "guardian" };
  const box = h(
    "li",
    { "data-delegation": one.mine },
    h(
      "span",
      null,
      h("strong", null, mine ? `我替 ${one.represented} 办` : `${one.actor} 可以替我办`),
      facts([
        ["身份", KINDS[one.kind]],
        ["依据", `${one.basis} ${one.document_no ?? ""}`],
        ["有效期", `${instant(one.starts_at)} 至 ${one.ended_at || one.kind === "helper" ? instant(one.ended_at ?? one.ends_at) : lastDay(one.ends_at)}`],
      ]),
      one.stands
        ? h(
            "span",
            { class: "row" },
            mine ? button("切换为替此人代办", () => switchTo(api, whom, start), { class: "main" }) : null,
            button("结束代办关系", end, { class: "danger" }),
          )
        : h("span", { class: "tag" }, "已结束"),
    ),
  );
  return box;
}

export async function showDelegations(context) {
  const items = await context.api.all("/me/delegations");
  return card(
    "代办",
    h("p", { class: "small muted" }, "监护人替孩子办事，须带双方身份证和证明到服务窗口登记。任何一方都可以随时结束。"),
    items.length
      ? h(
          "ul",
          { class: "reasons", id: "delegations" },
          items.map((one) => delegationCard(context, one)),
        )
      : h("p", { class: "muted" }, "没有代办关系。"),
  );
}

export function counterCode({ api }) {
  const place = h("div", null);
  const make = () =>
    api.call("POST", "/me/presentation-codes", { body: { purpose: "counter" }, query: { qr: "svg" } });
  return card(
    "在窗口请人代办",
    h("p", null, "出示这个码，窗口工作人员可以替您办理半小时。每个码只能用一次；看信用分和给出同意不能代办。"),
    button("出示窗口代办码（1 分钟有效）", () => place.replaceChildren(living(make, { alt: "窗口代办码" }))),
    place,
  );
}

export function pauseNotice({ me }) {
  if (!me.spending_paused_until) return null;
  return h(
    "p",
    { class: "notice warn", id: "pause" },
    `账号刚找回，${instant(me.spending_paused_until)} 前不能兑换；已有的券照常使用。带身份证到窗口可以提前解除。`,
  );
}
