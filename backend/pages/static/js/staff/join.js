// 凭一次性链接加入，或凭它找回账号。

import { button, card, facts, h, instant, onSubmit, problemBox, show, tell } from "../dom.js";
import { authenticator, newPassword, oneTimeCode, recoveryCodes } from "./fields.js";
import { providerButton } from "./oidc.js";

const WORDS = {
  join: ["加入", "设定密码", "完成加入"],
  password: ["设定新密码", "设定新密码", "完成"],
  everything: ["重新设定登录方式", "设定新密码", "完成"],
};

export function linkToken() {
  const token = /^#join=(xi1\.[A-Za-z0-9_-]{43})$/.exec(location.hash)?.[1];
  if (token) history.replaceState(null, "", location.pathname);
  return token ?? null;
}

const ask = (api, path, body) => api.call("POST", `/auth/staff/invitations${path}`, { body, anonymous: true });

export async function showJoin(context, token) {
  const { api, start } = context;
  show(h("p", { class: "muted" }, "正在读取…"));
  let opened;
  try {
    opened = await ask(api, "", { token });
  } catch (error) {
    return show(problemBox(error), button("去登录", start));
  }
  const [title, step] = WORDS[opened.kind];
  const secret = newPassword();
  const form = onSubmit(
    h(
      "form",
      { id: "join" },
      h("input", { type: "text", value: opened.username, autocomplete: "username", hidden: true, readOnly: true }),
      secret.node,
      h("button", { type: "submit", class: "main" }, "下一步"),
    ),
    async () => {
      const password = secret.input.value;
      const next = await ask(api, "", { token, password });
      showProof(context, token, password, next);
    },
  );
  show(
    card(
      title,
      facts([
        ["姓名", opened.display_name],
        ["用户名", opened.username],
        ["链接有效至", instant(opened.expires_at)],
      ]),
    ),
    card(step, form),
    await providerButton(api, opened.kind === "password" ? null : { invitation_token: token }),
  );
}

function showProof(context, token, password, opened) {
  const { api, start } = context;
  const [, , done] = WORDS[opened.kind];
  const code = oneTimeCode(
    opened.authenticator ? "扫码以后，验证器上出现的六位数字" : "您原来的验证器上的六位数字",
  );
  const form = onSubmit(
    h("form", { id: "prove" }, code.node, h("button", { type: "submit", class: "main" }, done)),
    async () => {
      const accepted = await ask(api, "/acceptance", { token, password, otp: code.input.value });
      api.session = accepted.tokens;
      tell("完成，已登录");
      if (accepted.recovery_codes.length) show(recoveryCodes(accepted.recovery_codes, start));
      else await start();
    },
  );
  show(
    card(
      opened.authenticator ? "绑定验证器" : "确认是本人",
      opened.authenticator ? authenticator(opened.authenticator) : null,
      form,
      button("返回，换一个密码", () => showJoin(context, token), { class: "quiet" }),
    ),
  );
  code.input.focus();
}
