// 城市政策：各类各版本，自哪天起执行。

import { button, card, day, h, instant, show } from "../dom.js";

export async function showPolicies(api) {
  const versions = await api.all("/city/policies");
  const kinds = [...new Set(versions.map((one) => one.kind))];
  show(
    kinds.map((kind) => {
      const own = versions.filter((one) => one.kind === kind);
      return card(
        `${own[0].title}（${kind}.toml）`,
        own.map((one) => versionOf(api, one)),
      );
    }),
  );
}

function versionOf(api, one) {
  const place = h("div", null);
  const read = async () => {
    const whole = await api.get(`/city/policies/${one.kind}/${encodeURIComponent(one.version)}`);
    place.replaceChildren(h("pre", { class: "whole", tabIndex: 0 }, JSON.stringify(whole.content, null, 2)));
  };
  return h(
    "div",
    { class: "stack" },
    h(
      "div",
      { class: "row between" },
      h(
        "span",
        null,
        h("strong", null, one.version),
        ` 自 ${day(one.effective_on)} 起`,
        " ",
        one.in_force ? h("span", { class: "tag good" }, "执行中") : null,
      ),
      button("看全文", read, { class: "quiet", "aria-label": `看全文：${one.title} ${one.version}` }),
    ),
    h("p", { class: "small muted" }, `载入于 ${instant(one.loaded_at)}`),
    place,
  );
}
