// 草稿：列表；一份草稿的问题、模拟和提出。

import { button, card, day, facts, field, h, instant, onSubmit, problemBox, show, tell } from "../dom.js";
import { resultCards } from "./result.js";
import { approvalWord, draftTag, failureText } from "./words.js";

const POLL_MS = 1000;
const mayAct = (api) => api.account.roles.includes("office");

export async function showDrafts(api) {
  const list = h("div", { class: "stack", id: "drafts" });
  const more = button("更早的", () => read(more.cursor));
  async function read(cursor) {
    const page = await api.get("/score-drafts", cursor ? { cursor } : {});
    list.append(...page.items.map(lineOf));
    if (!list.children.length)
      list.append(card("还没有草稿", h("p", null, "在“起草”里上传一份 scoring.toml，检查通过后可以在全市模拟。")));
    more.cursor = page.next_cursor;
    more.hidden = !page.next_cursor;
  }
  show(list, more);
  await read();
}

function lineOf(one) {
  const box = card(
    one.version || "（没有写版本号）",
    h(
      "p",
      { class: "row" },
      draftTag(one.state),
      h("span", { class: "muted" }, `${one.author.display_name} 上传于 ${instant(one.created_at)}`),
    ),
    h("p", null, stageOf(one)),
    h("a", { class: "button", href: `#/drafts/${one.id}` }, "查看"),
  );
  box.dataset.draft = one.id;
  return box;
}

function stageOf({ state, problems, simulation }) {
  if (state === "faulty") return `${problems.length} 处问题`;
  if (!simulation) return "还没有模拟";
  if (simulation.state === "done")
    return simulation.outdated_by ? "模拟之后又发布了别的版本" : `已按 ${day(simulation.as_of)} 的记录模拟`;
  return simulation.state === "failed" ? "模拟没有完成" : "正在模拟";
}

export async function showDraft(api, id) {
  const path = `/score-drafts/${encodeURIComponent(id)}`;
  const one = await api.get(path);
  const again = () => showDraft(api, id);
  const simulation = one.simulation ? await api.get(`${path}/simulations/${one.simulation.id}`) : null;
  show(
    h("p", null, h("a", { href: "#/drafts" }, "← 返回列表")),
    card(
      one.version || "（没有写版本号）",
      h("p", { class: "row" }, draftTag(one.state)),
      facts([
        ["自哪天起", day(one.effective_on)],
        ["上传人", one.author.display_name],
        ["上传时间", instant(one.created_at)],
        ["上传时执行的", `${one.base_version} 版`],
      ]),
    ),
    one.problems.length ? problemCard(one.problems) : simulationCards(api, one, simulation, path, again),
    proposalCard(api, one, simulation, path, again),
    h(
      "details",
      { class: "card" },
      h("summary", null, "全文"),
      h("pre", { class: "whole", tabIndex: 0 }, JSON.stringify(one.content, null, 2)),
    ),
  );
}

function problemCard(problems) {
  const where = ({ file, place, line }) =>
    [file === "scoring.toml" ? "" : file, place, line ? `第 ${line} 行` : ""].filter(Boolean).join("，");
  return card(
    `检查出 ${problems.length} 处问题`,
    h("p", null, "草稿不能修改：在原文里改好，再上传一份。"),
    h(
      "ul",
      { class: "plain", id: "problems" },
      problems.map((one) =>
        h("li", null, where(one) ? h("strong", null, where(one)) : null, where(one) ? "：" : "", one.text),
      ),
    ),
  );
}

// --- 模拟 ---

function simulationCards(api, one, simulation, path, again) {
  const start = (label, props) =>
    mayAct(api) && one.state !== "published"
      ? button(
          label,
          async () => {
            await api.keyed("POST", `${path}/simulations`);
            tell("已开始模拟");
            await again();
          },
          props,
        )
      : null;
  if (!simulation)
    return card(
      "在全市模拟",
      h("p", null, "由后台计算每一位同意信用分的居民按这份草稿会是多少分、哪一级，不改变任何人的分数。"),
      start("在全市模拟", { class: "main" }),
    );
  if (simulation.state === "failed")
    return card("模拟没有完成", h("p", { class: "notice bad" }, failureText(simulation.failure)), start("重新模拟"));
  if (simulation.state !== "done") return progressCard(api, simulation, path, again);
  const outdated = simulation.outdated_by
    ? h("p", { class: "notice warn" }, `模拟之后又发布了 ${simulation.outdated_by} 版，结果已经过时，请重新模拟。`)
    : null;
  return resultCards(simulation, [outdated, start("重新模拟", outdated ? { class: "main" } : {})]);
}

function progressCard(api, simulation, path, again) {
  const bar = h("progress", { "aria-label": "模拟的进度" });
  const told = h("p", { id: "progress", role: "status" });
  const tellHow = ({ state, residents_done: done, residents_total: total }) => {
    if (state === "running" && total) Object.assign(bar, { max: total, value: done });
    told.textContent = state === "waiting" ? "等待后台开始…" : `已计算 ${done} / ${total} 人`;
  };
  const follow = async () => {
    if (!told.isConnected) return;
    try {
      const now = await api.get(`${path}/simulations/${simulation.id}`);
      if (!told.isConnected) return;
      if (now.state !== "waiting" && now.state !== "running") {
        tell(now.state === "done" ? "模拟完成" : "模拟没有完成");
        await again();
        return;
      }
      tellHow(now);
    } catch (error) {
      if (told.isConnected) told.replaceChildren(problemBox(error), button("再看进度", again));
      return;
    }
    setTimeout(follow, POLL_MS);
  };
  tellHow(simulation);
  setTimeout(follow, POLL_MS);
  return card("正在模拟", bar, told, h("p", { class: "small muted" }, "可以离开这一页，后台会继续。"));
}

// --- 提出 ---

function proposalCard(api, one, simulation, path, again) {
  const standing = one.approval
    ? h(
        "p",
        null,
        `提出的事项：${approvalWord(one.approval.state)}。`,
        h("a", { href: `/app/office#/approvals/${one.approval.id}` }, "看审批"),
      )
    : null;
  const ready = simulation?.state === "done" && !simulation.outdated_by;
  const open = one.state === "checked" && ready && mayAct(api);
  if (!standing && !open) return null;
  return card("提出发布", standing, open ? proposalForm(api, path, again) : null);
}

function proposalForm(api, path, again) {
  const reason = h("textarea", { required: true, minLength: 2, maxLength: 500 });
  let key = crypto.randomUUID();
  const form = onSubmit(
    h(
      "form",
      { class: "stack", id: "propose" },
      h("p", null, "由另一位同事审批，批准的同时发布。审批的人看得到逐项差异和上面的模拟结果。"),
      field("理由", reason, "办理记录里长期保存，不要写姓名、证件号和手机号。"),
      h("button", { type: "submit", class: "main" }, "提出发布"),
    ),
    async () => {
      await api.keyed("POST", `${path}/proposal`, { reason: reason.value.trim() }, { key });
      tell("已提出，等待另一位同事审批");
      await again();
    },
  );
  form.addEventListener("input", () => {
    key = crypto.randomUUID();
  });
  return form;
}
