// 我的账号：在哪些地方登录着，密码、验证器、恢复码。

import { otherDesks } from "../desk.js";
import { card, confirm, facts, h, onSubmit, show, tell } from "../dom.js";
import { sessionsCard } from "../sessions.js";
import { authenticator, newPassword, oneTimeCode, password, recoveryCodes, secondFactor } from "./fields.js";
import { roleNames } from "./words.js";

export async function showAccount({ api, route }) {
  const [me, credentials, sessions] = await Promise.all([
    api.get("/me"),
    api.get("/me/credentials"),
    sessionsCard({ api, route }),
  ]);
  const refresh = { api, route };
  show(
    card(
      me.account.display_name,
      facts([
        ["用户名", credentials.username],
        ["角色", roleNames(me.account.memberships)],
        ["登录方式", credentials.oidc ? "统一身份认证" : "密码和验证器"],
        ["剩余恢复码", credentials.oidc ? null : `${credentials.recovery_codes_left} 个`],
      ]),
    ),
    card("去办事", otherDesks(api.account)),
    sessions,
    credentials.password ? [changePassword(refresh), changeAuthenticator(refresh), renewCodes(refresh)] : null,
  );
}

function folded(title, form) {
  return h("details", { class: "card" }, h("summary", null, title), form);
}

function changePassword({ api, route }) {
  const old = password("现在的密码");
  const fresh = newPassword();
  const code = oneTimeCode();
  const form = onSubmit(
    h("form", null, old.node, fresh.node, code.node, h("button", { type: "submit", class: "main" }, "换成新密码")),
    async () => {
      const body = { old_password: old.input.value, new_password: fresh.input.value, otp: code.input.value };
      await api.call("POST", "/me/password", { body });
      tell("密码已更换，其他会话已结束");
      await route();
    },
  );
  return folded("修改密码", form);
}

function changeAuthenticator({ api, route }) {
  const secret = password("密码");
  const factor = secondFactor();
  const place = h("div", null);
  const form = onSubmit(
    h("form", null, secret.node, factor.node, h("button", { type: "submit", class: "main" }, "领取新密钥")),
    async () => {
      const shown = await api.call("POST", "/me/authenticator", {
        body: { password: secret.input.value, ...factor.value() },
      });
      const code = oneTimeCode("新验证器上的六位数字");
      form.hidden = true;
      place.replaceChildren(
        authenticator(shown),
        onSubmit(
          h("form", null, code.node, h("button", { type: "submit", class: "main" }, "确认更换")),
          async () => {
            await api.call("POST", "/me/authenticator/confirmation", { body: { otp: code.input.value } });
            tell("验证器已更换，旧的不能再用");
            await route();
          },
        ),
      );
    },
  );
  return folded("更换验证器", [form, place]);
}

function renewCodes({ api, route }) {
  const secret = password("密码");
  const factor = secondFactor();
  const form = onSubmit(
    h("form", null, secret.node, factor.node, h("button", { type: "submit", class: "main" }, "换一组恢复码")),
    async () => {
      if (!(await confirm("换一组恢复码？", "旧的十个全部作废。", "换新"))) return;
      const made = await api.call("POST", "/me/recovery-codes", {
        body: { password: secret.input.value, ...factor.value() },
      });
      show(recoveryCodes(made.recovery_codes, route));
    },
  );
  return folded("恢复码", form);
}
