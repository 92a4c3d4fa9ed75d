import { $, h } from "./dom.js";
import { handover } from "./demo.js";

const { merchants } = await handover();
$("merchants").replaceChildren(
  ...merchants
    .slice(0, 6)
    .map((one) =>
      h(
        "li",
        null,
        h(
          "a",
          { class: "tile", href: `/m/${one.public_code}` },
          h("strong", null, one.label),
          h("span", { class: "code" }, one.public_code),
        ),
      ),
    ),
);
