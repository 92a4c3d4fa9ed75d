// 自主申报：来源部门和项目办公室核实；商户的工作人员替本单位申报。

import { declaredFacts, ownDeclarations } from "./declaring.js";
import { openDesk } from "./desk.js";
import { button, card, confirm, day, facts, field, h, instant, onSubmit, problemBox, show, tell } from "./dom.js";

const REVIEWERS = ["office", "data-officer"];
const MERCHANTS = ["partner-manager"];
const TABS = [
  ["queue", "待核实", (context, [id]) => (id ? showOne(context, id) : showQueue(context)), REVIEWERS],
  ["own", "本单位申报", showOwn, MERCHANTS],
];
const ACTS = {
  confirm: ["确认", "main grow", null],
  reject: ["不予确认", "danger grow", "不予确认？"],
  revoke: ["撤销确认", "danger grow", "撤销确认？档案里的这条记录随即停用。"],
};

async function showQueue({ api, route }) {
  const page = await api.get("/declarations/review-queue");
  const list = h("ul", { class: "reasons", id: "queue" }, page.items.map(line));
  let cursor = page.next_cursor;
  const more =
    cursor &&
    button("后面的", async () => {
      const next = await api.get("/declarations/review-queue", { cursor });
      list.append(...next.items.map(line));
      cursor = next.next_cursor;
      if (!cursor) more.remove();
    });
  show(
    h("p", { class: "notice plain-note" }, "您每次打开队列、内容和附件，都会记入申报人的“谁看过我”。"),
    card("待核实的申报", page.items.length ? list : h("p", null, "都办完了。"), more, button("刷新", route)),
    findCard(),
  );
}

function line(one) {
  const late = one.overdue ? h("span", { class: "tag bad" }, "已逾期") : null;
  return h(
    "li",
    { "data-declaration": one.id },
    h(
      "span",
      null,
      h("a", { href: `#/queue/${one.id}` }, `${one.declarer}：${one.item_title}`),
      h("br"),
      h("span", { class: "small muted" }, `${instant(one.declared_at)} 申报`),
    ),
    h("span", { class: "num" }, late, late ? h("br") : null, h("span", { class: "small" }, `${day(one.due_on)} 前`)),
  );
}

// 已经办结的不在队列里，凭编号找：日后查明不实，要撤销确认。
function findCard() {
  const number = h("input", { required: true, autocomplete: "off", spellcheck: false, maxLength: 36 });
  return card(
    "按编号查找",
    onSubmit(
      h(
        "form",
        null,
        field("申报编号", number, "档案里的每条自主申报都带着它。"),
        h("button", { type: "submit" }, "打开"),
      ),
      () => location.assign(`#/queue/${encodeURIComponent(number.value.trim())}`),
    ),
  );
}

async function showOne(context, id) {
  const { api } = context;
  const one = await api.get(`/declarations/${id}`);
  const declared = one.declaration;
  const photos = h("div", { class: "photos" });
  show(
    h("p", null, h("a", { href: "#/queue" }, "返回待核实的申报")),
    card(
      declared.item_title,
      h("p", null, h("span", { class: "tag" }, declared.status_text), " ", h("span", { class: "tag warn" }, "自主申报")),
      facts([
        ["申报人", one.declarer],
        ["身份证号", one.id_number],
        ["统一社会信用代码", one.entity_code],
        ["申报时间", instant(declared.declared_at)],
        ["核实期限", `${day(declared.due_on)}${declared.overdue ? "（已逾期）" : ""}`],
        ["归集依据", one.legal_basis],
        ["计分", one.may_feed_score ? "确认后可以计分" : "不计分"],
        ["申报编号", h("span", { class: "code-text" }, declared.id)],
      ]),
    ),
    card("申报内容", declared.document_no ? declaredFacts(declared) : h("p", null, "材料已按期删除。"), photos),
    card(
      "真实性承诺",
      h("details", null, h("summary", null, `《${one.pledge_title}》（${declared.pledge_version} 版）`), h("p", null, one.pledge_text)),
    ),
    decisionCard(context, one),
  );
  for (const [at, path] of one.photos.entries())
    api.call("GET", path, { blob: true }).then(
      (blob) => photos.append(picture(blob, `附件 ${at + 1}`)),
      (error) => photos.append(problemBox(error)),
    );
}

function picture(blob, alt) {
  const image = h("img", { src: URL.createObjectURL(blob), alt });
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  return image;
}

function decisionCard({ api, route }, one) {
  const { decision, ending, id } = one.declaration;
  const before = facts([
    ["决定", decision && (decision.decision === "confirm" ? "确认" : "不予确认")],
    ["由", decision?.decided_by],
    ["理由", decision?.reason],
    ["结束", ending && `${instant(ending.ended_at)}${ending.reason ? `：${ending.reason}` : "，申报人撤回"}`],
  ]);
  if (one.own) return card("核实结果", before, h("p", null, "这是您自己、您代办过的人或您所在单位的申报，请由同事核实。"));
  if (!one.decisions.length) return card("核实结果", before);
  const reason = h("textarea", { required: true, minLength: 2, maxLength: 200, placeholder: "申报人会看到这段话" });
  const decide = (act) => async () => {
    if (!reason.reportValidity()) return;
    const [label, , question] = ACTS[act];
    if (question && !(await confirm(question, `理由：${reason.value}`, label, true))) return;
    const made = await api.keyed("POST", `/declarations/${id}/decisions`, { decision: act, reason: reason.value.trim() });
    await route();
    tell(`已办结：${made.status_text}`);
  };
  return card(
    decision ? "核实结果" : "核实",
    before,
    field("理由", reason),
    h(
      "div",
      { class: "row" },
      one.decisions.map((act) => button(ACTS[act][0], decide(act), { class: ACTS[act][1], "data-act": act })),
    ),
  );
}

async function showOwn(context) {
  show(await ownDeclarations(context, "/declarations/own", "legal_entity"));
}

const desk = openDesk({ tabs: () => TABS });
desk.watch();
await desk.start();
