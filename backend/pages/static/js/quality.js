// 数据质量：办公室和审计看全市，部门数据专员看本单位。数字全部来自接口，图由本页自己画。

import { openDesk } from "./desk.js";
import { withReport } from "./quality/asking.js";
import { showDefinitions } from "./quality/definitions.js";
import { showFaults, showItems, showOrganisations } from "./quality/lists.js";
import { showOverview } from "./quality/overview.js";

const ROLES = ["office", "auditor", "data-officer"];
const TABS = [
  ["overview", "总览", withReport(showOverview), ROLES],
  ["organisations", "单位", withReport(showOrganisations), ROLES],
  ["items", "目录", withReport(showItems), ROLES],
  ["faults", "问题", withReport(showFaults), ROLES],
  ["definitions", "口径", withReport(showDefinitions), ROLES],
];

const desk = openDesk({ tabs: () => TABS });
desk.watch();
await desk.start();
