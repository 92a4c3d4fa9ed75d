// 我的：同意事项、谁看过我、遮盖后的身份。

import { button, card, confirm, facts, h, instant, problemBox, show, tell } from "../dom.js";

export async function showPrivacy(context) {
  const { api, me } = context;
  const [consents, log] = await Promise.all([api.all("/me/consents"), api.get("/me/access-log")]);
  show(
    card(
      "我",
      facts([
        ["姓名", me.name],
        ["身份证号", me.id_number],
        ["手机号", me.phone],
        ["实名时间", instant(me.bound_at)],
      ]),
    ),
    consents.map((one) => consent(context, one)),
    accessLog(api, log),
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
    consentBody(context, one),
  );
  box.dataset.purpose = one.purpose;
  return box;
}

function consentBody({ api, route }, one) {
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
    : button("我已阅读并同意", () => set(true), { class: "main", "data-act": "grant" });
  const version = h(
    "p",
    { class: "small muted" },
    `文本 ${one.text_version} 版${one.adult_only ? "；只面向年满十八周岁的人" : ""}`,
  );
  if (!one.granted) return [text, version, h("div", null, act)];
  return [h("details", null, h("summary", null, "查看同意的文本"), text, version), h("div", null, act)];
}

function accessLog(api, log) {
  const line = (one) =>
    h(
      "li",
      null,
      h(
        "span",
        null,
        `${one.actor}${one.organisation ? `（${one.organisation}）` : ""}`,
        h("br"),
        h("span", { class: "small muted" }, `${instant(one.at)} · ${one.purpose} · ${one.fields.join("、")}`),
        h("br"),
        h("span", { class: "small muted" }, one.basis),
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
