// 社区工作台：审核申报、展示会变化的签到码。

import { openDesk } from "./desk.js";
import { button, card, confirm, day, facts, field, h, instant, living, problemBox, show, tell } from "./dom.js";

const ROLES = ["community-worker"];
const TABS = [
  ["queue", "待审核", showQueue, ROLES],
  ["activities", "活动签到", showActivities, ROLES],
];

async function showQueue({ api, route }) {
  const page = await api.get("/community/review-queue");
  show(
    h("p", { class: "notice plain-note" }, "您每次打开队列和照片，都会记入申报人的“谁看过我”。"),
    page.items.map((one) => queueCard(api, route, one)),
    page.items.length ? null : card("没有待审核的申报", h("p", null, "都办完了。")),
    page.next_cursor ? h("p", { class: "muted" }, "还有更多，办完这些再刷新。") : null,
    button("刷新", route),
  );
}

function picture(blob, alt) {
  const image = h("img", { src: URL.createObjectURL(blob), alt });
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  return image;
}

function queueCard(api, route, one) {
  const reason = h("textarea", { required: true, minLength: 2, maxLength: 200, placeholder: "居民会看到这段话" });
  const photos = h("div", { class: "photos" });
  for (const [at, path] of one.photos.entries())
    api.call("GET", path, { blob: true }).then(
      (blob) => photos.append(picture(blob, `申报照片 ${at + 1}`)),
      (error) => photos.append(problemBox(error)),
    );
  const decide = (decision) => async () => {
    if (!reason.reportValidity()) return;
    if (decision === "reject" && !(await confirm("不通过？", `理由：${reason.value}`, "不通过", true))) return;
    const made = await api.keyed("POST", `/community/submissions/${one.id}/reviews`, {
      decision,
      reason: reason.value.trim(),
    });
    tell(
      made.submission_status === "pending"
        ? "已记录，还需另一位工作人员审核"
        : `${decision === "approve" ? `已通过，发放 ${made.points} 积分` : "已作出不通过的决定"}${made.remark ? `（${made.remark}）` : ""}`,
    );
    await route();
  };
  const box = card(
    one.behaviour.title,
    facts([
      ["申报人", one.resident_name],
      ["社区", one.community_name],
      ["时间", instant(one.happened_at)],
      ["分值", `${one.behaviour.points} 积分`],
      ["活动", one.activity_title],
      ["签到", instant(one.checked_in_at)],
      ["已同意", one.behaviour.reviewers > 1 ? `${one.approvals} / ${one.behaviour.reviewers} 人` : ""],
      ["办结期限", day(one.due_on)],
      ["说明", one.text],
    ]),
    photos,
    field("审核理由", reason),
    h(
      "div",
      { class: "row" },
      button("通过", decide("approve"), { class: "main grow", "data-act": "approve" }),
      button("不通过", decide("reject"), { class: "danger grow", "data-act": "reject" }),
    ),
  );
  box.dataset.submission = one.id;
  return box;
}

async function showActivities({ api }) {
  const mine = new Set((api.account?.memberships ?? []).map((one) => one.organisation_id));
  const owned = (await api.get("/communities", { limit: 100 })).items.filter((one) => mine.has(one.organisation_id));
  const own = new Set(owned.map((one) => one.id));
  const activities = (await api.all("/community/activities")).filter((one) => own.has(one.community_id));
  show(
    activities.map((one) => activityCard(api, one)),
    activities.length ? null : card("没有将要举行的活动", h("p", null, "本社区登记了活动，开始前这里会出现签到码。")),
  );
}

function activityCard(api, one) {
  const place = h("div", null);
  const open = () => {
    const code = living(() => api.get(`/community/activities/${one.id}/check-in-code`, { qr: "svg" }), {
      alt: `${one.title}的签到码`,
      aheadSeconds: 12,
    });
    place.replaceChildren(code);
  };
  const isOpen = Date.now() >= new Date(one.check_in_opens_at) && Date.now() < new Date(one.check_in_closes_at);
  const box = card(
    one.title,
    h("p", { class: "muted" }, `${one.community_name} · ${one.place}`),
    h("p", null, `签到：${instant(one.check_in_opens_at)} 至 ${instant(one.check_in_closes_at)}`),
    isOpen ? button("展示签到码", open, { "data-act": "code" }) : h("p", { class: "small muted" }, "还没到签到时间"),
    place,
  );
  box.dataset.activity = one.id;
  return box;
}

const desk = openDesk({ tabs: () => TABS });
desk.watch();
await desk.start();
