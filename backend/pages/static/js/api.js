// 公开接口的客户端。令牌只放在 sessionStorage；没有 cookie。小程序能做的，这里一样做。

export class Problem extends Error {
  constructor(body, status) {
    super(body.title ?? `HTTP ${status}`);
    Object.assign(this, body, { status });
    this.slug = (body.type ?? "").replace("/problems/", "");
  }
}

export class Unreachable extends Error {
  constructor() {
    super("网络不通，没有收到答复");
    this.title = "网络不通，没有收到答复";
    this.detail = "请检查网络后重试。重试不会重复办理。";
  }
}

const RETRY_AFTER_MS = [400, 1500];
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// 代办时也仍是自己的事：账号、会话、代办关系本身。
const OWN = /^\/(me$|auth\/|me\/(delegations|identity|recovery|sessions)|delegations|identity\/)/;

const ACCEPTED = { Accept: "application/json, application/problem+json", "Accept-Language": "zh-CN" };

function addressOf(path, query) {
  const url = new URL(path.startsWith("/api/") ? path : `/api/v1${path}`, location.origin);
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== null && value !== undefined) url.searchParams.set(name, value);
  return url;
}

export class Client {
  #refreshing = null;
  #reads = new AbortController();
  onBehalfOf = null; // 正在替谁办（resident_id）

  constructor(name) {
    this.slot = `xinyi.${name}`;
    this.onSignedOut = () => {};
  }

  get session() {
    return JSON.parse(sessionStorage.getItem(this.slot) ?? "null");
  }

  set session(tokens) {
    if (tokens) sessionStorage.setItem(this.slot, JSON.stringify(tokens));
    else sessionStorage.removeItem(this.slot);
  }

  get account() {
    return this.session?.account ?? null;
  }

  async signIn(path, body) {
    const response = await this.#send("POST", path, { body, anonymous: true });
    this.session = await this.#read(response);
    return this.account;
  }

  async signOut() {
    try {
      if (this.session) await this.call("POST", "/auth/logout");
    } catch {
      // 令牌已经失效也罢，网络不通也罢：本机都不再保留
    } finally {
      this.session = null;
    }
  }

  get(path, query) {
    return this.call("GET", path, { query });
  }

  // 不再要还没有答复的读取（下载除外）。
  dropReads() {
    this.#reads.abort();
    this.#reads = new AbortController();
  }

  // 取完一个列表的全部各页。
  async all(path, query = {}, most = 500) {
    const items = [];
    let cursor = null;
    do {
      const page = await this.get(path, { limit: 100, ...query, ...(cursor ? { cursor } : {}) });
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor && items.length < most);
    return items;
  }

  async call(method, path, options = {}) {
    let response = await this.#send(method, path, options);
    if (response.status === 401 && !options.anonymous && this.session && (await this.#refresh()))
      response = await this.#send(method, path, options);
    if (response.status === 401 && !options.anonymous) {
      this.session = null;
      this.onSignedOut();
    }
    return options.blob && response.ok ? response.blob() : this.#read(response);
  }

  // 幂等的办理：键在发送之前生成并保存，没有收到答复时用同一个键重发，直到有了答复。
  // 按同一个按钮再试，也还是同一个键，所以不会办两次。
  async keyed(method, path, body, { key, retries = RETRY_AFTER_MS } = {}) {
    const slot = `${this.slot}.pending.${this.onBehalfOf ?? ""}${method} ${path} ${JSON.stringify(body ?? null)}`;
    const mine = key ?? sessionStorage.getItem(slot) ?? crypto.randomUUID();
    if (!key) sessionStorage.setItem(slot, mine); // 自带键的，由调用的一方保存；内容不进 sessionStorage
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await this.call(method, path, { body, key: mine });
        sessionStorage.removeItem(slot);
        return answer;
      } catch (error) {
        const unsettled = error instanceof Unreachable || (error instanceof Problem && error.status >= 500);
        if (!unsettled) sessionStorage.removeItem(slot);
        if (!unsettled || attempt >= retries.length) throw error;
        await wait(retries[attempt]);
      }
    }
  }

  async upload(file) {
    const form = new FormData();
    form.append("file", file);
    return this.call("POST", "/files", { form });
  }

  // 文件原样就是请求体，边送边报进度（fetch 报不了）。键由调用的一方保存，没有收到答复时用同一个键再送。
  async sendFile(path, options) {
    let response = await this.#sendFile(path, options);
    if (response.status === 401 && this.session && (await this.#refresh()))
      response = await this.#sendFile(path, options);
    if (response.status === 401) {
      this.session = null;
      this.onSignedOut();
    }
    return this.#read(response);
  }

  #sendFile(path, { query, file, type, key, progress, signal }) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", addressOf(path, query));
      const told = { ...ACCEPTED, Authorization: `Bearer ${this.session.access_token}`, "Content-Type": type };
      for (const [name, value] of Object.entries({ ...told, "Idempotency-Key": key }))
        request.setRequestHeader(name, value);
      request.upload.addEventListener("progress", (event) => progress(event.total ? event.loaded / event.total : 1));
      request.addEventListener("load", () =>
        resolve(new Response(request.responseText, { status: request.status })),
      );
      for (const broken of ["error", "abort", "timeout"])
        request.addEventListener(broken, () => reject(new Unreachable()));
      signal.addEventListener("abort", () => request.abort());
      request.send(file);
    });
  }

  async #send(method, path, { body, form, query, key, anonymous, blob, headers: more, timeoutMs = 20000 } = {}) {
    const url = addressOf(path, query);
    const headers = { ...ACCEPTED, ...more };
    if (!anonymous && this.session) headers.Authorization = `Bearer ${this.session.access_token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    if (this.onBehalfOf && !anonymous && !OWN.test(path)) headers["On-Behalf-Of"] = this.onBehalfOf;
    const ends = [AbortSignal.timeout(timeoutMs)];
    if (method === "GET" && !blob) ends.push(this.#reads.signal);
    try {
      return await fetch(url, {
        method,
        headers,
        body: form ?? (body === undefined ? undefined : JSON.stringify(body)),
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.any?.(ends) ?? ends[0],
      });
    } catch {
      throw new Unreachable();
    }
  }

  async #read(response) {
    if (response.status === 204) return null;
    let body;
    try {
      body = await response.json();
    } catch {
      if (response.ok) throw new Unreachable(); // 答复在半路断了：当作没有收到
      body = { title: `服务器答复 ${response.status}` };
    }
    if (!response.ok) throw new Problem(body, response.status);
    return body;
  }

  // 刷新令牌只能用一次，同时到来的几个 401 只刷新一次。
  #refresh() {
    this.#refreshing ??= this.#renew().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #renew() {
    const response = await this.#send("POST", "/auth/refresh", {
      body: { refresh_token: this.session.refresh_token },
      anonymous: true,
    });
    if (!response.ok) {
      this.session = null;
      return false;
    }
    this.session = await this.#read(response);
    return true;
  }
}
