// 评分办法：起草、检查、在全市模拟、提出发布；历次办法。

import { openDesk } from "./desk.js";
import { showDraft, showDrafts } from "./modelling/drafts.js";
import { showUpload } from "./modelling/upload.js";
import { showVersions } from "./modelling/versions.js";

const OFFICE = ["office"];
const READERS = ["office", "auditor"];
const TABS = [
  ["drafts", "草稿", ({ api }, [id]) => (id ? showDraft(api, id) : showDrafts(api)), READERS],
  ["upload", "起草", ({ api }) => showUpload(api), OFFICE],
  ["versions", "历次办法", ({ api }) => showVersions(api), READERS],
];

const desk = openDesk({ tabs: () => TABS });
desk.watch();
await desk.start();
