// 自主申报：列表、撤回、新的申报。居民申报自己的，商户的工作人员申报本单位的，用的是同一套卡片。

import { button, card, confirm, day, facts, field, h, instant, onSubmit, tell } from "./dom.js";
import { uploaded } from "./uploads.js";

const MOST_PHOTOS = 9;
const TAGS = { pending: "warn", confirmed: "good", rejected: "bad", withdrawn: "", revoked: "bad" };
const ENDS = { pending: "撤回这条申报", confirmed: "撤回，不再使用" };
const today = () => new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);

// path：申报的地址；subject：谁可以申报的条目。
export async function ownDeclarations(context, path, subject) {
  const [mine, offered] = await Promise.all([context.api.get(path), context.api.get("/catalogue/self-declarable", { limit: 100 })]);
  const items = offered.items.filter((one) => one.subject === subject);
  const pledge = offered.pledges.find((one) => one.subject === subject);
  return [
    listCard(context, path, mine),
    items.length && pledge ? newCard(context, path, items, pledge) : null,
  ];
}

function listCard(context, path, mine) {
  const list = h("ul", { class: "reasons", id: "declarations" }, mine.items.map((one) => line(context, path, one)));
  let cursor = mine.next_cursor;
  const more =
    cursor &&
    button("更早的", async () => {
      const page = await context.api.get(path, { cursor });
      list.append(...page.items.map((one) => line(context, path, one)));
      cursor = page.next_cursor;
      if (!cursor) more.remove();
    });
  return card(
    "自主申报",
    h("p", { class: "small muted" }, "核实确认之前，不进档案、不计分、不公开；确认之后也标明“自主申报”。"),
    mine.items.length ? list : h("p", null, "还没有申报。"),
    more,
  );
}

function line({ api, route }, path, one) {
  const withdraw = async () => {
    const text = one.record_id ? "档案里的这条记录随即停用，计过分的不再计分。" : "撤回后不再核实。可以重新申报。";
    if (!(await confirm("撤回这条申报？", text, "撤回", true))) return;
    await api.keyed("POST", `${path}/${one.id}/withdrawal`);
    await route();
    tell("已撤回");
  };
  const quiet = (text) => text && [h("br"), h("span", { class: "small muted" }, text)];
  return h(
    "li",
    { "data-declaration": one.id, "data-status": one.status },
    h(
      "span",
      null,
      one.title,
      quiet([one.title === one.item_title ? "" : one.item_title, one.document_no].filter(Boolean).join(" · ")),
      quiet(said(one)),
      ENDS[one.status] ? [h("br"), button(ENDS[one.status], withdraw, { "data-act": "withdraw" })] : null,
    ),
    h("span", { class: "num" }, h("span", { class: `tag ${TAGS[one.status]}` }, one.status_text)),
  );
}

function said(one) {
  if (one.status === "pending")
    return `${instant(one.declared_at)} 申报，应在 ${day(one.due_on)} 前核实${one.overdue ? "（已逾期）" : ""}`;
  if (one.ending) return `${instant(one.ending.ended_at)}${one.ending.reason ? `：${one.ending.reason}` : ""}`;
  return `${one.decision.decided_by}：${one.decision.reason ?? ""}`;
}

function newCard({ api, route }, path, items, pledge) {
  const what = h(
    "select",
    { required: true },
    items.map((one, at) => h("option", { value: String(at) }, one.title)),
  );
  const hint = h("p", { class: "hint" });
  const place = h("div", { class: "stack" });
  let columns = [];
  const chosen = () => items[Number(what.value)];
  const fill = () => {
    const item = chosen();
    hint.textContent = [
      `由${item.source_departments.join("、")}或项目办公室核实`,
      item.may_feed_score ? "确认后可以计分" : "不计分",
    ].join("；");
    columns = item.fields.map((column) => [column, control(column)]);
    place.replaceChildren(
      ...columns.map(([column, input]) => field(column.required ? column.title : `${column.title}（选填）`, input)),
    );
  };
  what.addEventListener("change", fill);
  fill();
  const photos = h("input", { type: "file", required: true, multiple: true, accept: "image/jpeg,image/png,image/webp" });
  const agree = h("input", { type: "checkbox", required: true });
  const form = onSubmit(
    h(
      "form",
      { id: "declare" },
      field("申报什么", what),
      hint,
      place,
      field("证明材料的照片", photos, `1 至 ${MOST_PHOTOS} 张。拍摄地点等附带信息会被去掉。`),
      h(
        "div",
        { class: "consent-text", tabIndex: 0, role: "region", "aria-label": `${pledge.title}：全文` },
        pledge.text,
      ),
      h("label", { class: "check" }, agree, `我已阅读并接受《${pledge.title}》（${pledge.version} 版）`),
      h("button", { type: "submit", class: "main" }, "提交申报"),
    ),
    async () => {
      const photoIds = [];
      for (const file of Array.from(photos.files).slice(0, MOST_PHOTOS)) photoIds.push(await uploaded(api, file));
      const made = await api.keyed("POST", path, {
        item_code: chosen().code,
        fields: Object.fromEntries(columns.map(([column, input]) => [column.name, told(column, input)]).filter(([, v]) => v !== "")),
        pledge_version: pledge.version,
        photo_ids: photoIds,
      });
      await route();
      tell(`已提交，应在 ${day(made.due_on)} 前核实`);
    },
  );
  return card("新的申报", h("details", null, h("summary", null, "填写申报"), form));
}

// 每种列一种控件；目录限定了取值的，只能从中选。
function control({ name, type, required, values, longest }) {
  if (values.length)
    return h("select", { required }, [
      required ? null : h("option", { value: "" }, "不填"),
      values.map((value) => h("option", { value }, value)),
    ]);
  if (type === "date") return h("input", { type: "date", required, max: name === "decided_on" ? today() : undefined });
  if (type === "integer") return h("input", { type: "number", step: 1, required });
  if (longest > 200) return h("textarea", { required, maxLength: longest });
  return h("input", { required, maxLength: longest, autocomplete: "off" });
}

const told = ({ type }, input) => (type === "integer" && input.value !== "" ? Number(input.value) : input.value.trim());

// 申报的内容，一列一行。
export const declaredFacts = (one) =>
  facts([
    ["文书（证书）编号", one.document_no],
    ["决定（发证）日期", day(one.decided_on)],
    ...one.fields.map((column) => [column.title, String(column.value)]),
  ]);
