/**
 * Drives the compiled client as a mini-program would, with a `wx` shim over fetch, and prints what came of it.
 * `node drive.mjs COMPILED BASE_URL WECHAT_URL STEP JSON`
 */
import { pathToFileURL } from "node:url";

const [compiled, baseUrl, wechatUrl, step, given] = process.argv.slice(2);
const facts = JSON.parse(given);
const storage = new Map();
let inFlight = 0;
let most = 0;

globalThis.wx = {
  getStorageSync: (key) => storage.get(key) ?? "",
  setStorageSync: (key, value) => storage.set(key, value),
  removeStorageSync: (key) => storage.delete(key),
  login: ({ success, fail }) => {
    logins += 1;
    fetch(`${wechatUrl}/stand-in/login-codes`, { method: "POST", body: JSON.stringify({ openid: facts.openid }) })
      .then((answer) => answer.json())
      .then((answer) => success({ code: answer.code }))
      .catch((error) => fail({ errMsg: String(error) }));
  },
  request: ({ url, method, header, data, success, fail }) => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    fetch(url, { method, headers: header, body: data })
      .then(async (answer) => ({ statusCode: answer.status, header: Object.fromEntries(answer.headers), data: await answer.text() }))
      .then((answer) => { inFlight -= 1; success(answer); }, (error) => { inFlight -= 1; fail({ errMsg: `request:fail ${error}` }); });
  },
};
let logins = 0;

const { wxClient, wxRequest, wxStore, wxSignIn, scannedCode } = await import(pathToFileURL(`${compiled}/wechat.js`));
const { Client, isProblem, UnreachableError, newKey } = await import(pathToFileURL(`${compiled}/client.js`));
const client = wxClient(baseUrl);
const spoil = (change) => storage.set("xinyi:tokens", JSON.stringify({ ...JSON.parse(storage.get("xinyi:tokens")), ...change }));
const told = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    return { error: error.name, slug: error.slug ?? null, status: error.status ?? null, after: error.retryAfterSeconds ?? null };
  }
};
const redemptions = "/api/v1/perks/offers/{offer_id}/redemptions";

const STEPS = {
  async signIn() {
    const me = await client.get("/api/v1/me");
    return { kind: me.account.kind, bound: me.bound, logins };
  },
  async refresh() {
    await client.get("/api/v1/me");
    spoil({ access: "stale" });
    const answers = await Promise.all(Array.from({ length: 30 }, () => client.get("/api/v1/me")));
    return { answers: answers.length, logins, most };
  },
  async refreshLost() {
    await client.get("/api/v1/me");
    spoil({ access: "stale" });
    const me = await client.get("/api/v1/me");
    return { kind: me.account.kind, logins };
  },
  async refreshRefused() {
    await client.get("/api/v1/me");
    spoil({ access: "stale", refresh: "xr1.00000000000000000000000000000000.".padEnd(80, "A") });
    return { kind: (await client.get("/api/v1/me")).account.kind, logins };
  },
  async redeem() {
    const before = (await client.get("/api/v1/me/wallet")).balance_points;
    const redeemed = await client.once("redeem", redemptions, { path: { offer_id: facts.offer } });
    const after = (await client.get("/api/v1/me/wallet")).balance_points;
    return { spent: before - after, coupon: redeemed.coupon.id, kept: storage.has("xinyi:unfinished:redeem") };
  },
  async resume() {
    const before = (await client.get("/api/v1/me/wallet")).balance_points;
    const impatient = new Client({ baseUrl, request: wxRequest, store: wxStore, signIn: wxSignIn, attempts: 1 });
    const first = await told(impatient.once("redeem", redemptions, { path: { offer_id: facts.offer } }));
    const key = JSON.parse(storage.get("xinyi:unfinished:redeem")).options.key;
    const second = await wxClient(baseUrl).resume("redeem");
    const after = (await client.get("/api/v1/me/wallet")).balance_points;
    return { first, key, coupon: second.coupon.id, spent: before - after, kept: storage.has("xinyi:unfinished:redeem"),
             none: client.resume("redeem") };
  },
  async refused() {
    const refused = await told(client.once("redeem", redemptions, { path: { offer_id: newKey() } }));
    return { refused, kept: storage.has("xinyi:unfinished:redeem") };
  },
  async waits() {
    await client.get("/api/v1/me");
    const begun = Date.now();
    const me = await client.get("/api/v1/me");
    return { seconds: (Date.now() - begun) / 1000, kind: me.account.kind };
  },
  async tooLong() {
    await client.get("/api/v1/me");
    return told(client.get("/api/v1/me"));
  },
  async unkeyed() {
    await client.get("/api/v1/me");
    return told(client.post("/api/v1/me/presentation-codes", { body: { purpose: "offer" } }));
  },
  async badge() {
    const scanned = (url) => scannedCode(encodeURIComponent(url), facts.printed);
    const code = scanned(`${facts.printed}/m/${facts.merchant}`);
    const badge = await client.get("/api/v1/merchants/{public_code}", { path: { public_code: code } });
    const bad = [undefined, "", "%", "%E0%A4%A", scanned("https://evil.example/m/" + facts.merchant), "x".repeat(9999)];
    return {
      code, name: badge.name,
      none: [...bad.slice(0, 4).map((q) => scannedCode(q, facts.printed)), bad[4], scannedCode(bad[5], facts.printed),
             scanned(`${facts.printed}/m/`), scanned(`${facts.printed}/m/../admin`), scanned(`${facts.printed}/x/${facts.merchant}`)],
      withTail: scanned(`${facts.printed}/m/${facts.merchant}?from=poster#top`),
    };
  },
  async keys() {
    const made = Array.from({ length: 1000 }, newKey);
    const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    return { distinct: new Set(made).size, formed: made.every((key) => form.test(key)) };
  },
};
console.log(JSON.stringify(await STEPS[step]()));
