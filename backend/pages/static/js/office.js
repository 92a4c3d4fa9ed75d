// 办公室：双人审批（政策、积分、导出）；合作方与账号管理员：设备与登记码。

import { Client } from "./api.js";
import { $, button, h, hush, problemBox, show, tell } from "./dom.js";
import { showDevices } from "./office/devices.js";
import { showProposal, showProposals } from "./office/proposals.js";
import { showPropose } from "./office/propose.js";
import { showPolicies } from "./office/policies.js";
import { signInDesk, whoDesk } from "./desk.js";

const api = new Client("office");
const OFFICE = ["office"];
const READERS = ["office", "auditor"];
const DEVICES = ["partner-manager", "account-admin"];
api.onSignedOut = () => {
  tell("会话已结束，请重新登录");
  start();
};

const TABS = [
  ["approvals", "审批", READERS, showProposals],
  ["propose", "提出", OFFICE, showPropose],
  ["policies", "政策", READERS, showPolicies],
  ["devices", "设备", DEVICES, showDevices],
];

const mine = () => TABS.filter(([, , roles]) => roles.some((role) => api.account.roles.includes(role)));

async function start() {
  $("dock").replaceChildren();
  $("who").replaceChildren();
  if (!api.session) return signInDesk(api, { roles: [...READERS, ...DEVICES], done: start });
  whoDesk(api, start);
  return route();
}

async function route() {
  const [name, id] = location.hash.replace(/^#\/?/, "").split("/");
  const tabs = mine();
  const tab = tabs.find(([one]) => one === name) ?? tabs[0];
  if (!tab) return show(problemBox({ title: "您的角色在这里没有可办的事", detail: "请联系账号管理员。" }));
  $("dock").replaceChildren(
    h(
      "nav",
      { class: "dock", "aria-label": "主导航" },
      tabs.map(([one, label]) => h("a", { href: `#/${one}`, "aria-current": one === tab[0] ? "page" : null }, label)),
    ),
  );
  show(h("p", { class: "muted" }, "正在读取…"));
  try {
    await (tab[0] === "approvals" && id ? showProposal(api, id) : tab[3](api));
  } catch (error) {
    show(problemBox(error), button("重试", route));
  }
}

addEventListener("hashchange", async () => {
  hush();
  if (!api.session) return;
  await route();
  $("main").focus({ preventScroll: true });
});
await start();
