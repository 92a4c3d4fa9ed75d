// 概况：本单位的场所、优惠和它们的历次版本、设备、本月至今。

import { button, card, day, facts, field, h, instant, show } from "../dom.js";
import { changeOf } from "../office/proposals.js";
import { sumsList } from "./statement.js";
import { back, choice, choose, listing, monthText, ownOrganisations, tag, whose } from "./words.js";

export const showOverview = ({ api }, [what, id]) => (what === "versions" ? showVersions(api, id) : showOwn(api));

async function showOwn(api) {
  const mine = whose(api);
  const partner = mine.organisation_id ? { partner_id: mine.organisation_id } : {};
  const [own, running] = await Promise.all([api.get("/partner", mine), api.get("/settlement/running", partner)]);
  show(
    organisationChoice(api, mine),
    card(
      own.name,
      own.is_partner ? null : h("p", { class: "notice warn" }, "现行优惠政策里没有本单位，不能提出优惠和场所。"),
      facts([
        ["统一社会信用代码", h("span", { class: "code-text" }, own.unified_social_credit_code ?? "没有登记")],
        ["代号", own.slug],
        ["政策版本", own.policy_version],
        ["设备", `${own.devices_active} 台使用中，${own.devices_suspended} 台已停用`],
        ["在办的提议", `${own.proposals_open} 件`],
      ]),
      h("a", { class: "button", href: "/app/office#/devices" }, "管理设备"),
    ),
    card(
      `本月至今（${monthText(running.month)}）`,
      running.sums.length ? sumsList(running.sums) : h("p", { class: "muted" }, "本月还没有核销。"),
      h("p", { class: "small muted" }, "还不是结算单，月末以前会变。"),
    ),
    venuesOf(own),
    offersOf(api, own),
  );
}

function organisationChoice(api, mine) {
  if (!mine.organisation_id) return null;
  const node = choice(Object.fromEntries(ownOrganisations(api)), mine.organisation_id);
  node.addEventListener("change", () => {
    choose(node.value);
    showOwn(api);
  });
  return field("替哪个单位办", node);
}

function venuesOf(own) {
  const line = (one) =>
    h(
      "li",
      null,
      h("span", null, h("strong", null, one.name), h("br"), h("span", { class: "small muted" }, one.address)),
      h("a", { href: `#/own/venue/${one.id}`, "aria-label": `变更场所 ${one.name}` }, "变更"),
    );
  return card(
    "场所",
    own.venues.length ? h("ul", { class: "reasons" }, own.venues.map(line)) : h("p", { class: "muted" }, "还没有场所。"),
    h("a", { class: "button", href: "#/own/venue" }, "提出场所"),
  );
}

function offersOf(api, own) {
  const line = (one) =>
    h(
      "li",
      null,
      h(
        "span",
        null,
        h("strong", null, one.title),
        h("br"),
        h("a", { href: `#/overview/versions/${one.id}`, "aria-label": `历次版本：${one.title}` }, "历次版本"),
        one.status === "open" ? ["　", h("a", { href: `#/own/offer/${one.id}`, "aria-label": `变更优惠 ${one.title}` }, "变更")] : null,
        one.status === "open" ? closeOffer(api, one) : null,
      ),
      tag(one.status === "open" ? "开放" : "已停止", one.status === "open" ? "good" : ""),
    );
  return card(
    "优惠",
    own.offers.length ? h("ul", { class: "reasons" }, own.offers.map(line)) : h("p", { class: "muted" }, "还没有优惠。"),
    h("a", { class: "button", href: "#/own/offer" }, "提出优惠"),
  );
}

function closeOffer(api, one) {
  const propose = async () => {
    const made = await api.keyed("POST", "/partner/offer-proposals", { close: one.slug, ...whose(api) });
    location.hash = `#/own/${made.id}`;
  };
  return h(
    "details",
    null,
    h("summary", null, "提出停止"),
    h("p", { class: "small" }, "批准后停止领取，已领的券继续有效。"),
    button("提出停止", propose, { class: "danger" }),
  );
}

const ACTS = { added: "新增", changed: "变更", removed: "移除" };

async function showVersions(api, id) {
  const list = listing(
    (cursor) => api.get(`/partner/offers/${encodeURIComponent(id)}/versions`, { ...whose(api), ...cursor }),
    (one) =>
      card(
        `${ACTS[one.act]}：${one.version}`,
        facts([
          ["执行日期", day(one.effective_on)],
          ["发布时间", instant(one.published_at)],
          ["谁提出", one.proposed_by === "partner" ? `本单位 ${one.proposer}` : "办公室"],
        ]),
        one.changes.length
          ? h("details", null, h("summary", null, `${one.changes.length} 项差异`), one.changes.map(changeOf))
          : null,
      ),
    { id: "versions", empty: "没有版本" },
  );
  show(back("overview", "← 返回概况"), list.node);
  await list.load();
}
