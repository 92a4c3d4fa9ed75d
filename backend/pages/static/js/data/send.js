// 报送：选条目，看它要哪些列、依据什么，取模板，选一个文件送出。文件原样就是请求体。

import { card, field, h, onSubmit, run, show, tell } from "../dom.js";
import { bytes } from "./words.js";

const TYPES = {
  csv: "text/csv",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  json: "application/json",
};
const MODES = {
  report: "报送：新的文书",
  correction: "更正：改本单位报过的内容",
  check: "只检查：看看有没有问题，不入档",
};
const KINDS = {
  text: "文字",
  date: "日期",
  integer: "整数",
  decimal: "数",
  unified_social_credit_code: "统一社会信用代码",
  id_number: "公民身份号码",
};
const DISCLOSURES = { public: "社会公开", authorised: "本人查询或授权查询", government: "部门间共享" };

export async function showSend({ api }, [asked]) {
  const items = await ownItems(api);
  if (!items.length) {
    show(card("没有可以报送的条目", h("p", null, "目录没有把您的单位列为任何条目的来源单位；请联系项目办公室。")));
    return;
  }
  const choice = h(
    "select",
    { id: "item" },
    items.map((one) => h("option", { value: one.code }, `${one.code} ${one.title}`)),
  );
  if (items.some((one) => one.code === asked)) choice.value = asked;
  const about = h("div", { class: "stack", id: "about", "aria-live": "polite" });
  const read = async () => {
    const code = choice.value;
    const one = await api.get(`/catalogue/items/${code}`);
    if (choice.value === code) about.replaceChildren(aboutItem(one));
  };
  choice.addEventListener("change", () => run(choice, read));
  show(card("报送什么", field("条目", choice), about), sendCard(api, choice));
  await read();
}

// 本人任数据专员的各单位，目录让它们报送的条目。
async function ownItems(api) {
  const mine = api.account.memberships.filter((one) => one.role === "data-officer");
  const found = new Map();
  for (const name of new Set(mine.map((one) => one.organisation_name)))
    for (const item of await api.all("/catalogue/items", { source_department: name })) found.set(item.code, item);
  return [...found.values()].sort((one, other) => (one.code < other.code ? -1 : 1));
}

function aboutItem(one) {
  const identity = one.identity.filter((column) => !one.columns.some((other) => other.name === column.name));
  const columns = [...identity, ...one.columns];
  const required = columns.filter((column) => column.required).length;
  const template = (suffix, name) =>
    h("a", { class: "button", href: `/api/v1/catalogue/items/${one.code}/template.${suffix}`, download: "" }, name);
  return h(
    "div",
    { class: "stack" },
    h(
      "dl",
      { class: "facts" },
      [
        ["依据", one.legal_basis],
        ["时限", `决定作出之日起 ${one.due_workdays} 个工作日内`],
        ["公开", DISCLOSURES[one.disclosure]],
      ].map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
    ),
    h("div", { class: "row" }, template("xlsx", "Excel 模板"), template("csv", "CSV 模板")),
    h(
      "details",
      null,
      h("summary", null, `${columns.length} 列，其中必填 ${required} 列`),
      columnList(columns),
    ),
  );
}

function columnList(columns) {
  const titles = Object.fromEntries(columns.map((one) => [one.name, one.title]));
  return h(
    "ul",
    { class: "plain columns" },
    columns.map((one) =>
      h(
        "li",
        null,
        h("strong", null, one.title),
        " ",
        one.required ? h("span", { class: "tag" }, "必填") : null,
        h("br"),
        h("span", { class: "small muted" }, allowed(one, titles)),
      ),
    ),
  );
}

function allowed(one, titles) {
  if (one.values.length) return one.values.map((value) => one.value_names[value] ?? value).join("、");
  return [
    KINDS[one.type] ?? one.type,
    one.pattern ? `格式 ${one.pattern}` : "",
    one.minimum !== null ? `不小于 ${one.minimum}` : "",
    one.maximum !== null ? `不大于 ${one.maximum}` : "",
    one.not_before ? `不早于“${titles[one.not_before] ?? one.not_before}”` : "",
    one.type === "date" && !one.may_be_future ? "不晚于当天" : "",
    one.type === "text" && !one.pattern ? `最长 ${one.longest} 个字符` : "",
  ]
    .filter(Boolean)
    .join("，");
}

// --- 文件 ---------------------------------------------------------------------------------------------------------

function sendCard(api, choice) {
  const mode = h(
    "select",
    { id: "mode" },
    Object.entries(MODES).map(([value, label]) => h("option", { value }, label)),
  );
  const picked = h("input", { type: "file", required: true, accept: ".csv,.xlsx,.json", id: "file" });
  const chosen = h("p", { class: "small", role: "status" });
  const sending = progressBox();
  const form = onSubmit(
    h(
      "form",
      { id: "send" },
      field("方式", mode),
      dropZone(picked, chosen),
      h("button", { type: "submit", class: "main" }, "送出"),
      sending.node,
    ),
    () => send(api, { item: choice.value, mode: mode.value, file: picked.files[0] }, sending),
  );
  return card(
    "送哪个文件",
    h(
      "p",
      { class: "small muted" },
      "CSV（UTF-8 或 GB18030，最大 500 MiB、一百万行）、Excel（.xlsx，最大 32 MiB、十万行）或 JSON（最大 1 MiB、一千行）。表头上面可以有标题行。",
    ),
    form,
  );
}

// 拖进来，或者按键盘选：输入框本身一直在，读屏软件和键盘都用得了。
function dropZone(picked, chosen) {
  const box = field("文件", picked, "可以把文件拖到这里");
  box.classList.add("drop");
  const over = (on) => (event) => {
    event.preventDefault();
    box.classList.toggle("over", on);
  };
  box.addEventListener("dragover", over(true));
  box.addEventListener("dragleave", over(false));
  box.addEventListener("drop", (event) => {
    over(false)(event);
    if (!event.dataTransfer.files.length) return;
    picked.files = event.dataTransfer.files;
    picked.dispatchEvent(new Event("change"));
  });
  picked.addEventListener("change", () => {
    const [file] = picked.files;
    const known = file && suffix(file) in TYPES;
    picked.setCustomValidity(file && !known ? "请选 .csv、.xlsx 或 .json 文件" : "");
    chosen.textContent = file ? `${file.name}，${bytes(file.size)}` : "";
    if (file && !known) picked.reportValidity();
  });
  box.append(chosen);
  return box;
}

const suffix = (file) => file.name.toLowerCase().split(".").pop();

function progressBox() {
  const bar = h("progress", { max: 1, value: 0, "aria-label": "上传进度" });
  const said = h("p", { class: "small", role: "status" });
  const stop = h("button", { type: "button", class: "danger" }, "取消上传");
  const node = h("div", { class: "stack", hidden: true }, bar, said, stop);
  let control = new AbortController();
  stop.addEventListener("click", () => control.abort());
  return {
    node,
    begin() {
      control = new AbortController();
      bar.value = 0;
      said.textContent = "正在上传";
      node.hidden = false;
      return control.signal;
    },
    at(part) {
      bar.value = part;
      if (part >= 1) said.textContent = "已传完，等待答复";
    },
    end: () => {
      node.hidden = true;
    },
  };
}

// 没有收到答复就再按一次：条目、方式、文件都没变，用的还是同一个键，不会收两次。
const keys = new Map();

async function send(api, what, sending) {
  const { item, mode, file } = what;
  const same = [item, mode, file.name, file.size, file.lastModified].join("|");
  if (!keys.has(same)) keys.set(same, crypto.randomUUID());
  const signal = sending.begin();
  try {
    const made = await api.sendFile("/batches", {
      query: { item_code: item, mode, file_name: file.name },
      type: TYPES[suffix(file)],
      key: keys.get(same),
      progress: sending.at,
      file,
      signal,
    });
    keys.delete(same);
    location.hash = `#/batches/${made.id}`;
    tell("已收到");
  } catch (error) {
    if (error.status && error.status < 500) keys.delete(same);
    if (!signal.aborted) throw error;
    tell("已取消，什么都没有保存");
  } finally {
    sending.end();
  }
}
