// 几处都要填的：密码、动态码、恢复码；以及只显示一次的东西怎么显示。

import { button, card, field, h, qrImage, tell } from "../dom.js";

export const PASSWORD_RULES =
  "10 至 200 个字符，可以有空格和汉字；不要求大小写或符号，也不用定期更换。常见的、容易猜到的、主要由用户名或姓名组成的不行。几个不相干的词连成一句最好记。";

export function newPassword(label = "新密码") {
  const input = h("input", {
    type: "password",
    required: true,
    minLength: 10,
    maxLength: 200,
    autocomplete: "new-password",
  });
  const shown = h("input", { type: "checkbox", id: `${Math.random()}`.replace("0.", "show-") });
  shown.addEventListener("change", () => {
    input.type = shown.checked ? "text" : "password";
  });
  const toggle = h("p", { class: "small" }, shown, h("label", { htmlFor: shown.id }, " 显示密码"));
  return { input, node: [field(label, input, PASSWORD_RULES), toggle] };
}

export function password(label = "密码") {
  const input = h("input", { type: "password", required: true, autocomplete: "current-password" });
  return { input, node: field(label, input) };
}

export function oneTimeCode(hint = "验证器上的六位数字，每个只能用一次") {
  const input = h("input", {
    required: true,
    inputMode: "numeric",
    pattern: "[0-9]{6}",
    maxLength: 6,
    autocomplete: "one-time-code",
  });
  return { input, node: field("动态码", input, hint) };
}

// 动态码，或者（手机不在身边时）恢复码：一次只填一种。
export function secondFactor() {
  const code = oneTimeCode();
  const recovery = h("input", { maxLength: 60, autocomplete: "off", spellcheck: false });
  const other = field("恢复码", recovery, "加入时保存的十个之一，用过即作废");
  other.hidden = true;
  const choose = h("button", { type: "button", class: "quiet", "aria-expanded": "false" }, "手机不在身边，用恢复码");
  choose.addEventListener("click", () => {
    const lost = other.hidden;
    other.hidden = !lost;
    code.node.hidden = lost;
    code.input.required = !lost;
    recovery.required = lost;
    choose.textContent = lost ? "改用动态码" : "手机不在身边，用恢复码";
    choose.setAttribute("aria-expanded", String(lost));
    (lost ? recovery : code.input).focus();
  });
  return {
    code: code.input,
    node: [code.node, other, choose],
    value: () => (other.hidden ? { otp: code.input.value } : { recovery_code: recovery.value }),
  };
}

export function authenticator(shown) {
  return h(
    "div",
    { class: "qr-box" },
    qrImage(shown.qr_svg, "验证器二维码"),
    h("p", null, "用手机上的验证器（任何支持 TOTP 的应用）扫这个二维码。"),
    h("details", null, h("summary", null, "扫不了？手工输入密钥"), h("p", { class: "code-text" }, shown.totp_secret)),
  );
}

export function recoveryCodes(codes, onDone) {
  const list = h(
    "ul",
    { class: "plain code-text", id: "recovery-codes" },
    codes.map((code) => h("li", null, code)),
  );
  const file = URL.createObjectURL(new Blob([`${codes.join("\n")}\n`], { type: "text/plain" }));
  return card(
    "保存恢复码",
    h("p", null, "手机丢失时，用其中一个代替动态码登录，每个只能用一次。现在只显示这一次：请抄下或打印，与手机分开放。"),
    list,
    h(
      "div",
      { class: "row" },
      button("复制", async () => {
        await navigator.clipboard.writeText(codes.join("\n"));
        tell("已复制");
      }),
      h("a", { class: "button", href: file, download: "信易+恢复码.txt" }, "存成文件"),
      button("打印", () => print()),
    ),
    button(
      "我已保存好",
      async () => {
        URL.revokeObjectURL(file);
        await onDone();
      },
      { class: "main" },
    ),
  );
}

export function oneTimeLink(made, hint) {
  const waits = made.approval_id
    ? h("p", null, h("strong", null, "还不能用："), "须由项目办公室的另一个人在“审批”里批准，批准后 72 小时内有效。")
    : null;
  const text = h("input", { readOnly: true, value: made.link, id: "one-time-link" });
  text.addEventListener("focus", () => text.select());
  return h(
    "div",
    { class: "notice warn", role: "status" },
    field("一次性链接", text, hint),
    waits,
    button("复制链接", async () => {
      await navigator.clipboard.writeText(made.link);
      tell("已复制");
    }),
  );
}
