// 图：就地画的 SVG，各有标题和说明；颜色之外，方向和文字也说得清。

import { svg } from "../dom.js";
import { changeWord, levelName, people } from "./words.js";

const WIDTH = 340;
const weight = (count) => count ?? 2; // 1 至 4 人画成差不多的一条细线

let counter = 0;
function picture(height, title, desc, ...parts) {
  const id = `plot-${++counter}`;
  return svg(
    "svg",
    {
      class: "plot",
      viewBox: `0 0 ${WIDTH} ${height}`,
      role: "img",
      "aria-labelledby": `${id}-title`,
      "aria-describedby": `${id}-desc`,
    },
    svg("title", { id: `${id}-title` }, title),
    svg("desc", { id: `${id}-desc` }, desc),
    ...parts.flat(Infinity),
  );
}

const label = (x, y, text, more = {}) => svg("text", { x, y, ...more }, text);

// --- 从哪一级到哪一级：左边是现在，右边是草稿，带子的粗细是人数 ---

const TALL = 300;
const TOP = 22;
const LEAST = 18; // 一级至少占这么高，写得下名称
const GAP = 6;
const LEFT = 84;
const RIGHT = WIDTH - 84;

export function flowsPlot(result) {
  const { levels_before: before, levels_after: after, moves } = result;
  const left = [...before].reverse();
  if (moves.some((one) => one.from === null)) left.push(null);
  const right = [...after].reverse();
  const total = moves.reduce((sum, one) => sum + weight(one.residents), 0) || 1;
  const most = Math.max(left.length, right.length);
  const scale = (TALL - TOP - most * (LEAST + GAP)) / total;
  const from = column(left, (level, one) => (one.from?.id ?? null) === (level?.id ?? null), moves, scale);
  const to = column(right, (level, one) => one.to.id === level.id, moves, scale);
  const ribbons = [];
  for (const start of from)
    for (const end of to) {
      const one = moves.find((each) => start.has(each) && end.has(each));
      if (one) ribbons.push(ribbon(start, end, Math.max(1.5, weight(one.residents) * scale), one, left, right));
    }
  return picture(
    TALL,
    "从哪一级到哪一级",
    `左边是现在的等级，右边是按草稿的等级。${result.summary.join("；")}。`,
    label(0, 12, "现在", { class: "axis" }),
    label(WIDTH, 12, "草稿", { class: "axis", "text-anchor": "end" }),
    ribbons,
    from.map((node) => nodeOf(node, LEFT - 8, LEFT - 14, "end")),
    to.map((node) => nodeOf(node, RIGHT, RIGHT + 14, "start")),
  );
}

function column(levels, belongs, moves, scale) {
  let y = TOP;
  return levels.map((level) => {
    const has = (one) => belongs(level, one);
    const own = moves.filter(has);
    const height = LEAST + own.reduce((sum, one) => sum + weight(one.residents), 0) * scale;
    const node = { level, has, y, height, at: y + LEAST / 2 };
    y += height + GAP;
    return node;
  });
}

function nodeOf({ level, y, height }, x, textX, anchor) {
  return [
    svg("rect", { class: "node", x, y, width: 8, height, rx: 2 }),
    label(textX, y + height / 2 + 4, levelName(level), { "text-anchor": anchor }),
  ];
}

function ribbon(start, end, thick, one, left, right) {
  const [a, b] = [start.at + thick / 2, end.at + thick / 2];
  start.at += thick;
  end.at += thick;
  const half = (LEFT + RIGHT) / 2;
  const line = svg("path", {
    class: `flow ${directionOf(one, left, right)}`,
    d: `M${LEFT} ${a} C${half} ${a} ${half} ${b} ${RIGHT} ${b}`,
    "stroke-width": thick,
  });
  line.append(svg("title", {}, `${levelName(one.from)} → ${levelName(one.to)}：${people(one.residents)} 人`));
  return line;
}

function directionOf(one, left, right) {
  if (one.from === null) return "fresh";
  const [a, b] = [left, right].map((levels, at) => {
    const id = at ? one.to.id : one.from.id;
    return levels.filter(Boolean).length - levels.findIndex((level) => level?.id === id);
  });
  return a === b ? "same" : b > a ? "up" : "down";
}

// --- 分数的分布：每段两根，浅的是现在，深的是草稿 ---

export function barsPlot({ before, after, summary }) {
  const height = 200;
  const floor = height - 24;
  const shown = before.map((bar, at) => ({ ...bar, was: weight(bar.residents), becomes: weight(after[at].residents) }));
  const used = trimmed(shown, (bar) => bar.was || bar.becomes);
  const most = Math.max(1, ...used.map((bar) => Math.max(bar.was, bar.becomes)));
  const step = WIDTH / used.length;
  const bar = (x, count, kind) => {
    const tall = (count / most) * (floor - 30);
    return svg("rect", { class: kind, x, y: floor - tall, width: step * 0.4, height: tall });
  };
  return picture(
    height,
    "分数的分布",
    `各分数段的人数，浅色是现在，深色是按草稿，最高的一段约 ${most} 人。${summary[0]}。`,
    svg("rect", { class: "was", x: 0, y: 2, width: 12, height: 12 }),
    label(17, 13, "现在"),
    svg("rect", { class: "becomes", x: 60, y: 2, width: 12, height: 12 }),
    label(77, 13, "草稿"),
    svg("line", { class: "floor", x1: 0, y1: floor, x2: WIDTH, y2: floor }),
    used.map((one, at) => [
      bar(at * step + step * 0.08, one.was, "was"),
      bar(at * step + step * 0.52, one.becomes, "becomes"),
      at % Math.ceil(used.length / 7) ? [] : label(at * step + 2, height - 6, String(one.from)),
    ]),
  );
}

// 两头没有人的段不画。
function trimmed(bars, has) {
  const first = bars.findIndex(has);
  const last = bars.findLastIndex(has);
  return first < 0 ? bars : bars.slice(first, last + 1);
}

// --- 变化的大小：横条，上升在上 ---

export function changesPlot({ changes, summary }) {
  const rows = [...changes].reverse();
  const most = Math.max(1, ...rows.map((one) => weight(one.residents)));
  const tall = 22;
  return picture(
    rows.length * tall + 4,
    "分数变化多少",
    `上面是上升，下面是下降。${summary[0]}。`,
    rows.map((one, at) => {
      const y = at * tall;
      const wide = (weight(one.residents) / most) * (WIDTH - 130);
      const kind = one.from === 0 ? "same" : (one.from ?? -1) > 0 ? "up" : "down";
      return [
        label(84, y + 16, changeWord(one), { "text-anchor": "end" }),
        svg("rect", { class: kind, x: 92, y: y + 4, width: Math.max(wide, 1), height: tall - 7, rx: 2 }),
        label(92 + Math.max(wide, 1) + 5, y + 16, people(one.residents)),
      ];
    }),
  );
}
