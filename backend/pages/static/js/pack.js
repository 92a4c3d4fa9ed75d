// 断网时的判断：一份离线包、一个码、一个时间、本机此后放行过什么 → 结论。与参考实现守同一组用例。
// 时间从不取自本机时钟：由 server_time 加上单调时钟走过的量而来，由调用者给出。
// 不知道、过期、查不到，一律“不放行”，绝不当作有效。

import { Refused, base64url, importKey, readCoupon, verifies } from "./code.js";

const STATUS_BITS = 2 ** 20;

export class Since {
  constructor() {
    this.byStatus = new Map();
    this.byOffer = new Map();
  }

  count({ status, offer_id }) {
    this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + 1);
    this.byOffer.set(offer_id, (this.byOffer.get(offer_id) ?? 0) + 1);
  }
}

export class OfflineVerifier {
  static async open(pack) {
    const self = new OfflineVerifier();
    self.serverTime = Date.parse(pack.server_time);
    self.validUntil = Date.parse(pack.valid_until);
    self.offers = new Map(pack.offers.map((offer) => [offer.id, offer]));
    self.used = new Map(pack.used.map((row) => [row.status, row]));
    self.keys = new Map();
    for (const key of pack.keys) if (key.crv === "Ed25519") self.keys.set(key.kid, await importKey(key));
    self.lists = [];
    for (const token of pack.status_lists) self.lists.push(await self.#openList(token));
    return self;
  }

  // 一份撤销列表何时失效、它的比特；不是由包里的状态密钥签的，就是 null。
  async #openList(token) {
    try {
      const [header64, claims64, signature64] = token.split(".");
      const json = (part) => JSON.parse(new TextDecoder().decode(base64url(part)));
      const header = json(header64);
      if (header.typ !== "statuslist+jwt" || header.alg !== "EdDSA" || header.kid[0] !== "s") return null;
      const signedText = new TextEncoder().encode(`${header64}.${claims64}`);
      if (!(await verifies(this.keys.get(header.kid), base64url(signature64), signedText))) return null;
      const claims = json(claims64);
      if (claims.status_list.bits !== 1 || !Number.isInteger(claims.exp)) return null;
      return { exp: claims.exp, bits: await inflate(base64url(claims.status_list.lst)) };
    } catch {
      return null;
    }
  }

  // now: 毫秒。只判断，不计数；放行以后由调用者 since.count(verdict)。
  async judge(code, now, since = new Since()) {
    try {
      return await this.#judge(code, now, since);
    } catch (error) {
      if (error instanceof Refused) return error.verdict;
      throw error;
    }
  }

  async #judge(code, now, since) {
    if (!(this.serverTime <= now && now < this.validUntil)) throw new Refused("pack-stale");
    const claims = await readCoupon(code, this.keys, Math.floor(now / 1000));
    const offer = this.offers.get(claims.offerId);
    if (!offer) throw new Refused("not-your-offer");
    const about = { offer_id: claims.offerId, title: offer.title };
    if (!mayBeOffline(offer)) throw new Refused("offline-not-allowed", about);
    const left = this.#usesLeft(claims.status, offer, since, now, about);
    if (!withinLimit(offer, (since.byOffer.get(claims.offerId) ?? 0) + 1)) throw new Refused("offline-limit", about);
    return { verdict: "valid", reason: "", ...about, uses_left: left, status: claims.status };
  }

  #usesLeft(status, offer, since, now, about) {
    if (status === null) throw new Refused("status-unknown", about);
    const row = this.used.get(status);
    const gone = (row?.used ?? 0) + (since.byStatus.get(status) ?? 0);
    if (gone >= offer.uses) throw new Refused("already-used", { ...about, used_at: row?.last_used_at ?? null });
    if (this.#revoked(status, now, about)) throw new Refused("revoked", about);
    return offer.uses - gone;
  }

  #revoked(status, now, about) {
    const list = this.lists[Math.floor(status / STATUS_BITS)];
    const index = status % STATUS_BITS;
    if (!list || now / 1000 >= list.exp || index >= list.bits.length * 8) throw new Refused("status-unknown", about);
    return Boolean((list.bits[index >> 3] >> (index & 7)) & 1);
  }
}

// 按价值限额的，先要知道用一次值多少；不知道的不离线放行。
function mayBeOffline({ offline, value_fen: valueFen }) {
  return offline.mode === "uses" || (offline.mode === "value" && valueFen > 0);
}

// 自这份包以来、连同这一次，本机放行这项优惠的次数是否还在限额之内。
function withinLimit({ offline, value_fen: valueFen }, admitted) {
  return offline.mode === "value" ? admitted * valueFen <= offline.max_value_fen : admitted <= offline.max_uses;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// 服务器的时间：从收到它的那一刻起由单调时钟推算。设备休眠时单调时钟可能停走，所以墙上时钟走得更多时从其多者：
// 把时间往后拨只会更早失效；往前拨没有用。
export class ServerClock {
  constructor(serverTime) {
    this.serverTime = Date.parse(serverTime);
    this.monotonic = performance.now();
    this.wall = Date.now();
  }

  elapsedMs() {
    return Math.max(performance.now() - this.monotonic, Date.now() - this.wall);
  }

  now() {
    return this.serverTime + this.elapsedMs();
  }
}

export const REASONS = {
  "pack-stale": "离线包已过期，请联网更新后再判断",
  "no-pack": "本机还没有离线包，断网时不能判断",
  "code-not-verified": "不是本平台签发的码，或内容被改动、扫描不完整",
  "online-only": "这种码只能联网核验",
  "code-expired": "二维码已过期，请对方刷新后重新出示",
  "not-your-offer": "不是本场馆的优惠",
  "offline-not-allowed": "这项优惠不允许离线放行，请联网核验",
  "status-unknown": "查不到这张券的状态，不能放行",
  "already-used": "该券的次数已用完",
  revoked: "该券已取消或已用完，不再有效",
  "offline-limit": "本机离线放行已达上限，请联网上传后再继续",
};
