// 操作日志：工作人员做过什么。

import { facts, h, instant } from "../dom.js";
import { ROLES } from "../staff/words.js";
import { numbered, only, sealedIn, showSearch } from "./search.js";
import { ACTIONS, ACTORS, SUBJECTS } from "./words.js";

const NOBODY = "00000000-0000-0000-0000-000000000000";
const SLUG = { maxLength: 80, pattern: "[a-z0-9._\\-]+", autocapitalize: "none" };
const SEARCH = {
  path: "/oversight/trail",
  title: "谁做过什么",
  hint: "点一行里的编号或操作，就只看它的。每次检索也记在这里。",
  fields: {
    actor_id: ["操作人编号", null, { minLength: 36, maxLength: 36 }],
    action: ["操作", "例如 staff.suspend", SLUG],
    subject_id: ["对象编号", null, { maxLength: 80 }],
  },
  lineOf,
};

export const showTrail = (context) => showSearch(context, SEARCH);

const isId = (text) => /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text);

function lineOf(one, pick) {
  const actor =
    one.actor_id === NOBODY ? null : numbered("这个人做过的", one.actor_id, pick("actor_id", one.actor_id));
  const subject = isId(one.subject_id)
    ? numbered("与它有关的", one.subject_id, pick("subject_id", one.subject_id))
    : one.subject_id;
  return h(
    "div",
    { class: "stack" },
    h("strong", null, ACTIONS[one.action] ?? one.action),
    facts([
      ["时间", instant(one.at)],
      ["操作人", [ACTORS[one.role] ?? ROLES[one.role] ?? one.role, actor && [" ", actor]]],
      ["对象", [SUBJECTS[one.subject_kind] ?? one.subject_kind, subject && [" ", subject]]],
      ["操作代码", only(one.action, "只看这一种", pick("action", one.action))],
      ["封存", sealedIn(one.batch)],
    ]),
    Object.keys(one.detail).length
      ? h(
          "details",
          null,
          h("summary", null, "细节"),
          h("pre", { class: "whole", tabIndex: 0 }, JSON.stringify(one.detail, null, 2)),
        )
      : null,
  );
}
