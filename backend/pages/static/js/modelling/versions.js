// 历次办法：自哪天起、到哪天止；全文人人可读。

import { card, day, h, show } from "../dom.js";
import { periodTag } from "./words.js";

export async function showVersions(api) {
  const versions = await api.all("/score-policies");
  show(
    card(
      "历次评分办法",
      h("p", { class: "small muted" }, "发布以后不再修改。全文居民也读得到，不用登录。"),
      h(
        "ul",
        { class: "plain" },
        versions.map((one) =>
          h(
            "li",
            { class: "row between" },
            h(
              "span",
              null,
              h("a", { href: `/scoring/${encodeURIComponent(one.version)}` }, one.version),
              ` ${day(one.effective_on)}起${one.effective_until_on ? `，至 ${day(one.effective_until_on)}` : ""}`,
            ),
            periodTag(one.state),
          ),
        ),
      ),
    ),
  );
}
