// 申请成为合作机构：不用登录。提交、凭查询码看进度、补正、撤回、领取邀请链接。

import { Client } from "./api.js";
import { showForm, showGiven } from "./apply/form.js";
import { forget, held, showAsk, showFollowed } from "./apply/follow.js";
import { $, button, card, h, hush, problemBox, show } from "./dom.js";

const api = new Client("apply");
const TABS = [
  ["new", "提交申请"],
  ["follow", "查看进度"],
];

function dock(current) {
  const link = ([id, label]) => h("a", { href: `#/${id}`, "aria-current": id === current ? "page" : null }, label);
  $("dock").replaceChildren(h("nav", { class: "dock", "aria-label": "主导航" }, TABS.map(link)));
}

let asked = 0;
async function route() {
  const turn = (asked += 1);
  const name = location.hash.replace(/^#\/?/, "") === "follow" ? "follow" : "new";
  dock(name);
  document.title = `${TABS.find(([id]) => id === name)[1]} · 申请成为合作机构 · 信易+`;
  try {
    if (name === "follow") await follow();
    else {
      const scenes = await api.all("/perks/scenes");
      if (turn === asked) start(scenes);
    }
  } catch (error) {
    if (turn !== asked) return;
    if (!error.title) console.error(error);
    show(problemBox(error), button("重试", route));
  }
}

function start(scenes) {
  const send = async (body, key) => showGiven(await api.keyed("POST", "/partners/applications", body, { key }));
  show(
    card(
      "申请成为合作机构",
      h("p", null, "提供优惠和服务的单位由联系人在这里申请，不用登录。办公室审核、另一个人批准后，凭查询码领取邀请链接，设好账号就可以提出优惠。"),
      h("p", { class: "small muted" }, "联系人的姓名和电话只供办公室联系，加密保存，每次打开都有记录，办结后按期删除。"),
    ),
    card("申请表", showForm(scenes, send)),
  );
}

async function follow() {
  if (!held()) return showAsk(route);
  try {
    await showFollowed(api, route);
  } catch (error) {
    if (error.status !== 404) throw error;
    forget();
    await showAsk(route, error);
  }
}

addEventListener("hashchange", async () => {
  hush();
  await route();
  $("main").focus({ preventScroll: true });
  scrollTo(0, 0);
});
await route();
