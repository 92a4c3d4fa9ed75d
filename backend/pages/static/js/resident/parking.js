// 停车：我的车牌、逐块车牌逐家单位的授权、谁问过、停过的车。

import { button, card, confirm, field, h, instant, onSubmit, tell } from "../dom.js";

const TAGS = { pending: "warn", confirmed: "good", ended: "" };
const yuan = (fen) => `${(fen / 100).toFixed(2)} 元`;
const quiet = (...text) => [h("br"), h("span", { class: "small muted" }, text)];

export async function showParking(context) {
  const { api } = context;
  const [plates, operators, consents, questions, stays] = await Promise.all([
    api.all("/me/plates"),
    api.all("/me/parking/operators"),
    api.all("/me/consents"),
    api.get("/me/parking/questions"),
    api.get("/me/parking/stays"),
  ]);
  const consent = consents.find((one) => one.purpose === "parking");
  return [
    platesCard(context, plates, operators, consent),
    plates.length || questions.items.length ? listCard(api, "谁问过我的车牌", "parking-questions", "/me/parking/questions", questions, question) : null,
    stays.items.length ? listCard(api, "我的停车", "parking-stays", "/me/parking/stays", stays, stay) : null,
  ];
}

function platesCard(context, plates, operators, consent) {
  return card(
    "停车",
    h("p", { class: "small muted" }, "登记车牌，并允许停车场询问后，进出时凭车牌享受停车优惠。停车场只知道有没有优惠，不知道您是谁。"),
    plates.length
      ? h("ul", { class: "reasons", id: "plates" }, plates.map((one) => plate(context, one, operators, consent)))
      : h("p", null, "还没有登记车牌。"),
    newPlate(context),
  );
}

function plate(context, one, operators, consent) {
  const { api, route } = context;
  const remove = async () => {
    if (!(await confirm(`删除 ${one.plate}？`, "对所有停车场的授权随之结束，不再能凭这块车牌享受优惠。", "删除", true))) return;
    await api.call("DELETE", `/me/plates/${one.id}`);
    await route();
    tell(`已删除 ${one.plate}`);
  };
  return h(
    "li",
    { "data-plate": one.plate, "data-state": one.state },
    h(
      "span",
      null,
      h("strong", null, one.plate),
      " ",
      h("span", { class: `tag ${TAGS[one.state]}` }, one.state_text),
      one.state === "pending" ? quiet("请在停车场出示身份码，由工作人员看到车后确认；三十天内有效。") : null,
      one.state === "ended" ? null : allowances(context, one, operators, consent),
      h("div", null, button("删除这块车牌", remove, { class: "quiet danger", "aria-label": `删除这块车牌 ${one.plate}` })),
    ),
  );
}

// 没有同意“凭车牌享受停车优惠”的，先去同意事项；同意以后，逐家单位打开。
function allowances({ api, route }, one, operators, consent) {
  if (!operators.length || !consent) return null;
  if (!consent.granted) return quiet(`要允许停车场询问，请先在上面同意“${consent.title}”。`);
  const set = async (operator, granted) => {
    await api.call("PUT", `/me/plates/${one.id}/operators/${operator.partner_id}`, {
      body: { granted, text_version: consent.text_version },
    });
    await route();
    tell(granted ? `已允许${operator.name}询问 ${one.plate}` : `${operator.name}不再能询问 ${one.plate}`);
  };
  return operators.map((operator) => {
    const given = one.operators.find((each) => each.partner_id === operator.partner_id);
    const label = given ? `不再允许${operator.name}询问` : `允许${operator.name}询问`;
    return h(
      "div",
      { "data-operator": operator.partner_id },
      button(label, () => set(operator, !given), {
        class: given ? "quiet" : "",
        "aria-label": `${label} ${one.plate}`,
      }),
      given ? quiet(`${instant(given.granted_at)} 起允许；停车场：${operator.venues.join("、")}`) : null,
    );
  });
}

function newPlate({ api, route }) {
  const input = h("input", { required: true, maxLength: 12, autocomplete: "off", autocapitalize: "characters" });
  const form = onSubmit(
    h(
      "form",
      { id: "new-plate" },
      field("车牌号", input, "例如 苏A12345，新能源 苏AD12345。最多 5 块。"),
      h("button", { type: "submit" }, "登记车牌"),
    ),
    async () => {
      const made = await api.keyed("POST", "/me/plates", { plate: input.value });
      await route();
      tell(`已登记 ${made.plate}`);
    },
  );
  return form;
}

function question(one) {
  return h(
    "li",
    { "data-purpose": one.purpose },
    h(
      "span",
      null,
      `${one.operator.name}，${one.venue.name}`,
      quiet(`${instant(one.at)} · ${one.plate ?? "已删除的车牌"} · ${one.purpose_text}`),
    ),
    h("span", { class: `tag ${one.answered_yes ? "good" : ""}` }, one.answered_yes ? "答复：可以" : "答复：不可以"),
  );
}

function stay(one) {
  const until = one.exited_at ? ` 至 ${instant(one.exited_at)}` : "";
  return h(
    "li",
    { "data-state": one.state },
    h(
      "span",
      null,
      `${one.venue.name} · ${one.plate ?? "已删除的车牌"}`,
      quiet(`${instant(one.entered_at)}${until} · ${one.state_text}${one.admission_id ? " · 已用优惠" : ""}`),
    ),
    h("span", { class: "num small muted" }, one.fee_fen === null ? "" : yuan(one.fee_fen)),
  );
}

function listCard(api, title, id, path, first, line) {
  const list = h("ul", { class: "reasons", id }, first.items.map(line));
  let cursor = first.next_cursor;
  const more =
    cursor &&
    button("更早的", async () => {
      const page = await api.get(path, { cursor });
      list.append(...page.items.map(line));
      cursor = page.next_cursor;
      if (!cursor) more.remove();
    });
  return card(title, first.items.length ? list : h("p", null, "还没有人问过。"), more);
}
