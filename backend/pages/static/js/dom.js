// 页面小工具：造元素、说消息、写时间。没有一处用 innerHTML，来自接口的文字永远是文字。

export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && !name.startsWith("aria")) node[name] = value;
    else if (value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";
export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const $ = (id) => document.getElementById(id);
export const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
export const isDemo = () => meta("demo") === "yes";

export function show(...children) {
  $("view").replaceChildren(...children.flat(Infinity).filter(Boolean));
}

let toldAt = 0;
export function tell(text) {
  const news = $("news");
  news.textContent = "";
  toldAt = performance.now();
  requestAnimationFrame(() => {
    news.textContent = text;
  }); // 文字先空后有，读屏软件才会再念一次
}

// 换页时收起旧消息；刚说的（换页正是因为它）留着。
export function hush() {
  if (performance.now() - toldAt > 1500) $("news").textContent = "";
}

const asShanghai = (options) => new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", ...options });
const FULL = asShanghai({
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const DAY = asShanghai({ year: "numeric", month: "numeric", day: "numeric" });
const CLOCK = asShanghai({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const part = (format, value) => Object.fromEntries(format.formatToParts(new Date(value)).map((p) => [p.type, p.value]));

export function instant(value) {
  if (!value) return "";
  const at = part(FULL, value);
  return `${at.year}年${at.month}月${at.day}日 ${at.hour}:${at.minute}`;
}

export function clock(value) {
  const at = part(CLOCK, value);
  return `${at.hour}:${at.minute}:${at.second}`;
}

// 日期（2026-03-05）本来就是上海的一天；时刻先换成上海时间。
export function day(value) {
  if (!value) return "";
  const plain = /^(\d{4})-(\d{2})-(\d{2})$/.exec(value);
  if (plain) return `${plain[1]}年${Number(plain[2])}月${Number(plain[3])}日`;
  const at = part(DAY, value);
  return `${at.year}年${at.month}月${at.day}日`;
}

// 有效期终点不含在内：说给人听的是前一刻所在的那一天。
export const lastDay = (end) => day(new Date(new Date(end).getTime() - 1).toISOString());

export const signed = (points) => (points > 0 ? `+${points}` : points < 0 ? `−${-points}` : "0");

export function ago(seconds) {
  if (seconds < 60) return "不到 1 分钟前";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} 分钟前`;
  return `${Math.floor(seconds / 3600)} 小时 ${Math.floor((seconds % 3600) / 60)} 分钟前`;
}

let counter = 0;
export function field(label, control, hint) {
  control.id ||= `field-${++counter}`;
  const note = hint ? h("span", { class: "hint", id: `${control.id}-hint` }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { htmlFor: control.id }, label), control, note);
}

export function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
  );
}

export function card(title, ...children) {
  const id = `card-${++counter}`;
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...children);
}

// 按钮按下以后：变灰、忙碌，失败时把原因写在旁边；不会按两次。
export function button(label, act, props = {}) {
  const node = h("button", { type: "button", ...props, onclick: () => run(node, act) }, label);
  return node;
}

export async function run(node, act) {
  if (node.getAttribute("aria-busy") === "true") return;
  node.setAttribute("aria-busy", "true");
  node.disabled = true;
  clearProblem(node);
  try {
    await act();
  } catch (error) {
    showProblem(node, error);
  } finally {
    node.removeAttribute("aria-busy");
    node.disabled = false;
  }
}

export function onSubmit(form, act) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(form.querySelector("button[type=submit]"), () => act(form));
  });
  return form;
}

function clearProblem(node) {
  node.parentElement?.querySelectorAll(":scope > .problem").forEach((old) => old.remove());
}

export function problemBox(error) {
  const lines = (error.errors ?? []).map((one) => h("li", null, `${one.pointer} ${one.detail}`));
  const reasons = (error.reasons ?? [])
    .filter((one) => !one.ok)
    .map((one) => h("li", null, [one.text, one.remedy].filter(Boolean).join("：")));
  lines.push(...(error.problems ?? []).map((text) => h("li", null, text)));
  return h(
    "div",
    { class: "notice bad problem", role: "alert" },
    h("strong", null, error.title ?? error.message),
    error.detail && !lines.length ? h("p", null, error.detail) : null,
    error.until ? h("p", null, `${instant(error.until)} 以后可以再办`) : null,
    error.downloaded_at ? h("p", null, `下载于 ${instant(error.downloaded_at)}`) : null,
    lines.length || reasons.length ? h("ul", null, lines, reasons) : null,
    error.slug
      ? h(
          "p",
          { class: "small" },
          h("a", { href: `/problems/${error.slug}`, target: "_blank", rel: "noopener" }, "这是什么意思（新窗口）"),
        )
      : null,
  );
}

export function showProblem(node, error) {
  if (!error.title) console.error(error);
  if (error.status === 401 && !node.isConnected) return; // 会话已结束：登录已经在那里了
  const box = problemBox(error);
  if (node.isConnected) node.insertAdjacentElement("afterend", box);
  else $("view").prepend(box);
}

// 问一句，答“是”才继续。
export function confirm(title, text, yes, danger = false) {
  return new Promise((resolve) => {
    const heading = h("h2", { id: `ask-${++counter}` }, title);
    const dialog = h(
      "dialog",
      { "aria-labelledby": heading.id },
      h(
        "form",
        { method: "dialog" },
        heading,
        h("p", null, text),
        h(
          "div",
          { class: "row" },
          h("button", { value: "yes", class: danger ? "danger grow" : "main grow" }, yes),
          h("button", { value: "no", class: "grow" }, "暂不"),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// 接口给的二维码放进 <img>：图片里的任何脚本都不会执行。
export function qrImage(svgText, alt) {
  return h("img", { class: "qr", alt, src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText)}` });
}

const soon = (value) => (new Date(value) - Date.now() < 6 * 3600e3 ? clock(value) : instant(value));

// 会过期的码：到期前自动换新；元素离开页面就停下。
export function living(make, { aheadSeconds = 8, alt = "二维码", showText = true } = {}) {
  const box = h("div", { class: "qr-box" }, h("p", { class: "muted" }, "正在生成…"));
  let timer = 0;
  async function renew() {
    try {
      const code = await make();
      const seconds = Math.max(5, (new Date(code.expires_at) - Date.now()) / 1000 - aheadSeconds);
      box.replaceChildren(
        qrImage(code.qr_svg, alt),
        h("p", { class: "small muted" }, `有效至 ${soon(code.expires_at)}，到期前自动更换`),
        showText
          ? h("details", null, h("summary", null, "扫不了？显示文字码"), h("p", { class: "code-text" }, code.code))
          : "",
      );
      if (!box.dataset.code) box.scrollIntoView({ block: "center" });
      box.dataset.code = code.code;
      timer = setTimeout(() => box.isConnected && renew(), Math.min(seconds, 86400) * 1000);
    } catch (error) {
      box.replaceChildren(problemBox(error), button("再试一次", renew));
    }
  }
  box.stop = () => clearTimeout(timer);
  renew();
  return box;
}
