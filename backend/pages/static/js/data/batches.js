// 批次：列表；一个批次的进度、结果、发现的问题、退回的行、撤回。

import { button, card, confirm, facts, field, h, instant, onSubmit, show, svg, tell } from "../dom.js";
import { quarantineCard } from "./quarantine.js";
import { bytes, MODES, MOVING, OUTCOMES, outcomeName, STATES, stateTag, VERDICTS } from "./words.js";

const ASK_AGAIN_MS = 1500;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const isOfficer = (api) => api.account.roles.includes("data-officer");

// --- 列表 ---------------------------------------------------------------------------------------------------------

export async function showBatches({ api }) {
  const choice = h(
    "select",
    null,
    h("option", { value: "" }, "全部"),
    Object.entries(STATES).map(([value, label]) => h("option", { value }, label)),
  );
  const list = h("div", { class: "stack", id: "batches" });
  const more = button("更早的", () => read(more.cursor));
  async function read(cursor) {
    const chosen = choice.value;
    const page = await api.get("/batches", { ...(chosen ? { status: chosen } : {}), ...(cursor ? { cursor } : {}) });
    if (choice.value !== chosen) return; // 又换了一种状态：迟到的答复不算
    if (!cursor) list.replaceChildren();
    list.append(...page.items.map(lineOf));
    if (!list.children.length) list.append(card("还没有批次", h("p", null, "报送的文件会出现在这里。")));
    more.cursor = page.next_cursor;
    more.hidden = !page.next_cursor;
  }
  choice.addEventListener("change", () => read());
  show(field("状态", choice), list, more);
  await read();
}

export function lineOf(one) {
  const counts = OUTCOMES.filter(([name]) => one[name]).map((outcome) => `${outcomeName(outcome, one.mode)} ${one[outcome[0]]}`);
  const box = card(
    `${one.item_code} ${one.item_title}`,
    h(
      "p",
      { class: "row" },
      stateTag(one.status),
      one.mode === "report" ? null : h("span", { class: "tag" }, MODES[one.mode]),
      h("span", { class: "muted" }, `${one.organisation}，${instant(one.received_at)}`),
    ),
    one.file_name ? h("p", { class: "small" }, one.file_name) : null,
    counts.length ? h("p", null, counts.join("，")) : null,
    h("a", { class: "button", href: `#/batches/${one.id}` }, "查看"),
  );
  box.dataset.batch = one.id;
  return box;
}

// --- 一个批次 -----------------------------------------------------------------------------------------------------

export async function showBatch(context, id) {
  const { api } = context;
  const one = await api.get(`/batches/${encodeURIComponent(id)}`);
  const again = () => showBatch(context, id);
  const moving = MOVING.has(one.status) ? progressOf(one) : null;
  show(
    h("p", null, h("a", { href: "#/batches" }, "← 返回列表")),
    headOf(one),
    moving?.node,
    one.problem ? refusedCard(one) : null,
    one.rows_judged ? resultCard(one) : null,
    one.findings.length ? findingsCard(api, one) : null,
    one.verdicts.length ? verdictsCard(one) : null,
    moving ? null : await quarantineCard(api, one, again),
    isOfficer(api) && ["received", "done", "failed"].includes(one.status) && one.mode !== "check"
      ? withdrawalCard(api, one, again)
      : null,
  );
  if (moving) follow(api, one, moving, again);
}

function headOf(one) {
  return card(
    `${one.item_code} ${one.item_title}`,
    h("p", { class: "row" }, stateTag(one.status), h("span", { class: "tag" }, MODES[one.mode])),
    facts([
      ["报送单位", one.organisation],
      ["文件", [one.file_name, bytes(one.size_bytes)].filter(Boolean).join("，")],
      ["收到", instant(one.received_at)],
      ["处理完", instant(one.finished_at)],
      ["目录版本", one.catalogue_version],
      ["撤回理由", one.withdrawal_reason],
    ]),
    one.catalogue_changes.map((change) =>
      h("p", { class: "small muted" }, `第 ${change.from_row} 行起按目录 ${change.version} 审核`),
    ),
  );
}

function progressOf(one) {
  const bar = h("progress", { max: 1, "aria-label": "处理进度" });
  const said = h("p", { role: "status" });
  const update = (now) => {
    if (now.status === "working" && now.rows_total) bar.value = Math.min(1, now.rows_judged / now.rows_total);
    else bar.removeAttribute("value");
    said.textContent =
      now.status === "working"
        ? `已审核 ${now.rows_judged}${now.rows_total ? ` / ${now.rows_total}` : ""} 行，退回 ${now.rows_rejected} 行`
        : { received: "已收到，等待处理", withdrawing: "正在撤回" }[now.status];
  };
  update(one);
  return { node: card("正在处理", bar, said), update };
}

// 每隔一会儿问一次，直到处理完，或者人离开了这一页。
async function follow(api, one, moving, again) {
  while (moving.node.isConnected) {
    await wait(ASK_AGAIN_MS);
    if (!moving.node.isConnected) return;
    try {
      const now = await api.get(`/batches/${one.id}`);
      if (!moving.node.isConnected) return;
      if (now.status !== one.status && !MOVING.has(now.status)) {
        await again();
        tell(STATES[now.status]);
        return;
      }
      moving.update(now);
    } catch {
      // 断了网：下一次再问；会话结束：登录已经在那里了，这一页不在了
    }
  }
}

function refusedCard(one) {
  return card(
    "文件不能受理",
    h(
      "ul",
      null,
      one.problem.problems.map((text) => h("li", null, text)),
    ),
    one.rows_judged ? h("p", { class: "small muted" }, "在此之前已审核的行有效，见下面的结果。") : null,
  );
}

function resultCard(one) {
  const counts = OUTCOMES.map((outcome) => [outcomeName(outcome, one.mode), one[outcome[0]], outcome[2]]);
  const others = [
    ["其中超过报送时限", one.rows_late],
    ["同一文件里重复", one.rows_duplicate],
    ["代码或号码有误、对不上", one.rows_bad_code],
  ].filter(([, count]) => count);
  return card(
    "结果",
    outcomeBar(counts, one.rows_judged),
    h(
      "table",
      { class: "sum", id: "outcome" },
      h("caption", { class: "sr" }, "各种结果的行数"),
      h(
        "tbody",
        null,
        counts
          .filter(([, count]) => count)
          .map(([name, count, tone]) =>
            h("tr", null, h("th", { scope: "row" }, h("span", { class: `key ${tone}` }), name), h("td", { class: "num" }, count)),
          ),
      ),
      h("tfoot", null, h("tr", null, h("th", { scope: "row" }, "已审核"), h("td", { class: "num" }, one.rows_judged))),
    ),
    others.length ? h("p", { class: "small muted" }, others.map(([name, count]) => `${name} ${count} 行`).join("，")) : null,
  );
}

function outcomeBar(counts, total) {
  const said = counts.filter(([, count]) => count).map(([name, count]) => `${name} ${count} 行`);
  let at = 0;
  const parts = counts.map(([, count, tone]) => {
    const part = svg("rect", { class: tone, x: at, y: 0, width: (100 * count) / total, height: 8 });
    at += (100 * count) / total;
    return part;
  });
  return svg(
    "svg",
    { class: "outcome", viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": said.join("，") },
    ...parts,
  );
}

function findingsCard(api, one) {
  const rows = one.findings.map((found) =>
    h("tr", null, h("th", { scope: "row" }, found.title), h("td", null, found.detail), h("td", { class: "num" }, found.rows)),
  );
  return card(
    "发现的问题",
    h(
      "table",
      { class: "findings", id: "findings" },
      h("thead", null, h("tr", null, ["列", "问题", "行数"].map((text) => h("th", { scope: "col", class: text === "行数" ? "num" : null }, text)))),
      h("tbody", null, rows),
    ),
    one.rows_rejected ? returnedPart(api, one) : null,
  );
}

function returnedPart(api, one) {
  if (!one.upload_kept) return h("p", { class: "muted" }, "退回的行保存三十天，已按期删除。");
  if (!isOfficer(api)) return null;
  const fetch = (form) => async () => {
    const blob = await api.call("GET", `/batches/${one.id}/rejected.${form}`, { blob: true, timeoutMs: 120000 });
    save(blob, `rejected-${one.id.slice(0, 8)}.${form}`);
  };
  return h(
    "div",
    { class: "stack" },
    h("p", null, `下载退回的 ${one.rows_rejected} 行：每行后面写明问题列、问题值和原因。改好后原样再报，附加的四列不必删除。`),
    h(
      "div",
      { class: "row" },
      button("下载 CSV", fetch("csv"), { class: "main" }),
      button("下载 Excel", fetch("xlsx")),
      h("a", { class: "button", href: `#/send/${one.item_code}` }, "再报送"),
    ),
  );
}

function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function verdictsCard(one) {
  const told = one.verdicts.filter((row) => row.faults.length || row.verdict === "quarantined");
  if (!told.length) return null;
  return card(
    "逐行",
    h(
      "ul",
      { class: "reasons" },
      told.map((row) =>
        h(
          "li",
          null,
          h("strong", null, `第 ${row.row} 行：${VERDICTS[row.verdict]}`),
          row.faults.map((fault) => h("span", { class: "small" }, `${fault.title}：${fault.detail}`)),
        ),
      ),
    ),
  );
}

function withdrawalCard(api, one, again) {
  const reason = h("input", { required: true, maxLength: 200, autocomplete: "off" });
  const form = onSubmit(
    h("form", { id: "withdraw" }, field("理由", reason, "长期保存，不要写姓名和证件号。"), h("button", { type: "submit", class: "danger" }, "撤回这一批")),
    async () => {
      const text = "这一批新增的记录撤销，更正过的恢复原来的内容。撤回后同样的文件可以重新报送。";
      if (!(await confirm("撤回这一批？", text, "撤回", true))) return;
      await api.keyed("POST", `/batches/${one.id}/withdrawal`, { reason: reason.value.trim() });
      tell("已受理撤回");
      await again();
    },
  );
  return h("details", { class: "card" }, h("summary", null, "撤回"), form);
}
