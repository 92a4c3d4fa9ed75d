// 只在演示环境里有的东西：谁在演示里，以及微信替身给的一次性 code。

import { Problem } from "./api.js";

let held = null;

export async function handover() {
  held ??= fetch("/demo/handover.json", { credentials: "omit" }).then((response) => {
    if (!response.ok) throw new Problem({ title: "演示数据还没有准备好" }, response.status);
    return response.json();
  });
  return held;
}

export async function wechatCode(openid, kind) {
  const response = await fetch("/demo/wechat-codes", {
    method: "POST",
    credentials: "omit",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ openid, kind }),
  });
  const body = await response.json();
  if (!response.ok) throw new Problem(body, response.status);
  return body.code;
}
