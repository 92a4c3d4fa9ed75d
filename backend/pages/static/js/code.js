// 读懂一个 XY1: 码：base45（RFC 9285）→ COSE_Sign1（RFC 9052）→ CWT（RFC 8392）。
// 只认平台自己写出的那一种形状；签名没有验过之前，不解析载荷。

export class Refused extends Error {
  constructor(reason, said = {}) {
    super(reason);
    this.verdict = { verdict: "refused", reason, ...said };
  }
}

const PREFIX = "XY1:";
const MOST_CHARACTERS = 262;
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const ISSUED_AHEAD_SECONDS = 60;
export const CLAIM = { iss: 1, exp: 4, iat: 6, cti: 7, scope: 9, ours: -65537 };

export function base45(text) {
  const digits = Array.from(text, (sign) => ALPHABET.indexOf(sign));
  if (digits.includes(-1) || digits.length % 3 === 1) throw new Refused("code-not-verified");
  const bytes = [];
  for (let at = 0; at < digits.length; at += 3) {
    const [first, second, third] = digits.slice(at, at + 3);
    const value = first + second * 45 + (third ?? 0) * 2025;
    if (value > (third === undefined ? 0xff : 0xffff)) throw new Refused("code-not-verified");
    if (third !== undefined) bytes.push(value >> 8);
    bytes.push(value & 0xff);
  }
  return new Uint8Array(bytes);
}

export function base64url(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/").replace(/=+$/, ""));
  return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
}

// CBOR 的一个小角落：整数、字节串、文本、数组、映射，长度都写明，深度有限。
export function cbor(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const refuse = () => {
    throw new Refused("code-not-verified");
  };
  const need = (count) => {
    if (at + count > bytes.length) refuse();
  };
  function argument(info) {
    if (info < 24) return info;
    const size = { 24: 1, 25: 2, 26: 4, 27: 8 }[info] ?? refuse();
    need(size);
    const value =
      size === 1
        ? view.getUint8(at)
        : size === 2
          ? view.getUint16(at)
          : size === 4
            ? view.getUint32(at)
            : Number(view.getBigUint64(at));
    at += size;
    return Number.isSafeInteger(value) ? value : refuse();
  }
  function item(depth) {
    if (depth > 4) refuse();
    need(1);
    const head = bytes[at++];
    const kind = head >> 5;
    const value = argument(head & 31);
    if (kind === 0) return value;
    if (kind === 1) return -1 - value;
    if (kind === 2 || kind === 3) {
      need(value);
      const slice = bytes.slice(at, at + value);
      at += value;
      if (kind === 2) return slice;
      try {
        return new TextDecoder("utf-8", { fatal: true }).decode(slice);
      } catch {
        return refuse();
      }
    }
    if (kind === 4) {
      need(value);
      return Array.from({ length: value }, () => item(depth + 1));
    }
    if (kind === 5) {
      need(value * 2);
      const map = new Map();
      for (let n = 0; n < value; n += 1) {
        const key = item(depth + 1);
        if (typeof key === "object" || map.has(key)) refuse();
        map.set(key, item(depth + 1));
      }
      return map;
    }
    return refuse();
  }
  const whole = item(0);
  return at === bytes.length ? whole : refuse();
}

const PROTECTED = [0xa2, 0x01, 0x27, 0x04, 0x43];

// 拆开一个码，还没有验证：密钥编号、受保护头、载荷、签名。
export function frame(code) {
  const text = code.trim().toUpperCase();
  if (text.length > MOST_CHARACTERS || !text.startsWith(PREFIX)) throw new Refused("code-not-verified");
  const bytes = base45(text.slice(PREFIX.length));
  const refuse = () => {
    throw new Refused("code-not-verified");
  };
  if (bytes.length < 80 || bytes[0] !== 0xd2 || bytes[1] !== 0x84 || bytes[2] !== 0x48) refuse();
  if (PROTECTED.some((byte, at) => bytes[3 + at] !== byte) || bytes[11] !== 0xa0) refuse();
  const kid = String.fromCharCode(...bytes.slice(8, 11));
  if (!/^[ckp][0-9A-Za-z]{2}$/.test(kid)) refuse();
  const long = bytes[12] === 0x58;
  const length = long ? bytes[13] : bytes[12] - 0x40;
  if (length < (long ? 24 : 0) || (!long && length > 23)) refuse();
  const start = long ? 14 : 13;
  const end = start + length;
  if (bytes.length !== end + 66 || bytes[end] !== 0x58 || bytes[end + 1] !== 0x40) refuse();
  return {
    kid,
    protectedHeader: bytes.slice(3, 11),
    payload: bytes.slice(start, end),
    signature: bytes.slice(end + 2),
  };
}

// 签名所覆盖的：["Signature1", protected, h'', payload]
export function toBeSigned({ protectedHeader, payload }) {
  const head = payload.length < 24 ? [0x40 + payload.length] : [0x58, payload.length];
  return new Uint8Array([
    0x84,
    0x6a,
    ...new TextEncoder().encode("Signature1"),
    0x48,
    ...protectedHeader,
    0x40,
    ...head,
    ...payload,
  ]);
}

export async function importKey(jwk) {
  return crypto.subtle.importKey("raw", base64url(jwk.x), { name: "Ed25519" }, false, ["verify"]);
}

export const verifies = (key, signature, data) => crypto.subtle.verify({ name: "Ed25519" }, key, signature, data);

// 一个券码的内容：签名与时间都验过。keys: Map(kid → CryptoKey)；now: 秒。
export async function readCoupon(code, keys, now) {
  const parts = frame(code);
  if (parts.kid[0] !== "c") throw new Refused("online-only");
  const key = keys.get(parts.kid);
  if (!key || !(await verifies(key, parts.signature, toBeSigned(parts)))) throw new Refused("code-not-verified");
  const claims = couponClaims(cbor(parts.payload));
  if (claims.iat > now + ISSUED_AHEAD_SECONDS) throw new Refused("code-not-verified");
  if (now >= claims.exp) throw new Refused("code-expired");
  return claims;
}

const isTime = (value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32;

function couponClaims(map) {
  const wanted = Object.values(CLAIM);
  if (!(map instanceof Map) || map.size !== wanted.length || !wanted.every((claim) => map.has(claim)))
    throw new Refused("code-not-verified");
  const exp = map.get(CLAIM.exp),
    iat = map.get(CLAIM.iat),
    scope = map.get(CLAIM.scope),
    ours = map.get(CLAIM.ours);
  const good =
    isTime(exp) &&
    isTime(iat) &&
    scope instanceof Uint8Array &&
    scope.length === 16 &&
    Array.isArray(ours) &&
    ours.length >= 1 &&
    ours.length <= 2 &&
    (ours.length === 1 || isTime(ours[1]));
  if (!good) throw new Refused("code-not-verified");
  return { exp, iat, offerId: uuid(scope), status: ours.length === 2 ? ours[1] : null };
}

export function uuid(bytes) {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
