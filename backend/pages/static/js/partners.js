// 合作机构：本单位的提议、日报、冲突、应付、结算；办公室的审核、裁定和关账。

import { openDesk } from "./desk.js";
import { showApplications } from "./partners/applications.js";
import { showClaims, showConflicts } from "./partners/conflicts.js";
import { showDisputes } from "./partners/disputes.js";
import { showObligations } from "./partners/obligations.js";
import { showOverview } from "./partners/overview.js";
import { showOwn } from "./partners/own.js";
import { showReview } from "./partners/proposals.js";
import { showReport } from "./partners/report.js";
import { showSettling } from "./partners/settling.js";
import { showWebhooks } from "./partners/webhooks.js";

const PARTNER = ["partner-manager"];
const OFFICE = ["office"];
const READERS = ["office", "auditor"];
const named = (tab, act) => (context, rest) => act({ ...context, tab }, rest);
const TABS = [
  ["overview", "概况", showOverview, PARTNER],
  ["own", "提议", showOwn, PARTNER],
  ["report", "日报", showReport, PARTNER],
  ["conflicts", "冲突", showConflicts, PARTNER],
  ["obligations", "应付", showObligations, PARTNER],
  ["statements", "结算", named("statements", showSettling), PARTNER],
  ["webhooks", "回调", showWebhooks, PARTNER],
  ["applications", "申请", showApplications, READERS],
  ["review", "提议", showReview, READERS],
  ["claims", "冲突", showClaims, OFFICE],
  ["disputes", "争议", showDisputes, OFFICE],
  ["settling", "结算", named("settling", showSettling), READERS],
];

const desk = openDesk({ tabs: () => TABS });
desk.watch();
await desk.start();
