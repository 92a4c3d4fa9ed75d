// 服务窗口：核对身份证、给验证码、替人代办、登记监护人、解除冷静期。

import { openDesk } from "./desk.js";
import { $, button, card, confirm, facts, field, h, instant, lastDay, onSubmit, show, tell } from "./dom.js";
import { showCommunity } from "./resident/community.js";
import { showCoupons } from "./resident/coupons.js";
import { showOffers } from "./resident/offers.js";

const SLOT = "xinyi.counter.helping";
const CLERK = ["counter-clerk"];
let helping = null;

const DESK = [
  ["vouch", "核验", showVouching, CLERK],
  ["help", "代办", showHelping, CLERK],
  ["guardians", "监护", showGuardians, CLERK],
];
const FOR_ANOTHER = [
  ["coupons", "券包", showCoupons, CLERK],
  ["offers", "优惠", showOffers, CLERK],
  ["community", "社区", showCommunity, CLERK],
];

const desk = openDesk({
  tabs: () => (helping ? FOR_ANOTHER : DESK),
  opened: takeUp,
  signedOut: leave,
  more: () => ({ me: { name: helping?.represented, bound: true }, confirm, helping }),
  failed: over,
});
const { api, start } = desk;

// 刷新以后接着办；到期的不算。
function takeUp() {
  helping = JSON.parse(sessionStorage.getItem(SLOT) ?? "null");
  if (helping && new Date(helping.ends_at) <= Date.now()) leave();
  api.onBehalfOf = helping?.resident_id ?? null;
  $("acting")?.remove();
  if (helping) banner();
}

function leave() {
  helping = null;
  api.onBehalfOf = null;
  $("acting")?.remove();
  sessionStorage.removeItem(SLOT);
}

async function over(error) {
  if (error.slug !== "not-found" || !helping) return false;
  leave();
  await start();
  tell("代办已结束或已到期");
  return true;
}

async function stop() {
  await api.call("POST", `/delegations/${helping.resident_id}/${helping.id}/end`);
  leave();
  history.replaceState(null, "", "#/");
  await start();
  tell("代办已结束");
}

function banner() {
  $("main").prepend(
    h(
      "div",
      { id: "acting", class: "notice warn", role: "status" },
      h("strong", null, `正在替 ${helping.represented} 代办`),
      h("p", { class: "small" }, `至 ${instant(helping.ends_at)}。每一次都记入本人的“谁看过我”，本人已收到消息。`),
      button("结束代办", stop, { class: "danger" }),
    ),
  );
}

// 当面核对的身份证：两个输入框，读出来是接口要的样子。
function cardFields(whose = "") {
  const name = h("input", { required: true, autocomplete: "off" });
  const number = h("input", { required: true, autocomplete: "off", maxLength: 18 });
  return {
    nodes: [field(`${whose}姓名`, name), field(`${whose}身份证号`, number)],
    read: () => ({ name: name.value, id_number: number.value }),
  };
}

const submit = (label) => h("button", { type: "submit", class: "main" }, label);

// --- 核验 ---------------------------------------------------------------------------------------------------------

function showVouching() {
  const one = cardFields(),
    other = cardFields(),
    place = h("div", { role: "status" });
  show(
    h("p", { class: "notice plain-note" }, "每一步都记入操作日志。请先当面核对身份证原件和本人。"),
    card(
      "给出实名验证码",
      h("p", null, "用于实名绑定，或换了手机后找回账号。只对这个人有效，15 分钟内用一次。"),
      onSubmit(h("form", { id: "vouch" }, one.nodes, submit("给出验证码")), async (form) => {
        const made = await api.call("POST", "/identity/counter-codes", { body: one.read() });
        place.replaceChildren(
          h("p", { class: "number", id: "counter-code" }, made.code),
          h("p", { class: "small muted" }, `有效至 ${instant(made.expires_at)}`),
        );
        form.reset();
      }),
      place,
    ),
    card(
      "解除找回账号后的冷静期",
      h("p", null, "本人急需兑换时，核对身份证后提前解除。会通知本人，并记入其“谁看过我”。"),
      onSubmit(h("form", { id: "lift" }, other.nodes, submit("解除冷静期")), async (form) => {
        await api.call("POST", "/identity/pauses/lift", { body: other.read() });
        form.reset();
        tell("冷静期已解除，已通知本人");
      }),
    ),
  );
}

// --- 代办 ---------------------------------------------------------------------------------------------------------

async function showHelping() {
  const running = await api.all("/delegations/helping");
  const one = cardFields();
  const code = h("input", { required: true, autocomplete: "off" });
  const begin = async (body) => {
    const made = await api.keyed("POST", "/delegations/helping", body);
    sessionStorage.setItem(SLOT, JSON.stringify(made));
    history.replaceState(null, "", "#/");
    await start();
    tell(`开始替 ${made.represented} 代办`);
  };
  const resume = (made) => async () => {
    sessionStorage.setItem(SLOT, JSON.stringify(made));
    await start();
  };
  show(
    running.length
      ? card(
          "正在代办",
          running.map((made) =>
            h(
              "p",
              { class: "row between" },
              `${made.represented}，至 ${instant(made.ends_at)}`,
              button("继续", resume(made)),
            ),
          ),
        )
      : null,
    card(
      "凭身份证开始代办",
      h("p", null, "本人站在窗口前，身份证在您手里。半小时内有效，本人会立即收到消息。"),
      onSubmit(h("form", { id: "help-card" }, one.nodes, submit("开始代办")), () => begin({ card: one.read() })),
    ),
    card(
      "凭本人出示的码开始代办",
      h("p", null, "本人在“我的”里打开窗口代办码。每个码只能用一次。"),
      onSubmit(
        h("form", { id: "help-code" }, field("窗口代办码", code, "用扫码枪扫入"), submit("用码开始代办")),
        () => begin({ code: code.value }),
      ),
    ),
  );
}

// --- 监护 ---------------------------------------------------------------------------------------------------------

function showGuardians() {
  const guardian = cardFields("监护人"),
    child = cardFields("被监护人"),
    who = cardFields();
  const kind = h(
    "select",
    null,
    h("option", { value: "guardian" }, "未成年人的监护人"),
    h("option", { value: "ward" }, "成年人的监护人（凭法院判决）"),
  );
  const basis = h("input", { required: true, maxLength: 100, value: "出生医学证明" });
  const number = h("input", { required: true, maxLength: 60, autocomplete: "off" });
  const ends = h("input", { type: "date" });
  const list = h("div", { role: "status" });
  const search = onSubmit(h("form", { id: "find" }, who.nodes, submit("查看代办关系")), async () => {
    const found = await api.call("POST", "/delegations/search", { body: who.read() });
    list.replaceChildren(delegations(found.items, () => search.requestSubmit()));
  });
  show(
    card(
      "登记监护人",
      h("p", null, "核对双方的身份证和监护证明。最长一年，到孩子年满十八周岁为止；双方都会收到消息。"),
      onSubmit(
        h(
          "form",
          { id: "register" },
          field("种类", kind),
          guardian.nodes,
          child.nodes,
          field("依据", basis),
          field("证明编号", number),
          field("最后一天", ends, "不填即为允许的最长期限"),
          submit("登记"),
        ),
        async (form) => {
          const made = await api.keyed("POST", "/delegations", {
            kind: kind.value,
            guardian: guardian.read(),
            represented: child.read(),
            basis: basis.value,
            document_no: number.value,
            ends_on: ends.value || null,
          });
          form.reset();
          tell(`已登记：${made.actor} 是 ${made.represented} 的监护人，至 ${lastDay(made.ends_at)}`);
        },
      ),
    ),
    card("查看和结束", h("p", null, "凭本人或监护人的身份证。查看会记入其“谁看过我”。"), search, list),
  );
}

function delegations(items, again) {
  if (!items.length) return h("p", { class: "muted" }, "没有代办关系。");
  const end = (one) => async () => {
    if (!(await confirm("结束这项代办关系？", "立即生效，双方都会收到消息。", "结束代办关系", true))) return;
    await api.call("POST", `/delegations/${one.resident_id}/${one.id}/end`);
    again();
    tell("代办关系已结束");
  };
  return h(
    "ul",
    { class: "reasons" },
    items.map((one) =>
      h(
        "li",
        null,
        h(
          "span",
          null,
          h("strong", null, `${one.actor} → ${one.represented}`),
          facts([
            ["依据", `${one.basis} ${one.document_no ?? ""}`],
            ["有效期", `${instant(one.starts_at)} 至 ${one.ended_at || one.kind === "helper" ? instant(one.ended_at ?? one.ends_at) : lastDay(one.ends_at)}`],
          ]),
          one.stands
            ? button("结束代办关系", end(one), { class: "danger" })
            : h("span", { class: "tag" }, "已结束"),
        ),
      ),
    ),
  );
}

desk.watch();
await start();
