// 页面的框：页头（谁在用、退出）、页底的导航、换栏、会话结束。居民页和各个工作台共用。

import { $, button, h, hush, problemBox, show, tell } from "./dom.js";

const NAME = document.querySelector("h1.top-title")?.textContent ?? "";

// tabs()：现在有哪些栏，每栏是 [地址, 名称, 显示]；显示时得到 context 和地址里余下的部分。
// signIn()：没有会话时显示的登录。opened()：登录以后、显示以前；返回 false 就由它自己显示。
// who()：页头上的名字。more()：context 里另加的。failed(error)：它办好了就返回 true。
export function frame({ api, tabs, signIn, opened = () => true, who, more = () => ({}), failed = () => false }) {
  const leave = async () => {
    await api.signOut();
    history.replaceState(null, "", location.pathname);
    await start();
  };

  async function start() {
    $("dock").replaceChildren();
    $("who").replaceChildren();
    if (!api.session) return signIn(start);
    await guarded(async () => {
      const goOn = await opened();
      $("who").replaceChildren(who(), button("退出", leave, { class: "quiet" }));
      if (goOn !== false) await route();
    }, start);
  }

  // 一栏还没显示完就换了栏：前一栏的读取作废，等它收了手，再显示新的；迟到的答复就盖不住后来的页面。
  let showing = Promise.resolve();
  let asked = 0;
  async function route() {
    const turn = (asked += 1);
    api.dropReads();
    await showing;
    if (turn !== asked) return showing;
    showing = display(() => turn === asked);
    return showing;
  }

  async function display(current) {
    const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
    const now = tabs();
    const tab = now.find(([id]) => id === name) ?? now[0];
    dock(now, tab[0]);
    document.title = `${tab[1]} · ${NAME} · 信易+`;
    show(h("p", { class: "muted" }, "正在读取…"));
    await guarded(() => tab[2]({ api, route, start, ...more() }, rest), route, current);
  }

  async function guarded(act, again, current = () => true) {
    try {
      await act();
    } catch (error) {
      if (!api.session || !current()) return; // 会话已结束：登录已经在那里了；换了栏：后来的页面会显示
      if (await failed(error)) return;
      if (!error.title) console.error(error);
      show(problemBox(error), button("重试", again));
    }
  }

  api.onSignedOut = () => {
    tell("会话已结束，请重新登录");
    start();
  };
  return { start, route, watch: (intercepts) => watch(api, route, intercepts) };
}

function dock(tabs, current) {
  const link = ([id, label]) => h("a", { href: `#/${id}`, "aria-current": id === current ? "page" : null }, label);
  $("dock").replaceChildren(h("nav", { class: "dock", "aria-label": "主导航" }, tabs.map(link)));
}

// 地址变了就换栏；intercepts() 认出是它的，就由它显示。
function watch(api, route, intercepts = () => false) {
  addEventListener("hashchange", async () => {
    hush();
    if (intercepts() || !api.session || !$("dock").children.length) return;
    await route();
    $("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  });
}
