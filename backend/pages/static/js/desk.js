// 工作台：工作人员在哪里登录都一样，登录一次就能去自己的各个工作台。各个工作台只说自己有哪些栏，给哪些角色看。

import { Client } from "./api.js";
import { handover } from "./demo.js";
import { button, card, field, h, isDemo, onSubmit, problemBox, show, tell } from "./dom.js";
import { frame } from "./frame.js";
import { password, secondFactor } from "./staff/fields.js";
import { providerButton } from "./staff/oidc.js";
import { totp } from "./totp.js";

const DESKS = [
  ["/app/worker", "社区工作台", ["community-worker"]],
  ["/app/counter", "服务窗口", ["counter-clerk"]],
  ["/app/office", "办公室", ["office", "auditor", "partner-manager", "account-admin"]],
  ["/app/partners", "合作机构", ["office", "auditor", "partner-manager"]],
  ["/app/declarations", "自主申报", ["office", "data-officer", "partner-manager"]],
  ["/app/modelling", "评分办法", ["office", "auditor"]],
  ["/app/data", "数据报送", ["data-officer", "office"]],
  ["/app/quality", "数据质量", ["office", "auditor", "data-officer"]],
  ["/app/audit", "审计", ["auditor"]],
  ["/app/staff", "账号", null],
];

const suits = (account, roles) => !roles || roles.some((role) => account.roles.includes(role));

// tabs()：每栏是 [地址, 名称, 显示, 角色]，没有角色的人人可看。其余同 frame。
export function openDesk({ tabs, opened = () => true, signedOut = () => {}, ...rest }) {
  const api = new Client("staff");
  const mine = () => tabs().filter(([, , , roles]) => suits(api.account, roles));
  const known = () => {
    const all = tabs().map(([, , , roles]) => roles);
    return all.includes(undefined) ? null : all.flat();
  };
  // 停用的人、改过的角色，打开页面时就知道。
  const confirmed = async () => {
    const { account } = await api.get("/me");
    api.session = { ...api.session, account };
    return opened();
  };
  return {
    api,
    ...frame({
      api,
      opened: confirmed,
      who: () => api.account.display_name,
      ...rest,
      tabs: () => (mine().length ? mine() : [["none", "工作台", showNothing]]),
      signIn: (start) => {
        signedOut();
        return showSignIn(api, known(), start);
      },
    }),
  };
}

// 本人能去的其他工作台。
export function otherDesks(account) {
  const others = DESKS.filter(([path, , roles]) => path !== location.pathname && suits(account, roles));
  return h(
    "p",
    { class: "row" },
    others.map(([path, name]) => h("a", { class: "button", href: path }, name)),
  );
}

function showNothing({ api }) {
  show(
    card(
      "您的角色在这里没有可办的事",
      h("p", null, "可以去下面的工作台；应当能办的，请联系账号管理员。"),
      otherDesks(api.account),
    ),
  );
}

async function showSignIn(api, roles, done) {
  const name = h("input", { required: true, autocomplete: "username", autocapitalize: "none", spellcheck: false });
  const secret = password();
  const factor = secondFactor();
  const form = onSubmit(
    h(
      "form",
      { id: "sign-in" },
      field("用户名", name),
      secret.node,
      factor.node,
      h("button", { type: "submit", class: "main" }, "登录"),
    ),
    async () => {
      await api.signIn("/auth/staff", { username: name.value, password: secret.input.value, ...factor.value() });
      tell("");
      await done();
    },
  );
  const fill = async (one) => {
    name.value = one.username;
    secret.input.value = one.password;
    factor.code.value = await totp(one.totp_secret);
  };
  const hint = "忘了密码或丢了手机，又没有恢复码：请账号管理员给您一个重置链接。";
  const boxes = [
    isDemo() ? demoStaff(roles, fill) : null,
    card("工作人员登录", form, h("p", { class: "small muted" }, hint)),
  ];
  show(boxes);
  const provider = await providerButton(api).catch(() => null);
  if (provider && form.isConnected) show(boxes, provider);
}

// 演示环境里可以选一位、自动填好；只列出在这个工作台有事可办的人。
function demoStaff(roles, fill) {
  const staff = async () => (await handover()).staff.filter((one) => suits(one, roles));
  const list = h("select", null);
  const box = card(
    "演示：选一位工作人员",
    field("工作人员", list),
    button(
      "填好用户名、密码和动态码",
      async () => {
        await fill((await staff())[Number(list.value)]);
        tell("已填好，请在动态码过期前登录");
      },
      { id: "demo-fill" },
    ),
  );
  staff().then(
    (found) => list.replaceChildren(...found.map((one, at) => h("option", { value: String(at) }, one.label))),
    (error) => box.append(problemBox(error)),
  );
  return box;
}
