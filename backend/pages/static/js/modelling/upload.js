// 起草：选 TOML 文件、粘贴全文，或从执行中的一版改起；当即检查。

import { Problem } from "../api.js";
import { button, card, field, h, onSubmit, show, tell } from "../dom.js";

export function showUpload(api) {
  const file = h("input", { type: "file", accept: ".toml,text/plain" });
  const text = h("textarea", { rows: 14, required: true, spellcheck: false, class: "code-text" });
  let key = crypto.randomUUID();
  const renew = () => {
    key = crypto.randomUUID();
  };
  file.addEventListener("change", async () => {
    if (!file.files[0]) return;
    text.value = await file.files[0].text();
    renew();
  });
  const form = onSubmit(
    h(
      "form",
      { class: "stack", id: "upload" },
      field("选 scoring.toml 文件", file),
      field("或粘贴全文", text, "TOML，或以 { 开头的 JSON。版本号用新的，生效日不早于今天。"),
      h("button", { type: "submit", class: "main" }, "上传并检查"),
    ),
    async () => {
      const made = await api.keyed("POST", "/score-drafts", bodyOf(text.value), { key });
      tell(made.problems.length ? `已保存，有 ${made.problems.length} 处问题` : "检查通过，可以在全市模拟");
      location.hash = `#/drafts/${made.id}`;
    },
  );
  form.addEventListener("input", renew);
  show(
    h(
      "p",
      { class: "notice plain-note" },
      "上传时按全部规则检查：只许激励、有依据、不含社区生活和个人特征、上限和等级可达。草稿不能修改，改好以后再传一份；旧的仍在。",
    ),
    card("上传一份草稿", startFrom(api, text, renew), form),
  );
}

// 从执行中的一版改起：取来的是 JSON，同样可以上传。
function startFrom(api, text, renew) {
  return button(
    "从执行中的办法改起",
    async () => {
      const now = (await api.all("/city/policies")).find((one) => one.kind === "scoring" && one.in_force);
      const whole = await api.get(`/city/policies/scoring/${encodeURIComponent(now.version)}`);
      text.value = JSON.stringify(whole.content, null, 2);
      renew();
      text.focus();
    },
    { class: "quiet" },
  );
}

function bodyOf(text) {
  if (!text.trimStart().startsWith("{")) return { toml: text };
  try {
    return { content: JSON.parse(text) };
  } catch (error) {
    throw new Problem({ title: "不是有效的 JSON", detail: error.message }, 0);
  }
}
