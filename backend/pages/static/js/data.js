// 数据报送：部门的数据专员报送文件、看结果、取回退回的行、撤回；办公室裁定隔离的行。

import { showBatch, showBatches } from "./data/batches.js";
import { showQuarantine } from "./data/quarantine.js";
import { showSend } from "./data/send.js";
import { openDesk } from "./desk.js";

const OFFICER = ["data-officer"];
const OFFICE = ["office"];
const TABS = [
  ["send", "报送", showSend, OFFICER],
  ["batches", "批次", (context, [id]) => (id ? showBatch(context, id) : showBatches(context)), [...OFFICER, ...OFFICE]],
  ["quarantine", "隔离", showQuarantine, OFFICE],
];

const desk = openDesk({ tabs: () => TABS });
desk.watch();
await desk.start();
