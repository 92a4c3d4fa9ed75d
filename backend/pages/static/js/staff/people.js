// 账号管理员：工作人员名录、角色、停用、会话、重置；邀请。

import { button, card, confirm, facts, field, h, instant, onSubmit, show, tell } from "../dom.js";
import { oneTimeLink } from "./fields.js";
import { ROLES, roleNames } from "./words.js";

const BY_TWO = "能查看个人信息、审批或审计的角色，须由项目办公室的另一个人批准，审批的人看得到理由。";
const HOW = "72 小时内有效，只能用一次，离开本页就不再显示。请当面或通过可靠的渠道交给本人。";
const KINDS = { join: "邀请加入", password: "重置密码", everything: "重置全部" };
const option = (value, label, selected = false) => h("option", { value, selected, defaultSelected: selected }, label);
const roleOptions = (chosen) => Object.entries(ROLES).map(([role, name]) => option(role, name, role === chosen));

export async function showPeople(context, [id]) {
  if (id) return showOne(context, id);
  const { api } = context;
  const list = h("ul", { class: "plain", id: "staff-list" });
  const role = h("select", null, option("", "全部角色"), roleOptions(null));
  const status = h("select", null, option("", "全部"), option("active", "在用"), option("suspended", "已停用"));
  const load = async () => {
    const query = { role: role.value || null, status: status.value || null };
    const found = await api.all("/staff", query);
    list.replaceChildren(...found.map(line));
    if (!found.length) list.replaceChildren(h("li", { class: "muted" }, "没有符合的账号"));
  };
  for (const one of [role, status]) one.addEventListener("change", () => load().catch(console.error));
  await load();
  show(card("工作人员", h("div", { class: "row" }, field("角色", role), field("状态", status)), list));
}

function line(one) {
  return h(
    "li",
    { class: "line" },
    h(
      "span",
      null,
      h("a", { href: `#/people/${one.id}` }, one.display_name),
      one.status === "suspended" ? h("span", { class: "tag bad" }, "已停用") : null,
      h("br", null),
      h("span", { class: "small muted" }, `${one.username} · ${roleNames(one.memberships)}`),
    ),
  );
}

async function showOne({ api, route }, id) {
  const path = `/staff/${encodeURIComponent(id)}`;
  const [one, sessions, organisations] = await Promise.all([
    api.get(path),
    api.get(`${path}/sessions`, { limit: 100 }),
    api.all("/organisations"),
  ]);
  const herself = one.id === api.account.id;
  const place = h("div", null);
  show(
    h("p", null, h("a", { href: "#/people" }, "← 全部工作人员")),
    card(
      one.display_name,
      facts([
        ["用户名", one.username],
        ["状态", one.status === "active" ? "在用" : "已停用"],
        ["角色", roleNames(one.memberships)],
        ["登录方式", one.oidc ? "统一身份认证" : "密码和验证器"],
        ["已登记本人身份", one.linked ? "是" : "否"],
        ["建立时间", instant(one.created_at)],
      ]),
    ),
    herself
      ? card("这是您自己", h("p", null, "角色、停用和重置须由另一位账号管理员办理。"))
      : [
          roleForm({ api, route }, path, one, organisations),
          standing({ api, route }, path, one),
          one.oidc ? null : card("重置登录方式", resets(api, path, place), place),
          card("会话", sessionsOf({ api, route }, path, sessions.items)),
        ],
  );
}

function roleForm({ api, route }, path, one, organisations) {
  const rows = roleRows(organisations, one.memberships);
  const reason = h("input", { maxLength: 500, autocomplete: "off" });
  const form = onSubmit(
    h(
      "form",
      null,
      rows.node,
      field("理由（可不填）", reason, BY_TWO),
      h("button", { type: "submit", class: "main" }, "保存角色"),
    ),
    async () => {
      const body = { roles: rows.value(), reason: reason.value };
      const { approval_id: waits } = await api.call("PUT", `${path}/roles`, { body });
      tell(waits ? "已提交，项目办公室批准后生效；此前角色不变" : "角色已更新，下一个请求起生效");
      await route();
    },
  );
  return card("角色", form);
}

// 一行一个角色：角色、单位、去掉。
function roleRows(organisations, held) {
  const list = h("div", null);
  const add = (given = {}) => {
    const role = h("select", { required: true, "aria-label": "角色" }, roleOptions(given.role));
    const where = h(
      "select",
      { required: true, "aria-label": "单位" },
      organisations.map((one) => option(one.id, one.name, one.id === given.organisation_id)),
    );
    const row = h("div", { class: "row role-row" }, role, where);
    row.append(h("button", { type: "button", onclick: () => row.remove() }, "去掉"));
    row.value = () => ({ role: role.value, organisation_id: where.value });
    list.append(row);
  };
  held.forEach(add);
  return {
    node: [list, h("p", null, h("button", { type: "button", onclick: () => add() }, "加一个角色"))],
    value: () => [...list.children].map((row) => row.value()),
  };
}

function standing({ api, route }, path, one) {
  const lift = async () => {
    await api.call("DELETE", `${path}/suspension`);
    tell("已恢复");
    await route();
  };
  const suspend = async () => {
    const told = "会话立即结束，正在进行的操作不会生效，她发出的邀请链接也作废。";
    if (!(await confirm(`停用 ${one.display_name}？`, told, "停用", true))) return;
    await api.call("POST", `${path}/suspension`);
    tell("已停用");
    await route();
  };
  return card(
    "停用与恢复",
    one.status === "active" ? button("停用账号", suspend, { class: "danger" }) : button("恢复账号", lift),
  );
}

function resets(api, path, place) {
  const make = (lost) => async () => {
    const made = await api.call("POST", `${path}/reset-links`, { body: { authenticator_lost: lost } });
    place.replaceChildren(oneTimeLink(made, HOW));
  };
  return [
    h("p", null, "您看不到密码，由本人凭链接设定。验证器也丢了时，请先当面确认是本人。"),
    h("p", { class: "hint" }, "全部换新的链接，对能查看个人信息、审批或审计的账号，须由项目办公室的另一个人批准才能用。"),
    h(
      "div",
      { class: "row" },
      button("忘了密码", make(false)),
      button("密码和验证器都要换", make(true), { class: "danger" }),
    ),
  ];
}

function sessionsOf({ api, route }, path, sessions) {
  if (!sessions.length) return h("p", { class: "muted" }, "没有登录着的地方");
  const end = async () => {
    const { ended } = await api.call("DELETE", `${path}/sessions`);
    tell(`已结束 ${ended} 个会话`);
    await route();
  };
  return [
    h(
      "ul",
      { class: "plain" },
      sessions.map((one) => h("li", null, `${one.agent ?? "未知的浏览器"}，登录于 ${instant(one.created_at)}`)),
    ),
    button("结束全部会话", end, { class: "danger" }),
  ];
}

export async function showInvitations({ api, route }) {
  const list = h("div", null);
  const refresh = async () => list.replaceChildren(openLinks({ api, route }, await api.all("/staff/invitations")));
  const [organisations] = await Promise.all([api.all("/organisations"), refresh()]);
  const place = h("div", null);
  show(inviteForm(api, organisations, place, refresh), place, card("还能用的链接", list));
}

function inviteForm(api, organisations, place, refresh) {
  const name = h("input", { required: true, maxLength: 60, autocomplete: "off" });
  const username = h("input", {
    required: true,
    pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]{1,38}[A-Za-z0-9]",
    autocapitalize: "none",
    autocomplete: "off",
    spellcheck: false,
  });
  const rows = roleRows(organisations, [{ role: "community-worker" }]);
  const reason = h("input", { maxLength: 500, autocomplete: "off" });
  const legal = h("input", { maxLength: 60, autocomplete: "off" });
  const number = h("input", { maxLength: 18, autocomplete: "off" });
  const form = onSubmit(
    h(
      "form",
      { id: "invite" },
      field("显示的姓名", name),
      field("用户名", username, "3 至 40 个字母、数字、点、横线或下划线"),
      h("fieldset", null, h("legend", null, "角色"), rows.node),
      h(
        "fieldset",
        null,
        h("legend", null, "本人身份（可不填）"),
        h("p", { class: "hint" }, "用来防止审核自己的申报。加密保存，填写后任何人都不再看到。"),
        field("姓名", legal),
        field("身份证号", number),
      ),
      field("理由（可不填）", reason, BY_TWO),
      h("button", { type: "submit", class: "main" }, "生成邀请链接"),
    ),
    async () => {
      const body = { username: username.value, display_name: name.value, roles: rows.value(), reason: reason.value };
      if (legal.value || number.value) body.identity = { name: legal.value, id_number: number.value };
      const made = await api.call("POST", "/staff/invitations", { body });
      form.reset();
      place.replaceChildren(oneTimeLink(made, HOW));
      place.scrollIntoView({ block: "center" });
      await refresh();
    },
  );
  return card("邀请工作人员", form);
}

const validity = (one) =>
  one.awaits_approval_id
    ? `等待项目办公室批准，${instant(one.expires_at)}前未批准即作废`
    : `有效至 ${instant(one.expires_at)}`;

function openLinks({ api, route }, open) {
  if (!open.length) return h("p", { class: "muted" }, "没有");
  const revoke = (one) => async () => {
    await api.call("DELETE", `/staff/invitations/${one.id}`);
    tell("已作废");
    await route();
  };
  return h(
    "ul",
    { class: "plain", id: "open-links" },
    open.map((one) =>
      h(
        "li",
        { class: "line" },
        h(
          "span",
          null,
          `${one.display_name}（${one.username}）`,
          h("br", null),
          h("span", { class: "small muted" }, `${KINDS[one.kind]}，${validity(one)}`),
        ),
        button("作废", revoke(one), { "aria-label": `作废给${one.display_name}的链接` }),
      ),
    ),
  );
}
