// 办公室：合作申请的列表、审核和决定。联系人只在打开时给看，每次打开都有记录。

import { card, day, facts, field, h, instant, show } from "../dom.js";
import { chosen, decisionCard, history, statusFilter } from "./cases.js";
import { back, caseTag, listing } from "./words.js";

export const showApplications = ({ api }, [id]) => (id ? showOne(api, id) : showAll(api));

async function showAll(api) {
  const list = listing((cursor) => api.get("/partners/applications", { ...chosen(filter), ...cursor }), lineOf, {
    id: "applications",
    empty: "没有这样的申请",
  });
  const filter = statusFilter(list.load);
  show(field("状态", filter), list.node);
  await list.load();
}

function lineOf(one) {
  const box = card(
    one.name,
    h("p", { class: "row" }, caseTag(one.status), h("span", { class: "muted" }, `提交于 ${instant(one.applied_at)}`)),
    h("p", { class: "small code-text" }, one.unified_social_credit_code),
    h("a", { class: "button", href: `#/applications/${one.id}` }, "查看"),
  );
  box.dataset.application = one.id;
  return box;
}

async function showOne(api, id) {
  const path = `/partners/applications/${encodeURIComponent(id)}`;
  const [one, scenes] = await Promise.all([api.get(`${path}/review`), api.all("/perks/scenes")]);
  const names = Object.fromEntries(scenes.map((scene) => [scene.id, scene.name]));
  show(
    back("applications"),
    card(
      one.name,
      h("p", { class: "row" }, caseTag(one.status)),
      facts([
        ["统一社会信用代码", h("span", { class: "code-text" }, one.unified_social_credit_code)],
        ["场景", one.scenes.map((scene) => names[scene] ?? scene).join("、")],
        ["联系人", one.contact ? `${one.contact.name}，${one.contact.phone}${one.contact.email ? `，${one.contact.email}` : ""}` : "不显示或已删除"],
        ["联系人保存到", day(one.contact_until_on)],
      ]),
      h("p", { class: "label" }, "打算提供"),
      h("p", { class: "whole" }, one.intends),
    ),
    venuesCard(one.venues),
    card(
      "档案和公示中的提示",
      h("p", { class: "small muted" }, "只供参考，不自动作出决定。"),
      one.hints.length ? h("ul", { id: "hints" }, one.hints.map((hint) => h("li", null, hint.text))) : h("p", { class: "muted" }, "没有提示。"),
    ),
    history(one, true),
    api.account.roles.includes("office")
      ? decisionCard(one, {
          extra: slugField(),
          send: (body) => api.keyed("POST", `${path}/decisions`, body),
          again: () => showOne(api, id),
        })
      : null,
  );
}

export function venuesCard(venues) {
  return card(
    `场所（${venues.length} 处）`,
    h(
      "ul",
      null,
      venues.map((venue) => h("li", null, `${venue.name}：${venue.address}（${venue.lat}, ${venue.lon}）`)),
    ),
  );
}

function slugField() {
  const slug = h("input", { maxLength: 60, pattern: "[a-z0-9]+(-[a-z0-9]+)*", autocapitalize: "none", autocomplete: "off" });
  return {
    node: field("单位代号（可不填）", slug, "小写字母、数字和连字符；不填就由信用代码生成。"),
    value: () => slug.reportValidity() && (slug.value ? { slug: slug.value } : {}),
  };
}
