// 离线冲突：离线时放行了、按规则却不该放行的。合作机构主张或放弃，办公室决定。从不说是哪位居民。

import { button, card, confirm, facts, field, h, instant, show, tell } from "../dom.js";
import { choice, listing, tag, yuan } from "./words.js";

const STEPS = { open: "待处理", claimed: "已主张，待决定", waived: "已放弃", accepted: "计入结算", rejected: "不予结算" };
const TONES = { open: "warn", claimed: "warn", accepted: "good", rejected: "bad" };

export const showConflicts = ({ api }) => showSteps("/partner/conflicts", api, STEPS, "open", (one, again) => answers(api, one, again));

export function showClaims({ api }) {
  const { open: _, ...steps } = STEPS;
  return showSteps("/conflicts", api, steps, "claimed", (one, again) => decision(api, one, again));
}

async function showSteps(path, api, steps, first, acts) {
  const step = choice(steps, first);
  const list = listing(
    (cursor) => api.get(path, { step: step.value, ...cursor }),
    (one) => conflictCard(one, acts(one, list.load)),
    { id: "conflicts", empty: "没有这样的冲突" },
  );
  step.addEventListener("change", list.load);
  show(field("进展", step), list.node);
  await list.load();
}

function conflictCard(one, acts) {
  const box = card(
    one.offer?.title ?? "离线冲突",
    h("p", { class: "row" }, tag(STEPS[one.step], TONES[one.step]), h("span", null, yuan(one.settlement_fen))),
    facts([
      ["合作机构", one.partner.name],
      ["场馆", one.venue.name],
      ["设备", one.device.label],
      ["放行时间", instant(one.happened_at)],
      ["上传时间", instant(one.recorded_at)],
      ["为什么不该放行", h("a", { href: `/problems/${one.reason}`, target: "_blank", rel: "noopener" }, `${one.title}（新窗口）`)],
      ["主张", one.claim],
      ["主张时间", instant(one.claimed_at)],
      ["决定", one.decision],
      ["决定时间", instant(one.decided_at)],
    ]),
    acts,
  );
  box.dataset.conflict = one.id;
  return box;
}

function answers(api, one, again) {
  if (one.step !== "open" && one.step !== "claimed") return null;
  const text = h("textarea", { required: true, minLength: 5, maxLength: 400, rows: 3 });
  const claim = async () => {
    if (!text.reportValidity()) return;
    await api.keyed("POST", `/partner/conflicts/${one.id}/claims`, { text: text.value.trim() });
    tell("已主张，等待办公室决定");
    await again();
  };
  const waive = async () => {
    if (!(await confirm("放弃这一条？", "放弃后不计入结算，不能再改变。", "放弃", true))) return;
    await api.keyed("POST", `/partner/conflicts/${one.id}/waivers`);
    tell("已放弃");
    await again();
  };
  return [
    one.step === "open" ? field("为什么仍应结算", text, "不要写居民的姓名和号码。") : null,
    h(
      "div",
      { class: "row" },
      one.step === "open" ? button("主张结算", claim, { class: "main grow" }) : null,
      button("放弃", waive, { class: "danger grow" }),
    ),
  ];
}

function decision(api, one, again) {
  if (one.step !== "claimed" || !api.account.roles.includes("office")) return null;
  const reason = h("textarea", { required: true, minLength: 5, maxLength: 400, rows: 3 });
  const decide = (accepted) => async () => {
    if (!reason.reportValidity()) return;
    await api.keyed("POST", `/conflicts/${one.id}/decisions`, { accepted, reason: reason.value.trim() });
    tell(accepted ? "已决定计入结算" : "已决定不予结算");
    await again();
  };
  return [
    field("决定的理由", reason, "给合作机构看。"),
    h(
      "div",
      { class: "row" },
      button("计入结算", decide(true), { class: "main grow" }),
      button("不予结算", decide(false), { class: "danger grow" }),
    ),
  ];
}
