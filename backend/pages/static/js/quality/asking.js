// 看哪几个月、哪个单位、哪个目录：各栏共用；报告取一次，各栏看同一份。

import { button, card, field, h, onSubmit, show, tell } from "../dom.js";
import { monthsBetween, monthsEarlier, monthWords, rangeWords, thisMonth } from "./words.js";

const MONTHS = 6; // 打开时看最近几个月
const asked = { from: monthsEarlier(thisMonth(), MONTHS - 1), to: thisMonth(), organisation_id: "", item_code: "" };
const names = { organisation_id: new Map(), item_code: new Map() };
let kept = null; // { wanted, report }
let reader = null; // 谁在看：换了人，前一个人看过的一概不留

const query = () => Object.fromEntries(Object.entries(asked).filter(([, value]) => value));

export function withReport(display) {
  return async (context) => {
    const report = await read(context.api);
    show(chooser(context, report), display(report, context));
  };
}

// 换一个范围，再显示现在这一栏。
export function narrow(route, changes) {
  Object.assign(asked, changes);
  return route();
}

async function read(api) {
  if (reader !== api.account.id) {
    reader = api.account.id;
    kept = null;
    Object.assign(asked, { organisation_id: "", item_code: "" });
    for (const known of Object.values(names)) known.clear();
  }
  const wanted = JSON.stringify(query());
  if (kept?.wanted !== wanted) kept = { wanted, report: await api.get("/quality/report", query()) };
  for (const one of kept.report.organisations) names.organisation_id.set(one.organisation_id, one.organisation);
  for (const one of kept.report.catalogue_items) names.item_code.set(one.item_code, one.item_title);
  return kept.report;
}

function chooser({ api, route }, report) {
  const first = report.since < report.from ? report.since : report.from;
  const months = monthsBetween(first, thisMonth() > report.to ? thisMonth() : report.to).reverse();
  const choices = {
    from: picker(months.map((month) => [month, monthWords(month)]), report.from),
    to: picker(months.map((month) => [month, monthWords(month)]), report.to),
    organisation_id: picker([["", "全部单位"], ...names.organisation_id], asked.organisation_id),
    item_code: picker([["", "全部目录条目"], ...names.item_code], asked.item_code),
  };
  const form = onSubmit(
    h(
      "form",
      { id: "range" },
      h("div", { class: "row" }, wide(field("自（含）", choices.from)), wide(field("至（含）", choices.to))),
      field("单位", choices.organisation_id),
      field("目录条目", choices.item_code),
      h("button", { type: "submit", class: "main" }, "查看"),
    ),
    async () => {
      const chosen = Object.fromEntries(Object.entries(choices).map(([name, node]) => [name, node.value]));
      if (chosen.from > chosen.to) [chosen.from, chosen.to] = [chosen.to, chosen.from];
      kept = null; // 再看一次，就再取一次
      await narrow(route, chosen);
    },
  );
  return card(
    rangeWords(report),
    h("p", { class: "muted", id: "scope" }, scopeWords()),
    h("details", null, h("summary", null, "换月份、单位、目录"), form),
    h("div", { class: "row" }, button("下载 Excel", () => download(api, report))),
  );
}

function scopeWords() {
  const [only, ...others] = names.organisation_id.values();
  const organisation = names.organisation_id.get(asked.organisation_id) ?? (only && !others.length ? only : "全部单位");
  return `${organisation}；${names.item_code.get(asked.item_code) ?? "全部目录条目"}；按收到的月份`;
}

const wide = (node) => {
  node.classList.add("grow");
  return node;
};

function picker(options, chosen) {
  const list = h("select", null, options.map(([value, label]) => h("option", { value }, label)));
  list.value = chosen;
  return list;
}

async function download(api, report) {
  const blob = await api.call("GET", "/quality/report.xlsx", { query: query(), blob: true, timeoutMs: 60000 });
  const name = `数据质量-${report.from}-${report.to}.xlsx`;
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  tell(`已下载 ${name}`);
}
