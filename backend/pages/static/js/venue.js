// 场馆核验：设备登录、扫码或输码、核验、放行；断网时按离线包判断并排队，联网后上传。

import { Client, Problem, Unreachable } from "./api.js";
import { $, ago, button, card, facts, field, h, instant, onSubmit, show, tell } from "./dom.js";
import { showEnrol, showSignIn } from "./enrol.js";
import { OfflineVerifier, REASONS, ServerClock } from "./pack.js";
import { decodeFile, ready } from "./decoder.js";
import { Camera } from "./camera.js";
import { Queue } from "./queue.js";
import { shiftCard } from "./shift.js";
import { device as stored } from "./store.js";
import { undoButton } from "./undo.js";

const api = new Client("venue");
const queue = new Queue(api);
const EVERY_MS = 60000;
const UNDO_SECONDS = 60; // 还没有离线包时；服务器说了算
let own = null; // 本机：{device_id, label, key}
let pack = null; // {verifier, clock, body}
let online = true;
let camera = null;

api.onSignedOut = () => {
  pack = null; // 会话被结束（例如设备停用）：离线包一并作废
  start();
};

// --- 登记与登录 --------------------------------------------------------------------------------------------------

async function start() {
  if (!globalThis.isSecureContext || !globalThis.crypto?.subtle) {
    show(
      card("需要安全的连接", h("p", null, "请用 https 地址，或在本机用 127.0.0.1 打开；否则浏览器不提供签名功能。")),
    );
    return;
  }
  own = await stored.get();
  if (!own) return showEnrol(api, start);
  if (api.session) return enter();
  return showSignIn(api, own, { entered: enter, forgotten: start });
}

// --- 核验台 ------------------------------------------------------------------------------------------------------

async function enter() {
  queue.deviceId = own.device_id;
  $("who").replaceChildren(own.label);
  const code = h("input", {
    id: "code",
    required: true,
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: false,
    placeholder: "XY1:…",
  });
  const offer = h("select", { id: "offer" }, h("option", { value: "" }, "券码：不用选"));
  const file = h("input", { type: "file", accept: "image/*", id: "image" });
  file.addEventListener(
    "change",
    () =>
      file.files[0] &&
      readImage(file.files[0]).finally(() => {
        file.value = "";
      }),
  );
  const form = onSubmit(
    h(
      "form",
      { id: "typed" },
      field("输入码上的文字", code),
      field("身份码要核的优惠", offer, "只有居民出示“身份码”时才需要选。"),
      h("button", { type: "submit", class: "main" }, "核验"),
    ),
    () => check(code.value),
  );
  const scan = button("打开摄像头扫码", toggleCamera, { id: "scan" });
  show(
    h("div", { id: "state", class: "state" }),
    h("div", { id: "result", role: "status", "aria-live": "assertive" }),
    card("扫码", h("div", { id: "camera", class: "camera", hidden: true }), scan, field("或选一张二维码图片", file)),
    card("输码", form),
    h("div", { id: "queue" }),
    shiftCard(api),
  );
  ready();
  await refresh();
  showState();
}

async function toggleCamera() {
  const box = $("camera");
  if (camera) {
    camera.stop();
    camera = null;
    box.hidden = true;
    $("scan").textContent = "打开摄像头扫码";
    return;
  }
  camera = await Camera.open(box, (text) => {
    toggleCamera();
    check(text);
  });
  box.hidden = false;
  $("scan").textContent = "关闭摄像头";
}

async function readImage(file) {
  tell("正在读取图片…");
  const text = await decodeFile(file).catch(() => null);
  tell("");
  if (text) return check(text);
  return verdict({
    good: false,
    mark: "?",
    title: "图片里没有读到二维码",
    text: "请换一张更清楚的图片，或输入码上的文字。",
  });
}

async function check(text) {
  const code = text.trim();
  if (/^https?:\/\/[^/]+\/m\/[0-9A-Za-z]{10}$/.test(code)) {
    return verdict({
      good: false,
      mark: "?",
      title: "这是商户信用码，不是券码",
      text: "商户信用码用来查看店铺信用，不能用来核销。",
    });
  }
  const offerId = $("offer")?.value || undefined;
  try {
    const answer = await api.call("POST", "/venue/verifications", {
      body: { code, ...(offerId ? { offer_id: offerId } : {}) },
      timeoutMs: 6000,
    });
    setOnline(true);
    return answer.verdict === "valid" ? offerAdmission(code, offerId, answer, false) : refuse(answer);
  } catch (error) {
    if (error instanceof Unreachable) return checkOffline(code);
    return refuseProblem(error);
  }
}

async function checkOffline(code) {
  setOnline(false);
  const found = await judgeOffline(code);
  if (found.verdict === "valid")
    return offerAdmission(code, undefined, { offer: { title: found.title }, uses_left: found.uses_left }, true);
  return refuse(
    {
      reason: found.reason,
      title: REASONS[found.reason],
      offer: found.title ? { title: found.title } : null,
      used_at: found.used_at,
    },
    true,
  );
}

async function judgeOffline(code) {
  if (!pack) return { verdict: "refused", reason: "no-pack" };
  return pack.verifier.judge(code, pack.clock.now(), await queue.since());
}

function refuse(answer, offline = false) {
  const when = answer.used_at
    ? `上次使用：${instant(answer.used_at)}${answer.venue ? `（${answer.venue.name}）` : ""}`
    : null;
  return verdict({
    good: false,
    mark: "✕",
    title: "不能放行",
    text: answer.title ?? REASONS[answer.reason] ?? answer.reason,
    lines: [answer.offer?.title, when, answer.detail, offline ? offlineNote() : null],
  });
}

function refuseProblem(error) {
  if (!(error instanceof Problem)) throw error;
  const detail = error.errors?.map((one) => one.detail).join("；") ?? error.detail;
  return refuse({ title: error.title, detail, used_at: error.used_at, venue: error.venue });
}

const offlineNote = () => (pack ? `离线判断，名单更新于${ago(pack.clock.elapsedMs() / 1000)}` : "离线");

function offerAdmission(code, offerId, answer, offline) {
  // 编号在发送之前就定下，并先写进本机：无论答复丢在哪里，同一次放行只算一次。
  const row = { id: crypto.randomUUID(), code, offer_id: offerId, title: answer.offer?.title ?? "" };
  const go = button(offline ? "放行（离线）" : "放行", () => admit(row, offline), { class: "main huge", id: "admit" });
  verdict({
    good: true,
    mark: "✓",
    title: "可以放行",
    text: answer.offer?.title,
    lines: [answer.offer?.benefit_text, `剩余次数 ${answer.uses_left}`, offline ? offlineNote() : null],
    act: go,
  });
  go.focus();
}

async function admit(row, offline) {
  if (offline) return admitOffline(row);
  await queue.keep({ ...row, state: "sending", at: new Date(pack?.clock.now() ?? Date.now()).toISOString() });
  try {
    const body = { code: row.code, ...(row.offer_id ? { offer_id: row.offer_id } : {}) };
    const answer = await api.keyed("POST", "/venue/admissions", body, { key: row.id, retries: [300] });
    await rememberAdmission(row);
    if ($("code")) $("code").value = "";
    verdict({
      good: true,
      mark: "✓",
      title: "已放行",
      text: answer.offer.title,
      lines: [`剩余次数 ${answer.uses_left}`, instant(answer.admitted_at)],
      act: undoButton(pack?.body.undo_seconds ?? UNDO_SECONDS, () => undo(row, answer.id)),
    });
  } catch (error) {
    if (error instanceof Unreachable) return admitOffline(row);
    if (!(error instanceof Problem) || error.status >= 500) throw error; // 再按一次，还是同一个编号
    await queue.drop(row.id);
    refuseProblem(error);
  }
}

// 在线放行的也记在本机，直到新的离线包把它算进去：网络随后断了，同一张券不会再被放行。
async function rememberAdmission(row) {
  const found = await judgeOffline(row.code);
  if (found.verdict !== "valid") return queue.drop(row.id);
  await queue.keep({ ...row, state: "online", offer_id: found.offer_id, status: found.status, settledAt: Date.now() });
  void refresh();
}

async function admitOffline(row) {
  setOnline(false);
  const found = await judgeOffline(row.code);
  if (found.verdict !== "valid") {
    // 在线的那次可能已经办成：留着编号，由人决定是否再问；不自动再办。
    await queue.keep({ ...row, state: "unknown", at: new Date(pack?.clock.now() ?? Date.now()).toISOString() });
    return refuse(
      {
        reason: found.reason,
        title: REASONS[found.reason],
        detail: "刚才的请求没有收到答复。联网后可在下面“再问一次”，不会重复核销。",
      },
      true,
    );
  }
  await queue.keep({
    ...row,
    state: "offline",
    at: new Date(pack.clock.now()).toISOString(),
    offer_id: found.offer_id,
    status: found.status,
  });
  verdict({
    good: true,
    mark: "✓",
    title: "已离线放行",
    text: found.title,
    lines: [`剩余次数 ${found.uses_left - 1}`, offlineNote(), "已记在本机，联网后自动上传"],
    act: undoButton(pack.body.undo_seconds, () => undoOffline(row)),
  });
  return showState();
}

// 撤销用一个定下的编号：答复丢了再按，还是同一次撤销。
async function undo(row, admissionId) {
  row.undoKey ??= crypto.randomUUID();
  try {
    await api.keyed("POST", `/venue/admissions/${admissionId}/undo`, undefined, { key: row.undoKey, retries: [300] });
  } catch (error) {
    if (error instanceof Unreachable) return tell("没有收到答复，请再按一次“撤销”。");
    return refuseProblem(error);
  }
  await queue.drop(row.id);
  taken();
  return refresh();
}

async function undoOffline(row) {
  const admissionId = await queue.takeBack(row.id);
  return admissionId ? undo(row, admissionId) : taken();
}

function taken() {
  verdict({ good: false, mark: "?", title: "已撤销", text: "次数和积分已退回，同一个码可以再用。" });
}

function verdict({ good, mark, title, text, lines = [], act }) {
  if (!$("result")) return; // 会话刚被结束，已经回到登录
  const kind = good ? "good-verdict" : mark === "?" ? "warn-verdict" : "bad-verdict";
  $("result").replaceChildren(
    h(
      "section",
      { class: `card verdict ${kind}`, "data-verdict": good ? "good" : "bad" },
      h("p", { class: "verdict-mark", "aria-hidden": "true" }, mark),
      h("h2", null, title),
      text ? h("p", { class: "big" }, text) : null,
      lines.filter(Boolean).map((line) => h("p", { class: "small" }, line)),
      act ?? null,
    ),
  );
  $("result").scrollIntoView({ block: "nearest" });
  showState();
}

// --- 离线包、上传、状态 ---------------------------------------------------------------------------------------------

let refreshing = null;
function refresh() {
  refreshing ??= renew().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function renew() {
  if (!api.session) return;
  try {
    await queue.upload();
    const askedAt = Date.now();
    const body = await api.get("/venue/offline-pack");
    pack = { body, clock: new ServerClock(body.server_time), verifier: await OfflineVerifier.open(body) };
    await queue.markSeen(askedAt);
    setOnline(true);
    fillOffers(body.offers);
  } catch (error) {
    if (error instanceof Unreachable) setOnline(false);
    else if (!(error instanceof Problem)) throw error;
    else tell(`${error.title}${error.detail ? `：${error.detail}` : ""}`);
  }
  showState();
}

function fillOffers(offers) {
  const list = $("offer");
  if (!list || list.options.length > 1) return;
  list.append(...offers.map((one) => h("option", { value: one.id }, one.title)));
}

function setOnline(value) {
  if (online !== value) tell(value ? "网络已恢复" : "网络不通，按离线包判断");
  online = value;
}

async function showState() {
  if (!$("state")) return;
  const age = pack
    ? `名单更新于${ago(pack.clock.elapsedMs() / 1000)}，${instant(pack.body.valid_until)} 前有效`
    : "还没有离线包";
  $("state").replaceChildren(
    h("span", { class: online ? "dot" : "dot off", "aria-hidden": "true" }),
    h("strong", null, online ? "在线" : "离线"),
    h("span", { class: "muted" }, pack ? `${pack.body.venue.name} · ${age}` : age),
  );
  const rows = await queue.rows();
  if (!$("queue")) return; // 等待时会话被结束，已经回到登录
  const waiting = rows.filter((row) => row.state === "offline" && !row.settled);
  const unknown = rows.filter((row) => row.state === "sending" || row.state === "unknown");
  const told = rows.filter((row) => row.settled && row.verdict !== "admitted");
  $("queue").replaceChildren(
    ...[
      waiting.length
        ? card(
            `待上传 ${waiting.length} 条`,
            facts(waiting.map((row) => [instant(row.at), row.title || "放行"])),
            button("现在上传", refresh, { id: "upload" }),
          )
        : null,
      unknown.length
        ? card(
            "没有收到答复的放行",
            unknown.map((row) =>
              h(
                "div",
                { class: "row between" },
                h("span", null, `${instant(row.at)} ${row.title}`),
                h(
                  "div",
                  { class: "row" },
                  button("再问一次", () => admit(row, false)),
                  button(
                    "放弃",
                    async () => {
                      await queue.drop(row.id);
                      showState();
                    },
                    { class: "quiet" },
                  ),
                ),
              ),
            ),
          )
        : null,
      told.length
        ? card(
            "上传后需要核对",
            h(
              "ul",
              null,
              told.map((row) => h("li", null, `${instant(row.at)} ${row.title}：${row.words}`)),
            ),
            button("知道了", async () => {
              for (const row of told) await queue.drop(row.id);
              showState();
            }),
          )
        : null,
    ].filter(Boolean),
  );
}

addEventListener("online", refresh);
addEventListener("offline", () => {
  setOnline(false);
  showState();
});
setInterval(() => api.session && own && $("state") && refresh(), EVERY_MS);
await start();
