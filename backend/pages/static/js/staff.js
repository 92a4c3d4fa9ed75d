// 工作人员的账号页：凭链接加入、登录、自己的密码和会话；账号管理员的管理。

import { openDesk } from "./desk.js";
import { showAccount } from "./staff/account.js";
import { linkToken, showJoin } from "./staff/join.js";
import { comeBack } from "./staff/oidc.js";
import { showInvitations, showPeople } from "./staff/people.js";

const ADMIN = ["account-admin"];
const TABS = [
  ["account", "我的账号", showAccount],
  ["people", "工作人员", showPeople, ADMIN],
  ["invitations", "邀请", showInvitations, ADMIN],
];

// 链接里的令牌和认证方带回的 code 只读一次，随即从地址栏和历史里抹去。
const invited = linkToken();
const brought = comeBack();
const desk = openDesk({ tabs: () => TABS });

desk.watch(() => {
  const token = linkToken();
  if (token) showJoin(desk, token);
  return Boolean(token);
});

if (invited) await showJoin(desk, invited);
else if (brought) await brought(desk);
else await desk.start();
