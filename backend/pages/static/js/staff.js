// 工作人员的账号页：凭链接加入、登录、自己的密码和会话；账号管理员的管理。
// 办理业务的页面在别处（/app/worker 等）；新的一栏只需在 TABS 里加一行，写明给哪些角色看。

import { Client } from "./api.js";
import { $, button, h, hush, problemBox, show, tell } from "./dom.js";
import { showAccount } from "./staff/account.js";
import { linkToken, showJoin } from "./staff/join.js";
import { comeBack } from "./staff/oidc.js";
import { showInvitations, showPeople } from "./staff/people.js";
import { showSignIn } from "./staff/sign_in.js";

const api = new Client("staff");
const ADMIN = ["account-admin"];
const TABS = [
  ["account", "我的账号", showAccount, null],
  ["people", "工作人员", showPeople, ADMIN],
  ["invitations", "邀请", showInvitations, ADMIN],
];
api.onSignedOut = () => {
  tell("会话已结束，请重新登录");
  start();
};

// 链接里的令牌和认证方带回的 code 只读一次，随即从地址栏和历史里抹去。
const invited = linkToken();
const brought = comeBack();

async function start() {
  $("dock").replaceChildren();
  $("who").replaceChildren();
  if (!api.session) return showSignIn({ api, start });
  $("who").replaceChildren(
    api.account.display_name,
    button(
      "退出",
      async () => {
        await api.signOut();
        start();
      },
      { class: "quiet" },
    ),
  );
  return route();
}

const mine = () => {
  const roles = new Set(api.account?.roles ?? []);
  return TABS.filter(([, , , wanted]) => !wanted || wanted.some((role) => roles.has(role)));
};

async function route() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const tabs = mine();
  const tab = tabs.find(([id]) => id === name) ?? tabs[0];
  $("dock").replaceChildren(
    h(
      "nav",
      { class: "dock", "aria-label": "主导航" },
      tabs.map(([id, label]) => h("a", { href: `#/${id}`, "aria-current": id === tab[0] ? "page" : null }, label)),
    ),
  );
  document.title = `${tab[1]} · 工作人员账号 · 信易+`;
  show(h("p", { class: "muted" }, "正在读取…"));
  try {
    await tab[2]({ api, route, start }, rest);
  } catch (error) {
    if (!api.session) return; // 会话已结束，登录框已经在那里
    if (!error.title) console.error(error);
    show(problemBox(error), button("重试", route));
  }
}

addEventListener("hashchange", async () => {
  const token = linkToken();
  hush();
  if (token) return showJoin({ api, start }, token);
  if (!api.session) return;
  await route();
  $("main").focus({ preventScroll: true });
  scrollTo(0, 0);
});

if (invited) await showJoin({ api, start }, invited);
else if (brought) await brought({ api, start });
else await start();
