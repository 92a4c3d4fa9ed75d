// 我的：遮盖后的身份、同意事项、谁看过我；每一项个人信息权利一个按钮。

import { wechatCode } from "../demo.js";
import { button, card, confirm, facts, field, h, instant, isDemo, onSubmit, problemBox, show, tell } from "../dom.js";
import { sessionsCard } from "../sessions.js";
import { ownDeclarations } from "../declaring.js";
import { showObligations } from "./obligations.js";
import { counterCode, pauseNotice, showDelegations, showInbox } from "./account.js";
import { showParking } from "./parking.js";

// 这一页由小节组成，每节自己取数、给出自己的卡片。要加一节，就在这里加一行；true：只办自己的，替别人办时没有。
const SECTIONS = [
  [pauseNotice, true],
  [showMe],
  [showInbox],
  [showObligations],
  [showDeclarations, true],
  [showConsents],
  [parking, true],
  [withdrawAll],
  [showAccessLog],
  [takeCopy],
  [correct, true],
  [showDelegations, true],
  [counterCode, true],
  [sessionsCard, true],
  [depart, true],
];

export async function showPrivacy(context) {
  const fit = SECTIONS.filter(([, ownOnly]) => !ownOnly || !context.api.onBehalfOf);
  show(await Promise.all(fit.map(([section]) => section(context))));
}

function showMe({ me }) {
  return card(
    "我",
    facts([
      ["姓名", me.name],
      ["身份证号", me.id_number],
      ["手机号", me.phone],
      ["实名时间", instant(me.bound_at)],
      ["居民编号", me.resident_id && h("span", { class: "code-text" }, me.resident_id)],
    ]),
  );
}

async function showConsents(context) {
  return (await context.api.all("/me/consents")).map((one) => consent(context, one));
}

// 自主申报：只面向成年人。
function showDeclarations(context) {
  return context.me.adult === false ? null : ownDeclarations(context, "/me/declarations", "natural_person");
}

// 停车：只面向成年人。
function parking(context) {
  return context.me.adult === false ? null : showParking(context);
}

function withdrawAll({ api, route }) {
  const withdraw = async () => {
    const text = "信用分、等级、理由和历史立即删除，不能找回；待审核的申报一并撤回；不再收到微信通知。积分和券不受影响。";
    if (!(await confirm("撤回全部同意？", text, "全部撤回", true))) return;
    await api.keyed("POST", "/me/consents/withdrawal");
    await route();
    tell("已全部撤回");
  };
  return card(
    "撤回全部同意",
    h("p", { class: "small muted" }, "一次撤回以上所有同意，与逐项撤回效果相同。不影响任何基本公共服务。"),
    button("撤回全部", withdraw, { class: "danger", "data-act": "withdraw-all" }),
  );
}

// 还没有同意时，代替那一项服务显示的卡片：说明为什么没有，给出文本和按钮。
export async function consentCard(context, purpose, title) {
  const one = (await context.api.all("/me/consents")).find((each) => each.purpose === purpose);
  return card(
    `${title}尚未开启`,
    h("p", null, "需要您先读过并同意。不同意也可以照常使用其他功能。"),
    consentBody(context, one),
  );
}

function consent(context, one) {
  const state = one.granted
    ? h("span", { class: "tag good" }, "✓ 已同意")
    : h("span", { class: "tag" }, one.needs_renewal ? "文本已更新，待确认" : "未同意");
  const box = card(
    one.title,
    h("p", null, state, one.granted ? h("span", { class: "small muted" }, ` ${instant(one.granted_at)}`) : null),
    one.granted
      ? consentBody(context, one)
      : h("details", null, h("summary", null, "阅读全文，再决定"), h("div", { class: "stack" }, consentBody(context, one))),
  );
  box.dataset.purpose = one.purpose;
  return box;
}

function consentBody({ api, me, route }, one) {
  const text = h(
    "div",
    { class: "consent-text", tabIndex: 0, role: "region", "aria-label": `${one.title}：全文` },
    one.text.trim(),
  );
  const set = async (granted) => {
    await api.call("PUT", `/me/consents/${one.purpose}`, { body: { granted, text_version: one.text_version } });
    await route();
    tell(granted ? `已同意：${one.title}` : `已撤回：${one.title}`);
  };
  const withdraw = async () => {
    if (await confirm(`撤回“${one.title}”`, one.withdrawal_effect, "撤回", true)) await set(false);
  };
  const act = one.granted
    ? button("撤回同意", withdraw, { class: "danger", "data-act": "withdraw" })
    : one.adult_only && me.adult === false
      ? h("p", null, "年满十八周岁后可以开启。")
      : button("我已阅读并同意", () => set(true), { class: "main", "data-act": "grant" });
  const version = h(
    "p",
    { class: "small muted" },
    `文本 ${one.text_version} 版${one.adult_only ? "；只面向年满十八周岁的人" : ""}`,
  );
  if (!one.granted) return [text, version, h("div", null, act)];
  return [h("details", null, h("summary", null, "查看同意的文本"), text, version), h("div", null, act)];
}

async function showAccessLog({ api }) {
  const log = await api.get("/me/access-log");
  const quiet = (...text) => [h("br"), h("span", { class: "small muted" }, text)];
  const line = (one) =>
    h(
      "li",
      null,
      h(
        "span",
        null,
        `${one.actor}，${one.role}${one.organisation ? `（代表${one.organisation}）` : ""}`,
        quiet(`${instant(one.at)} · ${one.purpose}`),
        one.purpose.startsWith("代办：") ? null : quiet(`看了：${one.fields.join("、")}`),
        quiet(`依据：${[one.basis, further(one)].filter(Boolean).join("；")}`),
      ),
      "",
    );
  const list = h("ul", { class: "reasons", id: "access-log" }, log.items.map(line));
  let cursor = log.next_cursor;
  const more =
    cursor &&
    button("更早的", async () => {
      const page = await api.get("/me/access-log", { cursor }).catch((error) => list.after(problemBox(error)));
      list.append(...page.items.map(line));
      cursor = page.next_cursor;
      if (!cursor) more.remove();
    });
  return card(
    "谁看过我",
    h("p", { class: "small muted" }, "工作人员每次查看您的个人信息，都先登记。场馆核验券码看不到您是谁，不在其中。"),
    log.items.length ? list : h("p", null, "还没有人看过您的信息。"),
    more,
  );
}

// 授权里依据没有说过的；“本人在场”依据总是说过的。
const further = ({ basis, authorisation: text }) => (!text || basis.includes(text) || text.startsWith("本人") ? "" : text);

// 查看和带走：在页面上逐项看，或下载一个不联网也能打开的压缩包。
function takeCopy({ api }) {
  const place = h("div", { class: "stack" });
  const look = async () => {
    const copy = await api.call("GET", "/me/data", { timeoutMs: 120000 });
    const none = copy.sections.filter((one) => !one.items.length);
    place.replaceChildren(
      ...copy.sections.filter((one) => one.items.length).map(sectionOf),
      h("details", null, h("summary", null, `现在没有内容的（${none.length}）`), none.map(sectionOf)),
    );
  };
  const download = async () => {
    const file = await api.call("GET", "/me/data.zip", { blob: true, timeoutMs: 120000 });
    const link = h("a", { href: URL.createObjectURL(file), download: `信易+个人信息-${today()}.zip` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    tell("已开始下载。里面有您的证件号，请妥善保管。");
  };
  return card(
    "我的全部信息",
    h("p", null, "项目里保存的关于您的一切，连同用途、依据和保存期限。这里不遮盖，请留意周围。"),
    h(
      "div",
      { class: "row" },
      button("在这里查看", look, { class: "grow", "data-act": "see" }),
      button("下载压缩包", download, { class: "main grow", "data-act": "download" }),
    ),
    h("p", { class: "small muted" }, [
      "每天至多 10 次。data.json 的",
      h("a", { href: "/schemas/personal-data-1.json", target: "_blank", rel: "noopener" }, "格式公开（新窗口）"),
      "，可以交给其他机构使用。",
    ]),
    place,
  );
}

function sectionOf(one) {
  return h(
    "details",
    { "data-section": one.id },
    h("summary", null, `${one.title}（${one.items.length}）`),
    h("p", { class: "small muted" }, `为什么：${one.purpose}。依据：${one.basis}。保存：${one.kept}。`),
    h(
      "ul",
      { class: "reasons" },
      one.items.slice(0, MOST_SHOWN).map((item) => h("li", null, facts(cells(one, item)))),
    ),
    one.items.length > MOST_SHOWN ? h("p", { class: "small muted" }, "其余的在压缩包里。") : null,
  );
}

const MOST_SHOWN = 50;
const today = () => new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
const cells = (section, item) =>
  Object.entries(section.columns).map(([name, title]) => {
    const words = section.words[name] ?? {};
    return [title, shown(words[item[name]] ?? item[name], words)];
  });

const lines = (object, words) =>
  Object.entries(object).map(([name, value]) => h("div", null, `${words[name] ?? name}：`, shown(value)));

function shown(value, words = {}) {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "是" : "否";
  if (typeof value === "object") return Array.isArray(value) ? value.join("、") : lines(value, words);
  if (value === "9999-12-31") return "没有期限";
  return /^\d{4}-\d\d-\d\dT/.test(String(value)) ? instant(value) : String(value);
}

function correct({ api, start }) {
  const phone = async () => {
    const chosen = JSON.parse(sessionStorage.getItem("xinyi.resident.chosen") ?? "{}");
    const code = await wechatCode(chosen.openid, "phone");
    const told = await api.call("PUT", "/me/phone", { body: { code } });
    await start();
    tell(`手机号已更正为 ${told.phone}`);
  };
  const name = h("input", { required: true, autocomplete: "off", maxLength: 60 });
  const code = h("input", { required: true, autocomplete: "off", maxLength: 20, spellcheck: false });
  const form = onSubmit(
    h(
      "form",
      { id: "correct-name" },
      field("新姓名", name, "与新身份证上的一致。"),
      field("窗口验证码", code, "带新身份证到服务窗口，工作人员核对后给出，15 分钟内有效。"),
      h("button", { type: "submit" }, "更正姓名"),
    ),
    async () => {
      const told = await api.call("PUT", "/me/name", { body: { name: name.value, counter_code: code.value } });
      await start();
      tell(`姓名已更正为 ${told.name}`);
    },
  );
  return card(
    "更正",
    isDemo() ? button("用微信手机号更正手机号", phone, { "data-act": "phone" }) : null,
    h("details", null, h("summary", null, "更正姓名"), form),
    h("p", { class: "small muted" }, "信用档案有误，请联系项目办公室提出异议；异议期间该条不计分。"),
  );
}

// 退出：先原样告知，逐字输入确认的话，才能退出。
function depart({ api }) {
  const place = h("div", { class: "stack" });
  const read = async () => {
    const told = await api.get("/me/departure");
    place.replaceChildren(...departure(api, told));
    place.scrollIntoView({ block: "start" });
  };
  return card(
    "退出项目",
    h("p", null, "退出并删除您的信息。按下面的按钮只会先告诉您会发生什么，什么都不改变。"),
    button("退出前先看看会怎样", read, { class: "danger", "data-act": "departure" }),
    place,
  );
}

function departure(api, told) {
  const list = (items) =>
    h(
      "ul",
      null,
      items.map((one) => h("li", null, one)),
    );
  const typed = h("input", { required: true, autocomplete: "off" });
  const form = onSubmit(
    h(
      "form",
      { id: "departure" },
      field(`逐字输入：${told.confirmation}`, typed),
      h("button", { type: "submit", class: "danger" }, "退出并删除"),
    ),
    async () => {
      const said = { version: told.version, confirmation: typed.value.trim() };
      const done = await api.keyed("POST", "/me/departure", said);
      api.session = null;
      farewell(done);
    },
  );
  const lost = told.lost;
  return [
    h("div", { class: "notice bad" }, h("strong", null, "不能撤销"), h("p", null, told.cannot_be_undone)),
    h("h3", null, "您会失去"),
    list([`${lost.balance_points} 积分`, `${lost.open_coupons} 张未用的券`, ...lost.consents.map((one) => `“${one}”`)]),
    h("h3", null, "立即删除"),
    list(told.deleted),
    h("h3", null, "还会保留"),
    list(told.kept.map((one) => [one.title, `：${one.shape}；${one.period}。`, h("span", { class: "muted" }, one.basis)])),
    form,
  ];
}

function farewell(done) {
  document.getElementById("who").replaceChildren();
  document.getElementById("dock").replaceChildren();
  show(
    card(
      "您已退出",
      h("p", null, `已于 ${instant(done.left_at)} 退出，您的信息已删除。`),
      h("p", null, `注销积分 ${done.booked_out_points}，取消券 ${done.closed_coupons} 张。`),
      button("回到首页", () => location.assign("/")),
    ),
  );
  sessionStorage.clear();
  tell("已退出");
}
