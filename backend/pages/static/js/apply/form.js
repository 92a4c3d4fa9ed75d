// 申请表；提交以后查询码只显示这一次。

import { button, card, facts, field, h, instant, onSubmit, show, tell } from "../dom.js";
import { Problem } from "../api.js";
import { venueFields } from "../partners/own.js";
import { save } from "../partners/words.js";
import { hold } from "./follow.js";

const MOST_VENUES = 20;

// known：补正时原来填的；联系人系统不回显，须重新填写。send(body, key)。
export function showForm(scenes, send, known) {
  const code = h("input", { required: true, minLength: 18, maxLength: 18, autocomplete: "off", autocapitalize: "characters", spellcheck: false, value: known?.unified_social_credit_code ?? "", readOnly: Boolean(known) });
  const name = h("input", { required: true, minLength: 2, maxLength: 80, autocomplete: "organization", value: known?.name ?? "" });
  const contact = contactFields();
  const venues = venueList(known?.venues);
  const kinds = sceneChecks(scenes, known?.scenes);
  const intends = h("textarea", { required: true, minLength: 2, maxLength: 2000, rows: 5, value: known?.intends ?? "" });
  const truth = h("input", { type: "checkbox", required: true, id: "truth" });
  const made = { body: "", key: "" };
  const form = onSubmit(
    h(
      "form",
      { id: "application" },
      field("统一社会信用代码", code, "18 位，见营业执照。"),
      field("单位名称", name, "与营业执照一致。"),
      contact.node,
      venues.node,
      kinds.node,
      field("打算提供什么优惠和服务", intends),
      h("div", { class: "check" }, truth, h("label", { htmlFor: "truth" }, "声明：所填内容真实，联系人确有授权。")),
      h("button", { type: "submit", class: "main" }, known ? "重新提交" : "提交申请"),
    ),
    () => {
      const body = {
        unified_social_credit_code: code.value.trim().toUpperCase(),
        name: name.value.trim(),
        ...contact.value(),
        venues: venues.value(),
        scenes: kinds.value(),
        intends: intends.value.trim(),
        ...(known ? {} : { statement_of_truth: truth.checked }),
      };
      if (!body.scenes.length) throw new Problem({ title: "请至少选一个场景" }, 0);
      // 内容没有变，就还是同一个键：没有收到答复再按一次，得到同一个查询码。内容不进 sessionStorage。
      const text = JSON.stringify(body);
      if (made.body !== text) Object.assign(made, { body: text, key: crypto.randomUUID() });
      return send(body, made.key);
    },
  );
  return form;
}

function contactFields() {
  const name = h("input", { required: true, maxLength: 60, autocomplete: "name" });
  const phone = h("input", { required: true, type: "tel", minLength: 6, maxLength: 20, pattern: "[0-9][0-9\\-]{5,19}", autocomplete: "tel" });
  const email = h("input", { type: "email", maxLength: 120, autocomplete: "email" });
  return {
    node: [field("联系人", name), field("联系电话", phone, "数字和连字符。"), field("电子邮箱（可不填）", email)],
    value: () => ({
      contact_name: name.value.trim(),
      contact_phone: phone.value.trim(),
      ...(email.value.trim() ? { contact_email: email.value.trim() } : {}),
    }),
  };
}

function venueList(known) {
  const rows = [];
  const list = h("div", { class: "stack" });
  const add = (venue) => {
    if (rows.length >= MOST_VENUES) return null;
    const legend = h("legend", null);
    const fields = venueFields(venue);
    const row = { fields, legend };
    row.node = h("fieldset", { class: "venue" }, legend, fields.node, button("去掉这一处", () => drop(row), { class: "quiet" }));
    rows.push(row);
    list.append(row.node);
    number();
    return row;
  };
  const drop = (row) => {
    rows.splice(rows.indexOf(row), 1);
    row.node.remove();
    number();
    more.focus();
  };
  const number = () =>
    rows.forEach((row, at) => {
      row.legend.textContent = `场所 ${at + 1}`;
      row.node.querySelector("button").hidden = rows.length === 1;
    });
  const more = button("再加一处场所", () => {
    const row = add();
    if (row) row.node.querySelector("input").focus();
    else tell(`最多 ${MOST_VENUES} 处`);
  });
  (known?.length ? known : [undefined]).forEach(add);
  return { node: [list, more], value: () => rows.map((row) => row.fields.value()) };
}

function sceneChecks(scenes, chosen = []) {
  const boxes = scenes.map((one) => {
    const box = h("input", { type: "checkbox", id: `scene-${one.id}`, checked: chosen.includes(one.id) });
    return { id: one.id, box, node: h("div", { class: "check" }, box, h("label", { htmlFor: box.id }, one.name)) };
  });
  return {
    node: h("fieldset", null, h("legend", null, "哪些场景（至少一个）"), boxes.map((one) => one.node)),
    value: () => boxes.filter(({ box }) => box.checked).map(({ id }) => id),
  };
}

export function showGiven(given) {
  hold(given.id, given.follow_token);
  const token = h("input", { readOnly: true, class: "code-text", value: given.follow_token, id: "follow-token" });
  token.addEventListener("focus", () => token.select());
  const copy = async () => {
    await navigator.clipboard.writeText(`申请编号 ${given.id}\n查询码 ${given.follow_token}\n`);
    tell("已复制编号和查询码");
  };
  const keep = () => {
    const text = `合作机构申请\n申请编号：${given.id}\n查询码：${given.follow_token}\n提交时间：${instant(given.applied_at)}\n查看进度：${location.origin}/app/apply#/follow\n`;
    save(new Blob([text], { type: "text/plain;charset=utf-8" }), `合作申请-${given.id.slice(0, 8)}.txt`);
    tell("已保存");
  };
  show(
    card(
      "已提交",
      h("p", { class: "notice warn" }, "查询码只显示这一次，系统只留摘要，丢了找不回来。请现在就复制或存成文件。"),
      facts([["申请编号", h("span", { class: "code-text", id: "application-id" }, given.id)]]),
      field("查询码", token),
      h("div", { class: "row" }, button("复制", copy, { class: "main grow" }), button("存成文本文件", keep, { class: "grow" })),
      h("a", { class: "button", href: "#/follow" }, "查看进度"),
    ),
  );
  tell("申请已提交");
}
