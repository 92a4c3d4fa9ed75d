// 工作人员登录：社区工作台和办公室共用。

import { handover } from "./demo.js";
import { $, button, card, field, h, isDemo, onSubmit, problemBox, show, tell } from "./dom.js";
import { totp } from "./totp.js";

// 顶栏：谁在用，以及退出。
export function showWho(api, left) {
  $("who").replaceChildren(
    api.account.display_name,
    button(
      "退出",
      async () => {
        await api.signOut();
        left();
      },
      { class: "quiet" },
    ),
  );
}

// roles：演示时列出哪些角色的人。
export function showStaffSignIn(api, roles, entered) {
  const name = h("input", { required: true, autocomplete: "username" });
  const password = h("input", { type: "password", required: true, autocomplete: "current-password" });
  const otp = h("input", {
    required: true,
    inputMode: "numeric",
    pattern: "[0-9]{6}",
    maxLength: 6,
    autocomplete: "one-time-code",
  });
  const form = onSubmit(
    h(
      "form",
      { id: "sign-in" },
      field("用户名", name),
      field("密码", password),
      field("动态码", otp, "验证器上的六位数字，每个只能用一次"),
      h("button", { type: "submit", class: "main" }, "登录"),
    ),
    async () => {
      await api.signIn("/auth/staff", { username: name.value, password: password.value, otp: otp.value });
      await entered();
    },
  );
  const fill = async (one) => {
    name.value = one.username;
    password.value = one.password;
    otp.value = await totp(one.totp_secret);
  };
  show(isDemo() ? demoStaff(roles, fill) : null, card("工作人员登录", form));
}

function demoStaff(roles, fill) {
  const wanted = async () => (await handover()).staff.filter((one) => one.roles.some((role) => roles.includes(role)));
  const list = h("select", null);
  const box = card(
    "演示：选一位工作人员",
    field("工作人员", list),
    button(
      "填好用户名、密码和动态码",
      async () => {
        await fill((await wanted())[Number(list.value)]);
        tell("已填好，请在动态码过期前登录");
      },
      { id: "demo-fill" },
    ),
  );
  wanted().then(
    (found) => list.replaceChildren(...found.map((one, at) => h("option", { value: String(at) }, one.label))),
    (error) => box.append(problemBox(error)),
  );
  return box;
}
