// 办公室：双人审批（政策、积分、导出）；合作方与账号管理员：设备与登记码。

import { openDesk } from "./desk.js";
import { showDevices } from "./office/devices.js";
import { showPolicies } from "./office/policies.js";
import { showProposal, showProposals } from "./office/proposals.js";
import { showPropose } from "./office/propose.js";

const OFFICE = ["office"];
const READERS = ["office", "auditor"];
const DEVICES = ["partner-manager", "account-admin"];
const TABS = [
  ["approvals", "审批", ({ api }, [id]) => (id ? showProposal(api, id) : showProposals(api)), READERS],
  ["propose", "提出", ({ api }) => showPropose(api), OFFICE],
  ["policies", "政策", ({ api }) => showPolicies(api), READERS],
  ["devices", "设备", ({ api }) => showDevices(api), DEVICES],
];

const desk = openDesk({ tabs: () => TABS });
desk.watch();
await desk.start();
