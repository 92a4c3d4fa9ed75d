// 结算单的列表：合作机构看本单位的，办公室看全部、编制。

import { card, field, h, onSubmit, show, tell } from "../dom.js";
import { STATES, showStatement, stateTag } from "./statement.js";
import { choice, listing, monthText, tag, yuan } from "./words.js";

const PREPARING_MS = 3000; // 编制通常几秒钟：写好了，列表自己变

export const showSettling = ({ api, tab }, [id]) => (id ? showStatement(api, tab, id) : showAll(api, tab));

async function showAll(api, tab) {
  const office = tab === "settling" && api.account.roles.includes("office");
  const month = h("input", { type: "month" });
  const state = choice({ "": "全部", ...STATES }, "");
  const list = listing(
    (cursor) => api.get("/settlement/statements", { month: month.value || null, state: state.value || null, ...cursor }),
    (one) => lineOf(one, tab, list.load),
    { id: "statements", empty: "没有结算单" },
  );
  for (const one of [month, state]) one.addEventListener("change", () => list.load());
  show(
    h("div", { class: "beside" }, field("月份", month), field("状态", state)),
    office ? await prepareCard(api, list.load) : null,
    list.node,
  );
  await list.load();
}

function lineOf(one, tab, again) {
  const box = card(
    `${one.partner.name} ${monthText(one.month)}`,
    h(
      "p",
      { class: "row" },
      stateTag(one.state),
      one.open_disputes ? tag(`${one.open_disputes} 条异议待决定`, "bad") : null,
      h("span", null, `${one.lines} 行，应付 ${yuan(one.total_fen)}`),
    ),
    h("a", { class: "button", href: `#/${tab}/${one.id}` }, "查看"),
  );
  box.dataset.statement = one.id;
  if (one.state === "preparing") setTimeout(() => box.isConnected && again().catch(console.warn), PREPARING_MS);
  return box;
}

// 编制：每月自动编制，这里立即编制一家一个月的。
async function prepareCard(api, again) {
  const partners = await knownPartners(api);
  const whom = choice(Object.fromEntries(partners));
  const now = new Date();
  const before = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1)).toISOString().slice(0, 7);
  const month = h("input", { type: "month", required: true, value: before });
  const form = onSubmit(
    h("form", { id: "prepare" }, field("合作机构", whom), field("哪个月", month), h("button", { type: "submit" }, "编制")),
    async () => {
      await api.keyed("POST", "/settlement/statements", { partner_id: whom.value, month: month.value });
      tell("已开始编制，状态变为待核对后即可核对");
      await again();
    },
  );
  return h("details", { class: "card" }, h("summary", null, "立即编制一份"), form);
}

async function knownPartners(api) {
  const [offers, applied] = await Promise.all([
    api.all("/perks/offers"),
    api.all("/partners/applications", { status: "approved" }),
  ]);
  const found = new Map(offers.map((one) => [one.partner.id, one.partner.name]));
  for (const one of applied) if (one.organisation_id) found.set(one.organisation_id, one.name);
  return [...found].sort(([, one], [, other]) => one.localeCompare(other, "zh-CN"));
}
