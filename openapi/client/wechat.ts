/** 小程序一侧：wx.request、wx 存储、wx.login，以及扫码参数 q。 */
import { Client, type Received, type Request, type Sent, type Store, type Tokens } from "./client.js";

/** Any HTTP status reaches `success`; `fail` means that no answer came. */
export const wxRequest: Request = (sent: Sent) =>
  new Promise<Received>((resolve, reject) => {
    wx.request({
      url: sent.url,
      method: sent.method as "GET" | "POST" | "PUT" | "DELETE",
      header: sent.headers,
      timeout: sent.timeoutMs,
      dataType: "其他", // 不让 wx 代为解析：正文按原样取回
      responseType: "text",
      ...(sent.body === undefined ? {} : { data: sent.body }),
      success: (answer) =>
        resolve({ status: answer.statusCode, headers: answer.header as Record<string, string>, body: String(answer.data ?? "") }),
      fail: (error) => reject(new Error(error.errMsg)),
    });
  });

export const wxStore: Store = {
  get: (key) => (wx.getStorageSync(key) as string) || null,
  set: (key, value) => wx.setStorageSync(key, value),
  remove: (key) => wx.removeStorageSync(key),
};

/** `wx.login` gives a code that works once, within five minutes; the server exchanges it. */
export async function wxSignIn(client: Client): Promise<Tokens> {
  const code = await new Promise<string>((resolve, reject) => {
    wx.login({ success: (answer) => resolve(answer.code), fail: (error) => reject(new Error(error.errMsg)) });
  });
  return client.post("/api/v1/auth/wechat", { body: { code } });
}

export function wxClient(baseUrl: string): Client {
  return new Client({ baseUrl, request: wxRequest, store: wxStore, signIn: wxSignIn });
}

/**
 * The merchant's public code out of the `q` with which a scanned plain link opens a page: the whole address, encoded.
 * Null for anything else: another host's address, another path, something that is no code.
 */
export function scannedCode(q: string | undefined, baseUrl: string): string | null {
  let url: string;
  try {
    url = decodeURIComponent(q ?? "");
  } catch {
    return null;
  }
  const prefix = `${baseUrl}/m/`;
  const code = url.startsWith(prefix) ? (url.slice(prefix.length).split(/[/?#]/)[0] ?? "") : "";
  return /^[0-9A-Za-z]{10}$/.test(code) ? code.toUpperCase() : null;
}
