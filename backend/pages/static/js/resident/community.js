// 社区：公约、活动签到、申报善行、我的申报。

import { button, card, field, h, instant, onSubmit, show, tell } from "../dom.js";
import { uploaded } from "../uploads.js";
import { consentCard } from "./privacy.js";

const STATUS = {
  pending: ["warn", "待审核"],
  approved: ["good", "已通过"],
  rejected: ["bad", "未通过"],
  withdrawn: ["", "已撤回"],
};
const MOST_PHOTOS = 9;

export async function showCommunity(context) {
  const { api } = context;
  const [consents, communities, activities, mine] = await Promise.all([
    api.all("/me/consents"),
    api.get("/communities"),
    api.all("/community/activities"),
    api.get("/me/submissions"),
  ]);
  if (!consents.find((one) => one.purpose === "community")?.granted) {
    show(await consentCard(context, "community", "社区积分"));
    return;
  }
  const joined = communities.items.filter((one) => one.signed_at);
  show(
    communities.items.map((one) => communityCard(context, one)),
    joined.length ? deedCard(context, joined) : null,
    card(
      "我的申报",
      mine.items.length
        ? h("ul", { class: "reasons", id: "submissions" }, mine.items.map(submission))
        : h("p", { class: "muted" }, "还没有申报。"),
    ),
    activities.map((one) => activityCard(context, one)),
  );
}

function communityCard(context, one) {
  const place = h("div", { class: "stack" });
  const read = () => showCovenant(context, one, place);
  const box = card(
    one.name,
    one.signed_at
      ? h(
          "p",
          null,
          h("span", { class: "tag good" }, "✓ 已加入"),
          h("span", { class: "small muted" }, ` ${instant(one.signed_at)} 签署公约`),
        )
      : h("p", null, "读过公约、签署后加入。自愿，不签不影响任何服务。"),
    button(
      one.signed_at ? "查看公约" : "阅读并签署公约",
      read,
      one.signed_at ? {} : { class: "main", "data-act": "covenant" },
    ),
    place,
  );
  box.dataset.community = one.slug;
  return box;
}

async function showCovenant({ api, route }, one, place) {
  const covenant = await api.get(`/communities/${one.id}/covenant`);
  const sign =
    !covenant.signed_at &&
    button(
      "签署公约",
      async () => {
        await api.keyed("POST", `/communities/${one.id}/covenant/signatures`, { version: covenant.version });
        await route();
        tell(`已加入${one.name}`);
      },
      { class: "main", "data-act": "sign" },
    );
  place.replaceChildren(
    ...[
      h("h3", null, `公约（${covenant.version} 版）`),
      h(
        "ol",
        null,
        covenant.articles.map((article) => h("li", null, article)),
      ),
      sign,
    ].filter(Boolean),
  );
}

function activityCard({ api, route }, one) {
  const code = h("input", { required: true, autocomplete: "off", spellcheck: false, placeholder: "XY1:…" });
  const isOpen = Date.now() >= new Date(one.check_in_opens_at) && Date.now() < new Date(one.check_in_closes_at);
  const form = onSubmit(
    h(
      "form",
      null,
      field("现场签到码", code, "扫活动现场大屏上的码；这里输入码上的文字。每个码只有几十秒有效。"),
      h("button", { type: "submit", class: "main" }, "签到"),
    ),
    async () => {
      const made = await api.keyed("POST", `/community/activities/${one.id}/check-ins`, { code: code.value.trim() });
      await route();
      tell(`签到成功${made.points ? `，得 ${made.points} 积分` : ""}${made.remark ? `（${made.remark}）` : ""}`);
    },
  );
  const box = card(
    one.title,
    h("p", { class: "muted" }, `${one.community_name} · ${one.place}`),
    h("p", null, `${instant(one.starts_at)} 开始，${instant(one.ends_at)} 结束`),
    one.checked_in_at
      ? h("p", null, h("span", { class: "tag good" }, "✓ 已签到"), ` ${instant(one.checked_in_at)}`)
      : isOpen
        ? form
        : h("p", { class: "small muted" }, `签到时间：${instant(one.check_in_opens_at)} 起`),
  );
  box.dataset.activity = one.id;
  return box;
}

function deedCard({ api, route }, communities) {
  const where = h(
    "select",
    null,
    communities.map((one, at) => h("option", { value: String(at) }, one.name)),
  );
  const what = h("select", { required: true });
  const hint = h("p", { class: "hint" });
  const choice = () => communities[Number(where.value)].behaviours.filter((one) => one.award === "review");
  const describe = () => {
    const one = choice()[Number(what.value)];
    hint.textContent = one
      ? [
          `${one.points} 积分`,
          one.evidence.photo ? "需要照片" : "",
          one.evidence.text ? "需要文字说明" : "",
          one.daily_cap_points ? `每天至多 ${one.daily_cap_points} 分` : "",
          one.monthly_cap_points ? `每月至多 ${one.monthly_cap_points} 分` : "",
          one.reviewers > 1 ? "由两位工作人员先后审核" : "",
        ]
          .filter(Boolean)
          .join("，")
      : "";
  };
  const fill = () => {
    what.replaceChildren(...choice().map((one, at) => h("option", { value: String(at) }, one.title)));
    describe();
  };
  where.addEventListener("change", fill);
  what.addEventListener("change", describe);
  fill();
  const when = h("input", { type: "datetime-local", required: true, value: localNow() });
  const text = h("textarea", { maxLength: 1000 });
  const photos = h("input", { type: "file", accept: "image/jpeg,image/png,image/webp", multiple: true });
  const form = onSubmit(
    h(
      "form",
      { id: "deed" },
      field("社区", where),
      field("做了什么", what),
      hint,
      field("什么时候", when, "北京时间"),
      field("说明", text, "不要写别人的隐私。"),
      field("照片", photos, `最多 ${MOST_PHOTOS} 张。拍摄地点等附带信息会被去掉。`),
      h("button", { type: "submit", class: "main" }, "提交申报"),
    ),
    async () => {
      const photoIds = [];
      for (const file of Array.from(photos.files).slice(0, MOST_PHOTOS)) photoIds.push(await uploaded(api, file));
      const made = await api.keyed("POST", "/community/submissions", {
        behaviour: choice()[Number(what.value)].id,
        community_id: communities[Number(where.value)].id,
        happened_at: new Date(`${when.value}:00+08:00`).toISOString(),
        text: text.value,
        photo_ids: photoIds,
      });
      await route();
      tell(["已提交，等待审核", ...made.warnings].join("。"));
    },
  );
  return card("申报一件善行", form);
}

const localNow = () => new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 16);

function submission(one) {
  const [kind, words] = STATUS[one.status];
  const said = one.review
    ? `审核意见：${one.review.reason}${one.review.remark ? `（${one.review.remark}）` : ""}`
    : one.warnings.join("；");
  return h(
    "li",
    { "data-status": one.status },
    h(
      "span",
      null,
      one.behaviour_title,
      h("br"),
      h("span", { class: "small muted" }, instant(one.happened_at)),
      said ? [h("br"), h("span", { class: "small" }, said)] : null,
    ),
    h(
      "span",
      { class: "num" },
      h("span", { class: `tag ${kind}` }, words),
      one.review?.points ? [h("br"), h("span", { class: "plus" }, `+${one.review.points}`)] : null,
    ),
  );
}
