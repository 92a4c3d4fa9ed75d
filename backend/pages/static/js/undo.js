// 放行之后的一分钟内可以撤销：一个倒数的按钮。时间由单调时钟数，服务器说了算。

import { button, h } from "./dom.js";

export function undoButton(seconds, act) {
  if (!(seconds > 0)) return null;
  const began = performance.now();
  // 倒数的数字不念出来：每秒一念，谁也受不了。
  const left = h("span", { "aria-hidden": "true" });
  const go = button("撤销这次放行", act, { class: "quiet", id: "undo", "aria-describedby": "undo-note" });
  const note = h("p", { class: "small muted", id: "undo-note" }, `放错了，可在 ${seconds} 秒内撤销。`);
  go.append(left);
  const box = h("div", { class: "undo" }, go, note);
  const tick = () => {
    const rest = Math.ceil(seconds - (performance.now() - began) / 1000);
    if (rest <= 0) box.replaceChildren();
    else left.textContent = `（${rest}）`;
    if (rest <= 0 || (box.dataset.shown && !box.isConnected)) clearInterval(timer);
    if (box.isConnected) box.dataset.shown = "1";
  };
  const timer = setInterval(tick, 1000);
  tick();
  return box;
}
