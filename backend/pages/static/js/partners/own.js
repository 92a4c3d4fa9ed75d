// 合作机构：本单位的提议。提出优惠和场所、看办到哪一步、补正、撤回。

import { button, card, confirm, field, h, onSubmit, show, tell } from "../dom.js";
import { offerForm } from "./offer.js";
import { proposalCards, proposalLine, titleOf } from "./proposals.js";
import { back, listing, whose } from "./words.js";

export function showOwn({ api }, [what, id]) {
  if (what === "offer") return showOfferForm(api, id);
  if (what === "venue") return showVenueForm(api, id);
  return what ? showOne(api, what) : showAll(api);
}

async function showAll(api) {
  const list = listing(
    (cursor) => api.get("/partner/proposals", { ...whose(api), ...cursor }),
    (one) => proposalLine(one, "own"),
    { id: "proposals", empty: "还没有提议" },
  );
  show(
    card(
      "提出",
      h("p", null, "经办公室审核、另一个人批准后，成为优惠政策的新版本。"),
      h(
        "div",
        { class: "row" },
        h("a", { class: "button", href: "#/own/offer" }, "提出优惠"),
        h("a", { class: "button", href: "#/own/venue" }, "提出场所"),
      ),
    ),
    list.node,
  );
  await list.load();
}

async function showOne(api, id) {
  const path = `/partner/proposals/${encodeURIComponent(id)}`;
  const one = await api.get(path);
  const withdraw = async () => {
    if (!(await confirm("撤回这件提议？", titleOf(one), "撤回", true))) return;
    await api.call("POST", `${path}/withdrawal`);
    tell("已撤回");
    await showOne(api, id);
  };
  const correct = async (body) => {
    await api.call("PUT", path, { body });
    tell("已重新提交");
    await showOne(api, id);
  };
  show(
    back("own"),
    proposalCards(one, false),
    one.status === "returned" ? await correction(api, one, correct) : null,
    ["submitted", "returned", "proposed"].includes(one.status)
      ? card("撤回", h("p", null, "没有办结以前可以撤回。"), button("撤回这件提议", withdraw, { class: "danger" }))
      : null,
  );
}

async function correction(api, one, send) {
  const own = await api.get("/partner", whose(api));
  if (one.kind === "venue") return card("补正", venueForm(one.content, (venue) => send({ venue }), "重新提交"));
  if (one.kind === "close") return card("补正", button("重新提交", () => send({ close: one.slug })));
  const scenes = await api.all("/perks/scenes");
  return card("补正", offerForm({ own, scenes, item: one.content, done: "重新提交", send: (offer) => send({ offer }) }));
}

async function showOfferForm(api, offerId) {
  const [own, scenes] = await Promise.all([api.get("/partner", whose(api)), api.all("/perks/scenes")]);
  const known = own.offers.find((one) => one.id === offerId);
  if (!own.venues.length)
    return show(back("own"), card("先提出场所", h("p", null, "优惠要有使用的场所。"), h("a", { class: "button", href: "#/own/venue" }, "提出场所")));
  const send = async (offer) => proposed(await api.keyed("POST", "/partner/offer-proposals", { offer, ...whose(api) }));
  show(
    back("own"),
    card(known ? `变更优惠：${known.title}` : "提出优惠", offerForm({ own, scenes, item: known?.item, done: "提出", send })),
  );
}

function proposed(made) {
  tell("已提出，等待办公室审核");
  location.hash = `#/own/${made.id}`;
}

async function showVenueForm(api, venueId) {
  const own = await api.get("/partner", whose(api));
  const known = own.venues.find((one) => one.id === venueId);
  const send = async (venue) =>
    proposed(await api.keyed("POST", "/partner/venue-proposals", { venue, ...whose(api) }));
  show(back("own"), card(known ? `变更场所：${known.name}` : "提出场所", venueForm(known, send, "提出")));
}

const degrees = (value, least, most) =>
  h("input", { required: true, type: "number", step: "any", min: least, max: most, value: value ?? "", inputMode: "decimal" });

// 一处场所的几栏；申请页也用。
export function venueFields(known = {}) {
  const name = h("input", { required: true, maxLength: 80, value: known.name ?? "", autocomplete: "off" });
  const address = h("input", { required: true, maxLength: 200, value: known.address ?? "", autocomplete: "off" });
  const lat = degrees(known.lat, 3, 54);
  const lon = degrees(known.lon, 73, 136);
  return {
    node: [
      field("场所名称", name),
      field("地址", address),
      field("纬度", lat, "WGS 84，度，例如 32.0512"),
      field("经度", lon, "WGS 84，度，例如 118.8345"),
    ],
    value: () => ({ name: name.value.trim(), address: address.value.trim(), lat: Number(lat.value), lon: Number(lon.value) }),
  };
}

function venueForm(known, send, done) {
  const fields = venueFields(known ?? {});
  return onSubmit(
    h("form", { id: "venue-form" }, fields.node, h("button", { type: "submit", class: "main" }, done)),
    () => send({ ...(known?.slug ? { slug: known.slug } : {}), ...fields.value() }),
  );
}
