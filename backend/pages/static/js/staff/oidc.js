// 单位的统一身份认证（OpenID Connect）。浏览器自己留一段随机文字，只把它的 SHA-256 交出去；
// 别人发起的登录带不走，也塞不进来。

import { button, card, h, problemBox, show } from "../dom.js";

const slot = (state) => `xinyi.staff.oidc.${state}`;
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

export async function providerButton(api, more) {
  if (more === null) return null;
  const { available, label } = await api.get("/auth/oidc");
  if (!available) return null;
  return card(
    label,
    h("p", null, more?.invitation_token ? "也可以不设密码，以后用单位的统一身份认证登录。" : "用单位的账号登录。"),
    button(`用${label}登录`, () => leave(api, more ?? {}), { id: "oidc" }),
  );
}

async function leave(api, more) {
  const key = base64url(crypto.getRandomValues(new Uint8Array(32)));
  const hashed = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  const begun = await api.call("POST", "/auth/oidc/starts", {
    body: { browser_key_hash: base64url(new Uint8Array(hashed)), ...more },
    anonymous: true,
  });
  sessionStorage.setItem(slot(begun.state), JSON.stringify({ key, from: location.pathname }));
  location.assign(begun.authorization_url);
}

// 从认证方回来：返回一个完成登录的函数；不是回来就返回 null。
export function comeBack() {
  const brought = new URLSearchParams(location.search || location.hash.replace(/^#/, "?"));
  const state = brought.get("state");
  if (!state) return null;
  history.replaceState(null, "", location.pathname);
  const { key, from } = JSON.parse(sessionStorage.getItem(slot(state)) ?? "{}");
  sessionStorage.removeItem(slot(state));
  return async ({ api, start }) => {
    try {
      if (brought.get("error") || !brought.get("code"))
        throw Object.assign(new Error(), { title: "没有登录", detail: "您在统一身份认证那里取消了，或它没有同意。" });
      if (!key)
        throw Object.assign(new Error(), { title: "没有登录", detail: "这次登录不是从这个浏览器窗口发起的，请重新开始。" });
      const body = { state, code: brought.get("code"), browser_key: key };
      if (brought.get("iss")) body.iss = brought.get("iss");
      await api.signIn("/auth/oidc", body);
      if (from === location.pathname) await start();
      else location.replace(from); // 从哪个工作台来，回哪个工作台
    } catch (error) {
      show(problemBox(error), button("回到登录", start));
    }
  };
}
