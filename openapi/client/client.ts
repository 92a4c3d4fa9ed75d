/**
 * 信易+ 接口的一层薄薄的客户端。类型全部来自 schema.d.ts（由 openapi.json 生成），网络由调用方给入，
 * 所以小程序（wx.request）和浏览器、Node（fetch）用同一份代码。
 *
 * What it does beside typing: bearer tokens with a single refresh in flight, ten requests at once at most (WeChat's
 * limit), and repeats that change nothing twice: reads, and writes that carry an Idempotency-Key made by the caller.
 */
import type { components, paths } from "./schema.js";

export type Verb = "get" | "post" | "put" | "delete";
export type Tokens = components["schemas"]["TokensView"];
export type ProblemType = components["schemas"]["ProblemType"];
/** The last part of a problem's type: `sold-out`, `rate-limited`, … */
export type Slug = ProblemType extends `/problems/${infer S}` ? S : never;
export type Problem = components["schemas"]["Problem"] & { [member: string]: unknown };

export interface Sent {
  url: string;
  method: string;
  headers: Record<string, string>;
  body?: string;
  timeoutMs: number;
}
export interface Received {
  status: number;
  /** Names in any case. */
  headers: Record<string, string>;
  body: string;
}
/** Sends one request. Resolves with any status; rejects only when no answer came. */
export type Request = (sent: Sent) => Promise<Received>;
/** Where tokens and unfinished acts are kept. `wx.setStorageSync` and `localStorage` both fit. */
export interface Store {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
}

/** The server said no. `problem.slug` tells why; `retryAfterSeconds` when it says when. */
export class ProblemError extends Error {
  readonly slug: Slug | (string & {});
  constructor(readonly problem: Problem, readonly status: number, readonly retryAfterSeconds: number | null) {
    super(problem.detail ?? problem.title);
    this.name = "ProblemError";
    this.slug = (problem.type ?? "").replace(/^.*\/problems\//, "");
  }
}
/** No answer came. Whether the act was carried out is not known: repeat it with the same key. */
export class UnreachableError extends Error {
  constructor(readonly cause: unknown) {
    super("没有收到答复，请检查网络后重试");
    this.name = "UnreachableError";
  }
}
export function isProblem(error: unknown, ...slugs: Slug[]): error is ProblemError {
  return error instanceof ProblemError && (slugs.length === 0 || (slugs as string[]).includes(error.slug));
}

type Operation<P extends keyof paths, V extends Verb> = paths[P] extends { [K in V]: infer O } ? O : never;
type Paths<V extends Verb> = {
  [P in keyof paths]: paths[P] extends { [K in V]: { responses: unknown } } ? P : never;
}[keyof paths];
type Answer<O> = O extends { responses: infer R }
  ? { [S in keyof R]: S extends 200 | 201 | 202 ? (R[S] extends { content: { "application/json": infer B } } ? B : undefined) : S extends 204 ? undefined : never }[keyof R]
  : never;
type Body<O> = O extends { requestBody: { content: { "application/json": infer B } } }
  ? { body: B }
  : O extends { requestBody?: { content: { "application/json": infer B } } }
    ? { body?: B }
    : { body?: never };
type Part<O, K extends string> = O extends { parameters: { [N in K]: infer T } }
  ? { [N in K]: T }
  : O extends { parameters: { [N in K]?: infer T } }
    ? { [N in K]?: NonNullable<T> }
    : { [N in K]?: never };
type Keyed<O> = O extends { parameters: { header: { "Idempotency-Key": string } } } ? { key: string } : { key?: never };
/** What a call takes: path parameters, query, body, and the key where the operation asks for one. */
export type Options<O> = Part<O, "path"> & Part<O, "query"> & Body<O> & Keyed<O>;
type Given<O> = {} extends Options<O> ? [options?: Options<O>] : [options: Options<O>];

interface Plain {
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  key?: string;
}
/** An act that was begun and whose end is not known yet. */
interface Unfinished {
  verb: Verb;
  path: string;
  options: Plain & { key: string };
}

export interface Settings {
  /** `https://…` without a path. */
  baseUrl: string;
  request: Request;
  store: Store;
  /** Sign in anew (`wx.login` → POST /auth/wechat). Called when there are no tokens, or they no longer serve. */
  signIn: (client: Client) => Promise<Tokens>;
  parallel?: number;
  attempts?: number;
  timeoutMs?: number;
  language?: "zh-CN" | "en";
  wait?: (milliseconds: number) => Promise<void>;
  now?: () => number;
}

const TOKENS = "xinyi:tokens";
const UNFINISHED = "xinyi:unfinished:";
/** Longer waits are the person's to decide: the error says when. */
const LONGEST_WAIT_SECONDS = 30;
const RENEW_BEFORE_MS = 30_000;

export class Client {
  private readonly free: Array<() => void> = [];
  private running = 0;
  private renewal: Promise<string> | null = null;
  private readonly own: Required<Omit<Settings, "request" | "store" | "signIn" | "baseUrl">>;

  constructor(private readonly settings: Settings) {
    const wait = (milliseconds: number) => new Promise<void>((done) => void setTimeout(done, milliseconds));
    this.own = {
      parallel: settings.parallel ?? 10, attempts: settings.attempts ?? 4, timeoutMs: settings.timeoutMs ?? 30_000,
      language: settings.language ?? "zh-CN", wait: settings.wait ?? wait, now: settings.now ?? Date.now,
    };
  }

  get<P extends Paths<"get">>(path: P, ...given: Given<Operation<P, "get">>): Promise<Answer<Operation<P, "get">>> {
    return this.call("get", path, given[0] as Plain) as Promise<Answer<Operation<P, "get">>>;
  }
  post<P extends Paths<"post">>(path: P, ...given: Given<Operation<P, "post">>): Promise<Answer<Operation<P, "post">>> {
    return this.call("post", path, given[0] as Plain) as Promise<Answer<Operation<P, "post">>>;
  }
  put<P extends Paths<"put">>(path: P, ...given: Given<Operation<P, "put">>): Promise<Answer<Operation<P, "put">>> {
    return this.call("put", path, given[0] as Plain) as Promise<Answer<Operation<P, "put">>>;
  }

  /**
   * Do something once, even if the app is closed meanwhile. The key is kept under `name` **before** sending; when the
   * end is not known the same request is sent again with the same key: at once with pauses, and by {@link resume}.
   */
  once<P extends Paths<"post">>(
    name: string, path: P, options: Omit<Options<Operation<P, "post">>, "key">,
  ): Promise<Answer<Operation<P, "post">>> {
    const kept = this.settings.store.get(UNFINISHED + name);
    const act: Unfinished = kept
      ? (JSON.parse(kept) as Unfinished)
      : { verb: "post", path, options: { ...(options as Plain), key: newKey() } };
    this.settings.store.set(UNFINISHED + name, JSON.stringify(act));
    return this.finish(name, act) as Promise<Answer<Operation<P, "post">>>;
  }

  /** Go on with an act of {@link once} whose end is not known; null when there is none. */
  resume(name: string): Promise<unknown> | null {
    const kept = this.settings.store.get(UNFINISHED + name);
    return kept ? this.finish(name, JSON.parse(kept) as Unfinished) : null;
  }

  private async finish(name: string, act: Unfinished): Promise<unknown> {
    try {
      const answer = await this.call(act.verb, act.path, act.options);
      this.settings.store.remove(UNFINISHED + name);
      return answer;
    } catch (error) {
      if (error instanceof ProblemError && error.status < 500 && error.status !== 429 && error.status !== 401) {
        this.settings.store.remove(UNFINISHED + name); // a refusal is an end: the same request would be refused again
      }
      throw error;
    }
  }

  /** Keep what a sign-in gave. */
  keep(tokens: Tokens): string {
    const endsAt = this.own.now() + tokens.expires_in * 1000;
    this.settings.store.set(TOKENS, JSON.stringify({ access: tokens.access_token, refresh: tokens.refresh_token, endsAt }));
    return tokens.access_token;
  }
  /** Forget who is signed in. */
  forget(): void {
    this.settings.store.remove(TOKENS);
  }

  private async call(verb: Verb, path: string, options: Plain = {}): Promise<unknown> {
    const open = path.startsWith("/api/v1/auth/") && path !== "/api/v1/auth/logout";
    let token = open ? "" : await this.token();
    let renewed = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.send(verb, path, options, token);
      } catch (error) {
        if (!open && !renewed && isProblem(error, "not-signed-in")) {
          renewed = true;
          token = await this.renew(token);
          continue;
        }
        const pause = attempt < this.own.attempts ? pauseBefore(error, attempt, verb === "get" || options.key !== undefined) : null;
        if (pause === null) throw error;
        await this.own.wait(pause);
      }
    }
  }

  private async send(verb: Verb, path: string, options: Plain, token: string): Promise<unknown> {
    const headers: Record<string, string> = { Accept: "application/json", "Accept-Language": this.own.language };
    if (token) headers["Authorization"] = `Bearer ${token}`;
    if (options.key !== undefined) headers["Idempotency-Key"] = options.key;
    if (options.body !== undefined) headers["Content-Type"] = "application/json";
    const sent: Sent = {
      url: this.settings.baseUrl + address(path, options), method: verb.toUpperCase(), headers, timeoutMs: this.own.timeoutMs,
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    };
    await this.enter();
    let received: Received;
    try {
      received = await this.settings.request(sent);
    } catch (cause) {
      throw new UnreachableError(cause);
    } finally {
      this.leave();
    }
    return read(received);
  }

  private async token(): Promise<string> {
    const kept = this.tokens();
    return kept && kept.endsAt - RENEW_BEFORE_MS > this.own.now() ? kept.access : this.renew(kept?.access ?? "");
  }
  private tokens(): { access: string; refresh: string; endsAt: number } | null {
    const kept = this.settings.store.get(TOKENS);
    return kept ? (JSON.parse(kept) as { access: string; refresh: string; endsAt: number }) : null;
  }

  /** Another token than `refused`. However many calls ask at once, one exchange is made and all of them wait for it. */
  private renew(refused: string): Promise<string> {
    const kept = this.tokens();
    if (kept && kept.access !== refused && this.renewal === null) return Promise.resolve(kept.access);
    this.renewal ??= this.exchange(kept?.refresh ?? "").finally(() => {
      this.renewal = null;
    });
    return this.renewal;
  }
  /**
   * A refresh token works once, and one that comes twice ends the session. So it is forgotten before it is sent, and
   * whatever goes wrong (a lost answer too) leads to a new sign-in, never to a second use.
   */
  private async exchange(refresh: string): Promise<string> {
    this.forget();
    if (refresh) {
      try {
        return this.keep((await this.send("post", "/api/v1/auth/refresh", { body: { refresh_token: refresh } }, "")) as Tokens);
      } catch (error) {
        if (!(error instanceof UnreachableError) && !isProblem(error)) throw error;
      }
    }
    return this.keep(await this.settings.signIn(this));
  }

  private async enter(): Promise<void> {
    if (this.running >= this.own.parallel) await new Promise<void>((go) => this.free.push(go));
    else this.running += 1;
  }
  private leave(): void {
    const next = this.free.shift();
    if (next) next();
    else this.running -= 1;
  }
}

/** A UUID for an act, made by the caller before sending. It must be unique, not secret. */
export function newKey(): string {
  return "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replace(/[xy]/g, (mark) => {
    const digit = Math.floor(Math.random() * 16);
    return (mark === "x" ? digit : (digit & 3) | 8).toString(16);
  });
}

/** Milliseconds before the next attempt; null when repeating would be wrong or too long to wait for. */
function pauseBefore(error: unknown, attempt: number, repeatable: boolean): number | null {
  const growing = 400 * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  if (error instanceof UnreachableError) return repeatable ? growing : null;
  if (!(error instanceof ProblemError)) return null;
  const { status, slug, retryAfterSeconds: asked } = error;
  const nothingChanged = ["rate-limited", "try-again", "deadline-exceeded"].includes(slug);
  if (!nothingChanged && !(repeatable && [502, 503, 504].includes(status))) return null;
  if (asked !== null && asked > LONGEST_WAIT_SECONDS) return null;
  return asked === null ? growing : Math.max(asked * 1000, growing);
}

function address(path: string, options: Plain): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(options.path?.[name])));
  const query = Object.entries(options.query ?? {})
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return filled + (query.length ? `?${query.join("&")}` : "");
}

/** The answer's JSON. Anything that is no JSON of ours (a proxy's page) is a problem of its status. */
function read(received: Received): unknown {
  const ok = received.status >= 200 && received.status < 300;
  if (received.status === 204) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(received.body);
  } catch {
    document = undefined;
  }
  if (ok && document !== undefined) return document;
  const problem = (document ?? { type: "about:blank", title: `HTTP ${received.status}`, status: received.status, instance: "" }) as Problem;
  const after = Object.entries(received.headers).find(([name]) => name.toLowerCase() === "retry-after")?.[1];
  throw new ProblemError(problem, ok ? 502 : received.status, after !== undefined && /^\d+$/.test(after) ? Number(after) : null);
}
