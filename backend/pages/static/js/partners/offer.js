// 一项优惠的表单：常用的字段各有一栏，其余的写在“更多（JSON）”里，合成 perks.toml 的一项。

import { field, h, onSubmit } from "../dom.js";
import { Problem } from "../api.js";
import { choice, fenOf, fenText, money } from "./words.js";

const KINDS = {
  ticket: "门票",
  percent_off: "打折",
  deposit_free: "免押金",
  pay_after: "先享后付",
  green_lane: "绿色通道",
  transit_discount: "出行优惠",
  parking: "停车",
  goods: "实物",
  service: "服务",
  upgrade: "升级",
};
// 每一种给法，和它要填的一个数。
const BENEFITS = {
  free_ticket: ["免票", "persons", "几人"],
  percent_off: ["打折", "percent_off", "减百分之几"],
  amount_off: ["减免金额", "amount_fen", "减多少元"],
  deposit_free: ["免押金", "up_to_fen", "最多多少元"],
  pay_after: ["先享后付", "up_to_fen", "最多多少元"],
  green_lane: ["绿色通道"],
  free_minutes: ["免费时长", "minutes", "多少分钟"],
  service: ["服务"],
  upgrade: ["升级"],
  goods: ["实物", "quantity", "几件"],
};
const WINDOWS = { day: "每天", month: "每月", year: "每年", ever: "总共" };
const REFUNDS = { until_used: "使用前可以退", none: "不退" };
const USUAL = {
  level_floor: "",
  consents: [],
  basic_public_service: false,
  code_lifetime_seconds: 300,
};

const text = (known, key, most, more = {}) => h("input", { maxLength: most, autocomplete: "off", value: known[key] ?? "", ...more });
const whole = (value, least, most, more = {}) =>
  h("input", { type: "number", min: least, max: most, step: 1, inputMode: "numeric", value: value ?? "", ...more });

// own：GET /partner；item：要变更或补正的全文。
export function offerForm({ own, scenes, item, done, send }) {
  const known = item ?? {};
  const slug = text(known, "slug", 60, { required: true, pattern: "[a-z0-9]+(-[a-z0-9]+)*", autocapitalize: "none", readOnly: Boolean(item) });
  const title = text(known, "title", 80, { required: true });
  const scene = choice(Object.fromEntries(scenes.map((one) => [one.id, one.name])), known.scene);
  const kind = choice(KINDS, known.kind ?? "ticket");
  const venues = venueChecks(own.venues, known.venues);
  const benefit = benefitFields(known.benefit);
  const summary = h("textarea", { required: true, maxLength: 400, rows: 2, value: known.summary ?? "" });
  const words = text(known, "benefit_text", 120, { required: true });
  const basis = text(known, "basis", 400, { required: true });
  const numbers = numberFields(known);
  const settled = money({ value: fenText(known.settlement_price_fen) });
  const more = h("textarea", { rows: 6, spellcheck: false, class: "code-text", value: moreOf(known) });
  const value = () => ({
    ...rest(more),
    slug: slug.value,
    scene: scene.value,
    venues: venues.value(),
    title: title.value.trim(),
    kind: kind.value,
    summary: summary.value.trim(),
    benefit: benefit.value(),
    benefit_text: words.value.trim(),
    basis: basis.value.trim(),
    ...numbers.value(),
    ...(settled.value ? { settlement_price_fen: fenOf(settled.value) } : {}),
  });
  return onSubmit(
    h(
      "form",
      { id: "offer-form" },
      field("编号", slug, "小写字母、数字和连字符，全市唯一，以后不变。"),
      field("名称", title),
      field("场景", scene),
      field("种类", kind),
      venues.node,
      field("一句话介绍", summary),
      benefit.node,
      field("怎样优惠（印在券上）", words),
      field("依据", basis, "文件名称和条款。"),
      numbers.node,
      field("希望的结算价（元，每次使用，可不填）", settled, "由办公室确定。"),
      h(
        "details",
        null,
        h("summary", null, "更多（JSON）"),
        field("其余字段", more, "与 perks.toml 的 [[offers]] 相同，例如 offline、slots、obligation；上面各栏以上面为准。"),
      ),
      h("button", { type: "submit", class: "main" }, done),
    ),
    () => send(value()),
  );
}

function venueChecks(venues, chosen) {
  const boxes = venues.map((one, at) => ({
    slug: one.slug,
    name: one.name,
    box: h("input", { type: "checkbox", id: `venue-${at}`, checked: chosen ? chosen.includes(one.slug) : venues.length === 1 }),
  }));
  return {
    node: h(
      "fieldset",
      null,
      h("legend", null, "哪些场所"),
      boxes.map(({ name, box }) => h("div", { class: "check" }, box, h("label", { htmlFor: box.id }, name))),
    ),
    value: () => boxes.filter(({ box }) => box.checked).map(({ slug }) => slug),
  };
}

function benefitFields(known = { type: "free_ticket", persons: 1 }) {
  const type = choice(Object.fromEntries(Object.entries(BENEFITS).map(([name, [label]]) => [name, label])), known.type);
  const place = h("div", null);
  let amount = null;
  const draw = () => {
    const [, key, label] = BENEFITS[type.value];
    const value = type.value === known.type ? known[key] : undefined;
    amount = !key ? null : key.endsWith("_fen") ? money({ required: true, value: fenText(value) }) : whole(value, 1, 100000, { required: true });
    place.replaceChildren(...(amount ? [field(label, amount)] : []));
  };
  type.addEventListener("change", draw);
  draw();
  return {
    node: [field("给什么", type), place],
    value() {
      const [, key] = BENEFITS[type.value];
      if (!key) return { type: type.value };
      return { type: type.value, [key]: key.endsWith("_fen") ? fenOf(amount.value) : Number(amount.value) };
    },
  };
}

function numberFields(known) {
  const price = whole(known.price_points ?? 0, 0, 1000000, { required: true });
  const stock = whole(known.stock_total ?? 0, 0, 10000000, { required: true });
  const limit = whole(known.per_person?.limit ?? 1, 1, 10000, { required: true });
  const span = choice(WINDOWS, known.per_person?.window ?? "month");
  const days = whole(known.coupon_valid_days ?? 30, 0, 3660, { required: true });
  const uses = whole(known.uses ?? 1, 1, 1000, { required: true });
  const refund = choice(REFUNDS, known.refund ?? "until_used");
  const first = h("input", { type: "date", value: known.starts_on ?? "" });
  const last = h("input", { type: "date", value: known.ends_on ?? "" });
  return {
    node: [
      field("要多少积分", price),
      field("总名额", stock, "0 为不限。"),
      field("每人限领", limit),
      field("限领按", span),
      field("券的有效天数", days),
      field("一张券用几次", uses),
      field("退券", refund),
      field("开始日期（可不填）", first),
      field("结束日期（可不填）", last),
    ],
    value: () => ({
      price_points: Number(price.value),
      stock_total: Number(stock.value),
      per_person: { limit: Number(limit.value), window: span.value },
      coupon_valid_days: Number(days.value),
      uses: Number(uses.value),
      refund: refund.value,
      ...(first.value ? { starts_on: first.value } : {}),
      ...(last.value ? { ends_on: last.value } : {}),
    }),
  };
}

const OWN_FIELDS = [
  ["slug", "scene", "partner", "venues", "title", "kind", "summary", "benefit", "benefit_text", "basis"],
  ["price_points", "stock_total", "per_person", "coupon_valid_days", "uses", "refund", "starts_on", "ends_on"],
  ["settlement_price_fen"],
].flat();

function moreOf(known) {
  const left = Object.entries(known).filter(([name]) => !OWN_FIELDS.includes(name));
  return JSON.stringify(left.length ? Object.fromEntries(left) : { ...USUAL, offline: { mode: "none" } }, null, 2);
}

function rest(more) {
  let found;
  try {
    found = JSON.parse(more.value.trim() || "{}");
  } catch {
    found = null;
  }
  if (!found || typeof found !== "object" || Array.isArray(found))
    throw new Problem({ title: "“更多”里不是一个 JSON 对象", detail: "检查引号、逗号和花括号。" }, 0);
  return found;
}
