// 登录着的地方：居民和工作人员都能看到自己的会话，一个一个或全部结束。

import { button, card, h, instant, tell } from "./dom.js";

export async function sessionsCard({ api, route }) {
  const { items } = await api.get("/me/sessions", { limit: 100 });
  const end = (one) => async () => {
    await api.call("DELETE", `/me/sessions/${one.id}`);
    await route();
    tell("已结束，那里要重新登录");
  };
  const endOthers = async () => {
    const { ended } = await api.call("POST", "/me/sessions/end-others");
    await route();
    tell(`已结束 ${ended} 个会话`);
  };
  return card(
    "登录着的地方",
    h(
      "ul",
      { class: "plain", id: "sessions" },
      items.map((one) => line(one, end(one))),
    ),
    items.length > 1 ? button("结束其他全部会话", endOthers, { class: "danger" }) : null,
  );
}

function line(one, end) {
  const name = one.agent ?? "未知的设备";
  return h(
    "li",
    { class: "row between" },
    h(
      "span",
      null,
      h("strong", null, name),
      " ",
      one.current ? h("span", { class: "tag good" }, "就是这里") : null,
      h("br"),
      h("span", { class: "small muted" }, `登录于 ${instant(one.created_at)}`),
    ),
    one.current ? null : button("结束", end, { "aria-label": `结束${name}的会话` }),
  );
}
