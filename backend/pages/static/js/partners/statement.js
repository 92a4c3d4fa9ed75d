// 一份结算单：合计、逐笔、异议；合作机构确认和提出异议，办公室决定和关账。

import { button, card, confirm, day, facts, field, h, instant, onSubmit, show, tell } from "../dom.js";
import { back, download, fenOf, fenText, listing, money, monthText, tag, yuan } from "./words.js";

export const STATES = { preparing: "编制中", proposed: "待核对", agreed: "已确认", closed: "已关账" };
const STATE_TONES = { preparing: "warn", proposed: "warn", agreed: "good", closed: "good" };
export const stateTag = (state) => tag(STATES[state], STATE_TONES[state]);
const SOURCES = { online: "在线", offline: "离线", operator: "人工" };
const DISPUTES = { open: "待决定", upheld: "成立", rejected: "不成立" };
const TONES = { open: "warn", upheld: "good", rejected: "bad" };

export async function showStatement(api, tab, id) {
  const path = `/settlement/statements/${encodeURIComponent(id)}`;
  const one = await api.get(path);
  const disputes = await api.all(`${path}/disputes`);
  const office = tab === "settling" && api.account.roles.includes("office");
  const again = () => showStatement(api, tab, id);
  const may = { dispute: tab === "statements" && one.state === "proposed" };
  const lines = listing((cursor) => api.get(`${path}/lines`, { limit: 50, ...cursor }), (line) => lineOf(api, path, line, disputes, may, again), {
    id: "lines",
    empty: "没有行",
    next: "更多行",
    wrap: "ul",
  });
  show(
    back(tab),
    headCard(api, path, one),
    one.sums.length ? sumsCard(one) : null,
    disputes.length ? disputesCard(api, path, disputes, office && one.state !== "closed", again) : null,
    card("逐笔", lines.node),
    tab === "statements" ? agreement(api, path, one, again) : null,
    office ? closing(api, path, one, again) : null,
  );
  await lines.load();
}

function headCard(api, path, one) {
  const name = `结算单-${one.month}-${one.partner.name}`;
  return card(
    `${one.partner.name} ${monthText(one.month)}`,
    h("p", { class: "row" }, stateTag(one.state), one.state_text === STATES[one.state] ? null : h("span", { class: "muted" }, one.state_text)),
    h("p", null, h("span", { class: "number" }, yuan(one.total_fen).replace(" 元", "")), h("span", { class: "unit" }, " 元应付")),
    facts([
      ["行数", `${one.lines} 行`],
      ["积分", `${one.total_points} 分`],
      ["核对至", day(one.review_until_on)],
      ["编制", instant(one.prepared_at)],
      ["确认", instant(one.agreed_at)],
      ["关账", instant(one.closed_at)],
      ["摘要", one.digest && h("span", { class: "code-text" }, one.digest)],
    ]),
    h(
      "div",
      { class: "row" },
      button("下载 Excel", download(api, `${path}/statement.xlsx`, `${name}.xlsx`)),
      button("下载 PDF", download(api, `${path}/statement.pdf`, `${name}.pdf`)),
    ),
  );
}

export function sumsList(sums) {
  const row = (one) =>
    h(
      "li",
      null,
      h(
        "span",
        null,
        h("strong", null, one.offer.title),
        h("br"),
        h("span", { class: "small muted" }, `${one.venue.name}，${one.lines} 次，${one.payer || "不另行付款"}`),
      ),
      h("span", { class: "num" }, yuan(one.due_fen), h("br"), h("span", { class: "small muted" }, `${one.points} 积分`)),
    );
  return h("ul", { class: "reasons", "aria-label": "合计" }, sums.map(row));
}

const sumsCard = (one) => card("合计", sumsList(one.sums));

function lineOf(api, path, line, disputes, may, again) {
  const own = disputes.filter((one) => one.line === line.number);
  const title = `第 ${line.number} 行：${line.offer.title}`;
  return h(
    "li",
    { "data-line": line.number },
    h(
      "span",
      null,
      h("strong", null, line.kind === "correction" ? `${title}（更正）` : title),
      h("br"),
      h("span", { class: "small muted" }, `${line.venue.name}，${SOURCES[line.source]}，${instant(line.happened_at)}`),
      line.note ? [h("br"), h("span", { class: "small" }, line.note)] : null,
      own.map((one) => [h("br"), tag(`异议${DISPUTES[one.state]}`, TONES[one.state])]),
      may.dispute && !own.length ? disputeForm(api, path, line, again) : null,
    ),
    h("span", { class: "num" }, yuan(line.due_fen), h("br"), h("span", { class: "small muted" }, `${line.points} 积分`)),
  );
}

function disputeForm(api, path, line, again) {
  const wanted = money({ required: true, value: fenText(Math.max(0, line.due_fen)) });
  const text = h("textarea", { required: true, maxLength: 500, rows: 3 });
  const form = onSubmit(
    h(
      "form",
      { class: "stack" },
      field("主张应付（元）", wanted),
      field("理由", text, "不要写居民的姓名和号码。"),
      h("button", { type: "submit", class: "main" }, "提交异议"),
    ),
    async () => {
      const body = { line: line.number, wanted_fen: fenOf(wanted.value), text: text.value.trim() };
      await api.keyed("POST", `${path}/disputes`, body);
      tell("异议已提交，等待办公室决定");
      await again();
    },
  );
  return h("details", null, h("summary", null, `对第 ${line.number} 行提出异议`), form);
}

function disputesCard(api, path, disputes, decides, again) {
  const one = (made) =>
    h(
      "li",
      { "data-dispute": made.id },
      h(
        "span",
        null,
        h("strong", null, `第 ${made.line} 行，主张 ${yuan(made.wanted_fen)}`),
        h("br"),
        made.text,
        made.reason ? [h("br"), `决定：${made.reason}`] : null,
        h("br"),
        h("span", { class: "small muted" }, instant(made.decided_at ?? made.raised_at)),
        decides && made.state === "open" ? decideForm(api, path, made, again) : null,
      ),
      tag(DISPUTES[made.state], TONES[made.state]),
    );
  return card("异议", h("ul", { class: "reasons", id: "disputes" }, disputes.map(one)));
}

function decideForm(api, path, made, again) {
  const due = money({ value: fenText(made.wanted_fen) });
  const reason = h("textarea", { required: true, maxLength: 200, rows: 2 });
  const decide = (outcome) => async () => {
    due.required = outcome === "upheld";
    if (!reason.reportValidity() || !due.reportValidity()) return;
    const body = { outcome, reason: reason.value.trim(), ...(outcome === "upheld" ? { due_fen: fenOf(due.value) } : {}) };
    await api.keyed("POST", `${path}/disputes/${made.id}/decision`, body);
    tell(`异议${DISPUTES[outcome]}`);
    await again();
  };
  return h(
    "div",
    { class: "stack" },
    field("成立时改为应付（元）", due),
    field("决定的理由", reason, "给合作机构看，决定只作一次。"),
    h("div", { class: "row" }, button("异议成立", decide("upheld"), { class: "main grow" }), button("异议不成立", decide("rejected"), { class: "grow" })),
  );
}

function agreement(api, path, one, again) {
  if (one.state !== "proposed") return null;
  const agree = async () => {
    if (!(await confirm("确认这份结算单？", `应付 ${yuan(one.total_fen)}，确认后不能再提异议。`, "确认"))) return;
    await api.keyed("POST", `${path}/agreement`);
    tell("已确认");
    await again();
  };
  const waits = "还有异议没有决定，决定以后才能确认。";
  return card(
    "核对",
    h("p", null, one.open_disputes ? waits : "逐笔核对无误就确认；有不对的，先在那一行提出异议。"),
    one.open_disputes ? null : button("确认结算单", agree, { class: "main" }),
  );
}

function closing(api, path, one, again) {
  if (one.state === "closed" || one.state === "preparing") return null;
  const close = async () => {
    if (!(await confirm("关账？", "关账之后永远不变，以后的差错在下一份里更正。", "关账", true))) return;
    await api.keyed("POST", `${path}/closing`);
    tell("已关账");
    await again();
  };
  return card(
    "关账",
    one.closable
      ? button("关账", close, { class: "main" })
      : h("p", null, "合作机构确认以后，或核对期满、没有未决异议时，才能关账。"),
  );
}
