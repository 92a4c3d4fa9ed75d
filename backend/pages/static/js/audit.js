// 审计：谁看过谁、谁做过什么、封存的链。只读；居民只以编号出现，每次检索都记入操作日志。

import { showLooks } from "./audit/looks.js";
import { showSeals } from "./audit/seals.js";
import { showTrail } from "./audit/trail.js";
import { openDesk } from "./desk.js";

const ROLES = ["auditor"];
const TABS = [
  ["looks", "谁看过谁", showLooks, ROLES],
  ["trail", "谁做过什么", showTrail, ROLES],
  ["seals", "封存", showSeals, ROLES],
];

const desk = openDesk({ tabs: () => TABS });
desk.watch();
await desk.start();
