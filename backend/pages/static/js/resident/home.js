// 首页：信用分和每一条理由、积分和明细。

import { Problem } from "../api.js";
import { button, card, day, h, instant, show, signed, svg } from "../dom.js";
import { consentCard } from "./privacy.js";
import { statementsCard } from "./statements.js";

export async function showHome(context) {
  const { api } = context;
  const [score, wallet] = await Promise.all([ownScore(api), api.get("/me/wallet")]);
  show(
    score ? await scoreCards(context, score) : await consentCard(context, "score", "信用分"),
    await walletCards(context, wallet),
  );
}

async function ownScore(api) {
  try {
    return await api.get("/me/score");
  } catch (error) {
    if (error instanceof Problem && error.slug === "consent-missing") return null;
    throw error;
  }
}

async function scoreCards({ api }, score) {
  const [reasons, history, picture] = await Promise.all([
    api.get("/me/score/reasons"),
    api.get("/me/score/history"),
    api.call("GET", "/me/score/history.svg", { blob: true }),
  ]);
  const drawn = await picture.text();
  return [
    card(
      "信用分",
      h(
        "p",
        { class: "row between" },
        h("span", { class: "number", id: "score" }, String(score.value)),
        h("span", { class: "tag" }, `${score.level.id} · ${score.level.name}`),
      ),
      meter(score),
      h(
        "p",
        null,
        score.next_level
          ? `再有 ${score.next_level.points_needed} 分到 ${score.next_level.id} · ${score.next_level.name}`
          : "已是最高等级",
      ),
      h(
        "p",
        { class: "small muted" },
        `截至 ${day(score.as_of)}，评分办法 ${score.policy_version} 版。只用来给便利，低分不会使任何服务变差。`,
        h("br"),
        h("a", { href: `/scoring/${encodeURIComponent(score.policy_version)}` }, "看评分办法：什么计、计多少、计多久"),
      ),
    ),
    card(
      "每一分从哪里来",
      reasonList(reasons),
      reasons.left_out.length
        ? [
            h("h3", null, "异议处理中，没有计算"),
            h(
              "ul",
              null,
              reasons.left_out.map((row) => h("li", null, row.text)),
            ),
          ]
        : null,
    ),
    raising(reasons.would_raise),
    card(
      "分数的变化",
      h("img", { class: "course", alt: plotWords(drawn), src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawn)}` }),
      h(
        "ul",
        { class: "reasons" },
        history.items.map((change) =>
          h(
            "li",
            null,
            h("span", null, change.cause_text, h("br"), h("span", { class: "small muted" }, instant(change.at))),
            h(
              "span",
              { class: "num" },
              change.previous_value === null ? String(change.value) : `${change.previous_value} → ${change.value}`,
            ),
          ),
        ),
      ),
    ),
  ];
}

// 还能加分的在前，到期的在后；说明由接口给出。
function raising(rises) {
  if (!rises.length) return null;
  return card(
    "怎样会上升",
    h(
      "ul",
      { class: "reasons", id: "would-raise" },
      rises.map((one) =>
        h(
          "li",
          null,
          h("span", null, one.title, h("br"), h("span", { class: "small muted" }, one.text)),
          h(
            "span",
            { class: "num plus" },
            one.points ? signed(one.points) : "",
            one.on ? [h("br"), h("span", { class: "small muted" }, day(one.on))] : null,
          ),
        ),
      ),
    ),
    h("p", { class: "small muted" }, "只有依法认定、列入目录的记录计分；社区生活不计分，得社区积分。"),
  );
}

// 图中的说明就是图片的替代文字；不解析成文档，免得其中的样式被本页的安全策略拦下。
const plotWords = (drawn) => /<desc[^>]*>([^<]*)</.exec(drawn)?.[1] ?? "信用分的变化";

function meter({ value, scale }) {
  const x = (points) => (300 * (points - scale.min)) / (scale.max - scale.min);
  return svg(
    "svg",
    {
      class: "meter",
      viewBox: "0 0 300 14",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${value} 分，范围 ${scale.min} 至 ${scale.max}，起点 ${scale.base}`,
    },
    svg("rect", { class: "rail", x: 0, y: 3, width: 300, height: 8, rx: 4 }),
    svg("rect", { class: "fill", x: 0, y: 3, width: x(value), height: 8, rx: 4 }),
    svg("rect", { class: "mark", x: x(scale.base) - 1, y: 0, width: 2, height: 14 }),
  );
}

function reasonList(reasons) {
  const line = (name, points, note, kind) =>
    h(
      "li",
      null,
      h("span", null, name, note ? [h("br"), h("span", { class: "small muted" }, note)] : null),
      h("span", { class: `num ${kind}` }, points),
    );
  return h(
    "ul",
    { class: "reasons", id: "reasons" },
    line("起点", String(reasons.base), "没有任何记录的人都是这个分", ""),
    reasons.items.map((one) =>
      line(
        one.record_title ?? one.rule.indicator_title,
        signed(one.points),
        one.text,
        one.points > 0 ? "plus" : "minus",
      ),
    ),
    h("li", null, h("strong", null, "合计"), h("strong", { class: "num" }, String(reasons.value))),
  );
}

async function walletCards(context, wallet) {
  const { api } = context;
  const [entries, statements] = await Promise.all([api.get("/me/wallet/entries"), statementsCard(context)]);
  const list = h("ul", { class: "reasons", id: "entries" }, entryLines(entries.items));
  let cursor = entries.next_cursor;
  const more =
    cursor &&
    button("更早的", async () => {
      const page = await api.get("/me/wallet/entries", { cursor });
      list.append(...entryLines(page.items));
      cursor = page.next_cursor;
      if (!cursor) more.remove();
    });
  return [
    card(
      "社区积分",
      h(
        "p",
        null,
        h("span", { class: "number", id: "balance" }, String(wallet.balance_points)),
        h("span", { class: "unit" }, " 积分"),
      ),
      wallet.expiring.length
        ? h(
            "ul",
            null,
            wallet.expiring.map((lot) => h("li", null, `${lot.points} 积分可用到 ${day(lot.expires_on)}`)),
          )
        : null,
      h("p", { class: "small muted" }, "积分来自社区善行，换物品和服务，不换现金，不进信用分。"),
    ),
    card(
      "积分明细",
      entries.items.length
        ? list
        : h("p", { class: "muted" }, "还没有明细。在“社区”里签公约、参加活动、申报善行，就会有积分。"),
      more,
    ),
    statements,
  ];
}

const entryLines = (items) =>
  items.map((one) =>
    h(
      "li",
      null,
      h(
        "span",
        null,
        one.title,
        h("br"),
        h("span", { class: "small muted" }, `${instant(one.at)} · ${one.counterparty}`),
        one.reason ? [h("br"), h("span", { class: "small" }, `理由：${one.reason}`)] : null,
        h(
          "details",
          { class: "small" },
          h("summary", null, "编号"),
          h("span", { class: "code-text" }, one.id),
          h("br"),
          "这一笔有误时，把编号告诉窗口或项目办公室。",
        ),
      ),
      h(
        "span",
        { class: "num" },
        h("span", { class: one.amount_points > 0 ? "plus" : "minus" }, signed(one.amount_points)),
        h("br"),
        h("span", { class: "small muted" }, `余 ${one.balance_after_points}`),
      ),
    ),
  );
