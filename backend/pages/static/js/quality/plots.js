// 图：内联 SVG，自带名称和说明；颜色之外总还有形状或文字。宽度按打开时的屏幕，字不会缩小。

import { $, svg } from "../dom.js";

let counter = 0;
const across = () => Math.max(260, Math.min(680, ($("main").clientWidth || 360) - 62));

function plot(height, title, description, ...children) {
  const name = `plot-${++counter}`;
  const width = across();
  const named = (tag, id, text) => svg(tag, { id }, text);
  return svg(
    "svg",
    {
      class: "chart",
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-labelledby": `${name}-t`,
      "aria-describedby": `${name}-d`,
    },
    named("title", `${name}-t`, title),
    named("desc", `${name}-d`, description),
    ...children,
  );
}

const text = (x, y, words, more = {}) => svg("text", { x, y, ...more }, words);
const line = (x1, y1, x2, y2, name) => svg("line", { x1, y1, x2, y2, class: name });

// 横条：rows 是 [名称, 值, 值的写法, 是否越线]；limit 是 [值, 写法]，画成一条竖线。
export function bars({ title, description, rows, limit }) {
  const width = across();
  const step = 44;
  const top = 22;
  const most = Math.max(limit[0] * 2, ...rows.map(([, value]) => value)) || 1;
  const room = width - 124; // 右边留给数字
  const x = (value) => (room * value) / most;
  const wide = (value) => Math.max(2, x(value));
  const height = top + rows.length * step + 4;
  const y = (at) => top + at * step;
  const strips = rows.map(([, value, , over], at) =>
    svg("rect", { x: 0, y: y(at) + 20, width: wide(value), height: 14, rx: 2, class: over ? "bar over" : "bar" }),
  );
  const words = rows.flatMap(([name, value, told, over], at) => [
    text(0, y(at) + 14, fitted(name, width), { class: "name" }),
    text(wide(value) + 6, y(at) + 32, over ? `${told} 超过` : told, { class: over ? "value over" : "value" }),
  ]);
  const mark = [line(x(limit[0]), top - 4, x(limit[0]), height - 4, "limit"), text(x(limit[0]) + 4, 13, limit[1])];
  return plot(height, title, description, ...strips, ...mark, ...words);
}

const fitted = (name, width) => (name.length * 14 > width ? `${name.slice(0, Math.floor(width / 14) - 1)}…` : name);

// 折线：series 是 [名称, 样式, 各月的值（百分数，没有就是 null）]。没有数的月份断开，不连过去。
export function lines({ title, description, labels, series }) {
  const width = across();
  const [left, right, top, bottom, height] = [46, 14, 34, 28, 240];
  const values = series.flatMap(([, , found]) => found).filter((value) => value !== null);
  const low = Math.min(90, Math.floor(Math.min(100, ...values) / 10) * 10);
  const x = (at) => left + ((width - left - right) * (labels.length === 1 ? 0.5 : at / (labels.length - 1)));
  const y = (value) => top + ((height - top - bottom) * (100 - value)) / (100 - low);
  const ticks = [0, 0.5, 1].map((share) => low + (100 - low) * share);
  const grid = ticks.map((tick) =>
    svg("g", {}, line(left, y(tick), width - right, y(tick), "grid"), text(left - 6, y(tick) + 4, `${tick}%`, END)),
  );
  const every = Math.ceil(labels.length / Math.max(1, Math.floor((width - left) / 62)));
  const months = labels.map((label, at) =>
    (labels.length - 1 - at) % every
      ? ""
      : text(x(at), height - 8, label, at && at === labels.length - 1 ? END : MIDDLE),
  );
  const paths = series.flatMap(([, name, found]) => drawn(found, name, x, y));
  return plot(height, title, description, ...grid, ...months, ...legend(series, left), ...paths);
}

const END = { "text-anchor": "end" };
const MIDDLE = { "text-anchor": "middle" };

function drawn(values, name, x, y) {
  const parts = [];
  values.forEach((value, at) => {
    if (value === null) return;
    const joined = at > 0 && values[at - 1] !== null;
    parts.push(`${joined ? "L" : "M"}${x(at)} ${y(value)}`);
  });
  const marks = values.map((value, at) => (value === null ? "" : marker(x(at), y(value), name)));
  return [svg("path", { d: parts.join(" "), class: `series ${name}` }), ...marks];
}

function marker(x, y, name) {
  if (name === "first") return svg("circle", { cx: x, cy: y, r: 4, class: `mark ${name}` });
  return svg("rect", { x: x - 4, y: y - 4, width: 8, height: 8, class: `mark ${name}` });
}

function legend(series, left) {
  return series.map(([words, name], at) => {
    const from = left + at * 110;
    return svg(
      "g",
      {},
      svg("path", { d: `M${from} 12 L${from + 28} 12`, class: `series ${name}` }),
      marker(from + 14, 12, name),
      text(from + 36, 17, words),
    );
  });
}
