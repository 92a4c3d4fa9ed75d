// 设备：发登记码（二维码和文字），改名、停用、恢复、注销。

import { button, card, confirm, facts, field, h, instant, onSubmit, qrImage, show, tell } from "../dom.js";

const STATES = { active: "使用中", suspended: "已停用", retired: "已注销" };
const TONES = { active: "good", suspended: "warn", retired: "bad" };

export async function showDevices(api) {
  const [venues, devices] = await Promise.all([api.all("/devices/venues"), api.all("/devices")]);
  const again = () => showDevices(api);
  show(
    venues.length ? codeForm(api, venues, again) : card("没有场馆", h("p", null, "本单位还没有开放的场馆。")),
    devices.map((one) => deviceCard(api, one, again)),
    devices.length ? null : card("还没有设备", h("p", null, "发一个登记码，在设备上打开“场馆核验”输入。")),
  );
}

function codeForm(api, venues, again) {
  const venue = h(
    "select",
    null,
    venues.map((one) => h("option", { value: one.id }, one.name)),
  );
  const label = h("input", { required: true, maxLength: 80, placeholder: "例如 东门闸机一号", autocomplete: "off" });
  const place = h("div", { id: "code-place" });
  const form = onSubmit(
    h(
      "form",
      { class: "stack" },
      field("场馆", venue),
      field("设备名称", label),
      h("button", { type: "submit", class: "main" }, "发登记码"),
    ),
    async () => {
      const given = await api.call("POST", "/devices/enrolment-codes", {
        body: { venue_id: venue.value, label: label.value },
        query: { qr: "svg" },
      });
      place.replaceChildren(
        h(
          "div",
          { class: "qr-box" },
          qrImage(given.qr_svg, "设备登记码"),
          h("p", { class: "big code-text", id: "enrolment-code" }, given.code),
          h("p", { class: "small muted" }, `只显示这一次，${instant(given.expires_at)} 前用一次。`),
          button("登记好了，刷新", again),
        ),
      );
    },
  );
  return card("登记一台设备", form, place);
}

function deviceCard(api, one, again) {
  const act = (path, title, text) => async () => {
    if (!(await confirm(`${title}“${one.label}”？`, text, title, path !== "restoration"))) return;
    await api.call("POST", `/devices/${one.id}/${path}`);
    tell(`已${title}`);
    await again();
  };
  const name = h("input", { required: true, maxLength: 80, value: one.label });
  const rename = onSubmit(
    h("form", { class: "stack" }, field("新名称", name), h("button", { type: "submit" }, "改名")),
    async () => {
      await api.call("PUT", `/devices/${one.id}/label`, { body: { label: name.value } });
      tell("已改名");
      await again();
    },
  );
  const box = card(
    one.label,
    h("p", { class: "row" }, h("span", { class: `tag ${TONES[one.status]}` }, STATES[one.status])),
    facts([
      ["场馆", one.venue_name],
      ["单位", one.organisation_name],
      ["登记时间", instant(one.created_at)],
      ["钥匙指纹", h("span", { class: "code-text" }, one.thumbprint)],
    ]),
    one.status === "retired"
      ? null
      : h(
          "div",
          { class: "row" },
          one.status === "active"
            ? button("停用", act("suspension", "停用", "下一个请求起就不能核验、取离线包和上传。"), { class: "danger" })
            : button("恢复", act("restoration", "恢复", "设备可以重新登录。")),
          button("注销", act("retirement", "注销", "不能恢复，钥匙从此作废。"), { class: "danger" }),
        ),
    one.status === "retired" ? null : h("details", null, h("summary", null, "改名"), rename),
  );
  box.dataset.device = one.id;
  return box;
}
