// 凭申请编号和查询码看进度。两样只放在 sessionStorage，关了窗口就没有了。

import { button, card, confirm, day, facts, field, h, instant, onSubmit, problemBox, show, tell } from "../dom.js";
import { venuesCard } from "../partners/applications.js";
import { history } from "../partners/cases.js";
import { caseTag } from "../partners/words.js";
import { showForm } from "./form.js";

const SLOT = "xinyi.application"; // 不是客户端放会话的那一格
export const held = () => JSON.parse(sessionStorage.getItem(SLOT) ?? "null");
export const hold = (id, token) => sessionStorage.setItem(SLOT, JSON.stringify({ id, token }));
export const forget = () => sessionStorage.removeItem(SLOT);

export function showAsk(go, error) {
  const id = h("input", { required: true, minLength: 36, maxLength: 36, autocomplete: "off", spellcheck: false });
  const token = h("input", { required: true, maxLength: 60, autocomplete: "off", spellcheck: false, pattern: "pf1\\..*" });
  const form = onSubmit(
    h(
      "form",
      { id: "follow" },
      field("申请编号", id, "36 个字符。"),
      field("查询码", token, "提交时得到，以 pf1. 开头。"),
      h("button", { type: "submit", class: "main" }, "查看"),
    ),
    () => {
      hold(id.value.trim().toLowerCase(), token.value.trim());
      return go();
    },
  );
  show(error ? problemBox(error) : null, card("查看进度", form));
}

export async function showFollowed(api, go) {
  const { id, token } = held();
  const path = `/partners/applications/${encodeURIComponent(id)}`;
  const options = { anonymous: true, headers: { "X-Follow-Token": token } };
  const one = await api.call("GET", path, options);
  const scenes = await api.all("/perks/scenes");
  const names = Object.fromEntries(scenes.map((scene) => [scene.id, scene.name]));
  const correct = async (body) => {
    await api.call("PUT", path, { ...options, body });
    await go();
    tell("已重新提交");
  };
  show(
    card(
      one.name,
      h("p", { class: "row" }, caseTag(one.status), h("span", { class: "muted" }, one.status_text)),
      facts([
        ["申请编号", h("span", { class: "code-text" }, one.id)],
        ["统一社会信用代码", h("span", { class: "code-text" }, one.unified_social_credit_code)],
        ["场景", one.scenes.map((scene) => names[scene] ?? scene).join("、")],
        ["联系人", one.contact ? `${one.contact.name}，${one.contact.phone}` : "已按期删除"],
        ["联系人保存到", day(one.contact_until_on)],
      ]),
      h("p", { class: "whole" }, one.intends),
    ),
    one.invitation === "none" ? null : invitationCard(api, path, options, one),
    history(one, false),
    venuesCard(one.venues),
    one.status === "returned" ? card("补正", h("p", null, "整份重新填写，联系人也要再填。"), showForm(scenes, correct, one)) : null,
    ["submitted", "returned", "proposed"].includes(one.status) ? withdrawal(api, path, options, go) : null,
    button("结束查看（本机不再保留查询码）", () => {
      forget();
      return go();
    }),
  );
}

function withdrawal(api, path, options, go) {
  const withdraw = async () => {
    if (!(await confirm("撤回申请？", "撤回就办结，可以重新申请。", "撤回", true))) return;
    await api.call("POST", `${path}/withdrawal`, options);
    await go();
    tell("已撤回");
  };
  return card("撤回", h("p", null, "没有办结以前可以撤回。"), button("撤回申请", withdraw, { class: "danger" }));
}

function invitationCard(api, path, options, one) {
  if (one.invitation === "used")
    return card("邀请链接", h("p", null, "已有人凭邀请链接设好了账号。不是本单位的人，请立即联系项目办公室停用。"));
  const place = h("div", { class: "stack" });
  const draw = async () => {
    const given = await api.call("POST", `${path}/invitation`, options);
    const link = h("input", { readOnly: true, value: given.link, id: "invitation-link" });
    link.addEventListener("focus", () => link.select());
    const copy = async () => {
      await navigator.clipboard.writeText(given.link);
      tell("已复制");
    };
    place.replaceChildren(
      field("一次性邀请链接", link, `只显示这一次，${instant(given.expires_at)} 前用一次。`),
      h("div", { class: "row" }, button("复制链接", copy, { class: "grow" }), h("a", { class: "button", href: given.link, target: "_blank", rel: "noopener" }, "打开，设好账号（新窗口）")),
    );
  };
  const again = one.invitation === "drawn" ? "已经领过；再领一次，先前的作废。" : "交给将要管理本单位优惠的人，由本人设定密码和验证器。";
  return card("邀请链接", h("p", null, again), button("领取邀请链接", draw, { class: "main" }), place);
}
