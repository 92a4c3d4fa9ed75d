// 登录：用户名、密码、动态码或恢复码；有统一身份认证时也可以从那里。

import { handover } from "../demo.js";
import { button, card, field, h, isDemo, onSubmit, problemBox, show, tell } from "../dom.js";
import { totp } from "../totp.js";
import { password, secondFactor } from "./fields.js";
import { providerButton } from "./oidc.js";

export async function showSignIn({ api, start }) {
  const name = h("input", { required: true, autocomplete: "username", autocapitalize: "none", spellcheck: false });
  const secret = password();
  const factor = secondFactor();
  const form = onSubmit(
    h(
      "form",
      { id: "sign-in" },
      field("用户名", name),
      secret.node,
      factor.node,
      h("button", { type: "submit", class: "main" }, "登录"),
    ),
    async () => {
      await api.signIn("/auth/staff", { username: name.value, password: secret.input.value, ...factor.value() });
      await start();
    },
  );
  const fill = async (one) => {
    name.value = one.username;
    secret.input.value = one.password;
    factor.code.value = await totp(one.totp_secret);
  };
  const boxes = [
    isDemo() ? demoStaff(fill) : null,
    card(
      "登录",
      form,
      h("p", { class: "small muted" }, "忘了密码或丢了手机，又没有恢复码：请账号管理员给您一个重置链接。"),
    ),
  ];
  show(...boxes);
  const provider = await providerButton(api).catch(() => null);
  if (provider && form.isConnected) show(...boxes, provider);
}

function demoStaff(fill) {
  const list = h("select", null);
  const box = card(
    "演示：选一位工作人员",
    field("工作人员", list),
    button(
      "填好用户名、密码和动态码",
      async () => {
        await fill((await handover()).staff[Number(list.value)]);
        tell("已填好，请在动态码过期前登录");
      },
      { id: "demo-fill" },
    ),
  );
  handover().then(
    ({ staff }) => list.replaceChildren(...staff.map((one, at) => h("option", { value: String(at) }, one.label))),
    (error) => box.append(problemBox(error)),
  );
  return box;
}
