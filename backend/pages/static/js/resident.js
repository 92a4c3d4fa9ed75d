// 居民页：只用公开接口走完全程。登录、实名、同意、分数与理由、钱包、社区、优惠、券、谁看过我。

import { Client } from "./api.js";
import { handover, wechatCode } from "./demo.js";
import { $, button, card, confirm, field, h, isDemo, onSubmit, problemBox, show, tell } from "./dom.js";
import { frame } from "./frame.js";
import { acting, actingBanner, showInbox, showRecovery, stopActing } from "./resident/account.js";
import { showCommunity } from "./resident/community.js";
import { showCoupons } from "./resident/coupons.js";
import { showHome } from "./resident/home.js";
import { showOffers } from "./resident/offers.js";
import { showPrivacy } from "./resident/privacy.js";

const TABS = [
  ["home", "首页", showHome],
  ["offers", "优惠", showOffers],
  ["coupons", "券包", showCoupons],
  ["community", "社区", showCommunity],
  ["privacy", "我的", showPrivacy],
];
let me = null;

const api = new Client("resident");
const page = frame({
  api,
  tabs: () => TABS,
  signIn: showSignIn,
  opened,
  who: () => me.name ?? "未实名",
  more: () => ({ me: acting(api) ?? me, confirm }),
});
const { start } = page;

async function opened() {
  me = await api.get("/me");
  if (me.bound) actingBanner(api, start);
  else showBinding();
  return me.bound;
}

function showSignIn() {
  stopActing(api);
  if (!isDemo()) {
    show(card("请在微信小程序中使用", h("p", null, "居民用微信登录。这个网页只在演示环境里代替小程序。")));
    return;
  }
  const list = h("select", { required: true });
  const form = onSubmit(
    h(
      "form",
      null,
      field("演示居民", list, "都是合成人物，尚未实名。登录所用的一次性 code 由微信替身给出。"),
      h("button", { type: "submit", class: "main" }, "微信登录"),
    ),
    async () => {
      const { residents } = await handover();
      const chosen = residents[Number(list.value)];
      await api.signIn("/auth/wechat", { code: await wechatCode(chosen.openid, "login") });
      sessionStorage.setItem("xinyi.resident.chosen", JSON.stringify(chosen));
      tell("");
      await start();
    },
  );
  const box = card("登录", form);
  show(box);
  handover().then(
    ({ residents }) =>
      list.replaceChildren(
        ...residents.map((one, at) => h("option", { value: String(at) }, `${one.label}（${one.name}）`)),
      ),
    (error) => box.append(problemBox(error)),
  );
}

function showBinding() {
  const chosen = JSON.parse(sessionStorage.getItem("xinyi.resident.chosen") ?? "{}");
  const name = h("input", { required: true, autocomplete: "name", value: chosen.name ?? "" });
  const number = h("input", { required: true, autocomplete: "off", maxLength: 18, value: chosen.id_number ?? "" });
  show(
    card(
      "实名绑定",
      h("p", null, "个人事项要知道您是谁。姓名和证件号加密保存，页面上只显示遮盖后的样子。"),
      onSubmit(
        h(
          "form",
          null,
          field("姓名", name),
          field("身份证号", number),
          h("p", { class: "hint" }, "证明方式：微信手机号（须是本人实名登记的号码）。"),
          h("button", { type: "submit", class: "main" }, "用微信手机号绑定"),
        ),
        async () => {
          const value = await wechatCode(chosen.openid, "phone");
          await api.call("PUT", "/me/identity", {
            body: { name: name.value, id_number: number.value, proof: { kind: "wechat_phone", value } },
          });
          tell("绑定成功");
          await start();
        },
      ),
    ),
    button("换了手机或微信？找回我的账号", () => showRecovery(api, chosen, start), { id: "recover" }),
  );
  showInbox({ api }).then((box) => box && $("view").append(box));
}

page.watch();
await start();
