// 演示用：由密钥算出动态码（RFC 6238，SHA-1，30 秒，6 位）。真实使用时动态码来自工作人员自己的验证器。

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export function base32(text) {
  let bits = 0,
    value = 0;
  const bytes = [];
  for (const letter of text.replace(/[\s=-]/g, "").toUpperCase()) {
    const at = LETTERS.indexOf(letter);
    if (at < 0) throw new Error("not base32");
    value = (value << 5) | at;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >>> bits) & 255);
    }
    value &= 0xff;
  }
  return new Uint8Array(bytes);
}

export async function totp(secret, at = Date.now()) {
  const key = await crypto.subtle.importKey("raw", base32(secret), { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(Math.floor(at / 30000)));
  const mac = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
  const offset = mac.getUint8(19) & 15;
  return String((mac.getUint32(offset) & 0x7fffffff) % 1e6).padStart(6, "0");
}
