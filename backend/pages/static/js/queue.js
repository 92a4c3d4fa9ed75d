// 待上传的放行。每一行的编号就是它的幂等键：在线发出时用它，上传时也用它，同一次放行只会算一次。

import { admissions } from "./store.js";
import { REASONS, Since } from "./pack.js";

const MOST_ROWS = 100;
const WORDS = {
  conflict: "事情已经记下，但按规则不该放行，不结算，待核对",
  refused: "验证不了，没有记为放行",
};

const COUNTED = new Set(["offline", "online"]);

export class Queue {
  constructor(api) {
    this.api = api;
    this.deviceId = null;
    this.uploading = null;
  }

  // 只看本设备的：换过设备的浏览器里，别的设备的记录留给它自己上传。
  rows = async () => (await admissions.all()).filter((row) => row.device_id === this.deviceId);
  keep = (row) => admissions.put({ ...row, device_id: this.deviceId });
  drop = (id) => admissions.forget(id);

  // 自这份离线包制成以来，本机放行（在线或离线）而包里还没有算进去的。
  async since() {
    const since = new Since();
    for (const row of await this.rows()) if (COUNTED.has(row.state) && !row.seen) since.count(row);
    return since;
  }

  // 先上传、后取包：开口要包之前已有结论的，新的离线包都已算进去。
  async markSeen(askedAt) {
    for (const row of await this.rows()) {
      if (row.settledAt > askedAt) continue;
      if (row.state === "online") await this.drop(row.id);
      else if (row.settled && row.verdict === "admitted") await this.drop(row.id);
      else if (row.settled && !row.seen) await this.keep({ ...row, seen: true });
    }
  }

  // 撤销一次离线放行：还没上传的，从本机划掉就是；已经上传的，交给服务器撤销。返回服务器上的编号，或 null。
  async takeBack(id) {
    await this.uploading?.catch(() => {});
    const row = (await this.rows()).find((one) => one.id === id);
    if (row?.settled && row.verdict === "admitted") return row.admission_id;
    await this.drop(id);
    return null;
  }

  upload() {
    this.uploading ??= this.#upload().finally(() => {
      this.uploading = null;
    });
    return this.uploading;
  }

  async #upload() {
    const waiting = (await this.rows()).filter((row) => row.state === "offline" && !row.settled);
    for (let at = 0; at < waiting.length; at += MOST_ROWS) {
      const rows = waiting.slice(at, at + MOST_ROWS);
      const answer = await this.api.call("POST", "/venue/admissions/batch", {
        body: { admissions: rows.map(({ id, code, at: happened }) => ({ id, code, at: happened })) },
      });
      const told = new Map(answer.items.map((item) => [item.id, item]));
      for (const row of rows) await this.#settle(row, told.get(row.id));
    }
  }

  async #settle(row, item) {
    if (!item || item.verdict === "failed") return; // 没有记录：下次再传
    const why = REASONS[item.reason] ?? item.reason ?? "";
    const words = item.verdict === "admitted" ? "" : `${WORDS[item.verdict]}${why ? `（${why}）` : ""}`;
    await this.keep({
      ...row, settled: true, settledAt: Date.now(), verdict: item.verdict, words, admission_id: item.admission_id,
    });
  }
}
