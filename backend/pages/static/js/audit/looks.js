// 查询登记：谁、以什么身份、为什么、依据什么，看了谁的哪些信息。

import { facts, h, instant } from "../dom.js";
import { numbered, sealedIn, showSearch } from "./search.js";

const ID = { minLength: 36, maxLength: 36 };
const SEARCH = {
  path: "/oversight/looks",
  title: "谁看过谁",
  hint: "居民和查看人都只以编号出现；点一行里的编号，就只看它的。",
  fields: {
    resident_id: ["居民编号", null, ID],
    actor_id: ["查看人编号", null, ID],
    purpose: ["用途", "用途的全文", { maxLength: 120 }],
  },
  lineOf,
};

export const showLooks = (context) => showSearch(context, SEARCH);

function lineOf(one, pick) {
  return h(
    "div",
    { class: "stack" },
    h("strong", null, one.purpose),
    facts([
      ["时间", instant(one.at)],
      ["查看人", [one.role_name, " ", numbered("这个人看过的", one.actor_id, pick("actor_id", one.actor_id))]],
      ["代表", one.organisation],
      ["看了谁", numbered("这位居民的", one.resident_id, pick("resident_id", one.resident_id))],
      ["看了什么", one.field_words.join("、")],
      ["依据", [one.basis, one.authorisation_words].filter(Boolean).join("；")],
      ["封存", sealedIn(one.batch)],
    ]),
  );
}
