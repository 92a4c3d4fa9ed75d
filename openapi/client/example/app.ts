import { wxClient } from "../wechat.js";

/** 对外地址，与服务端的 XINYI_PUBLIC_BASE_URL 一致，并在小程序后台登记为 request 合法域名。 */
export const BASE_URL = "https://xinyi.example.cn";
export const client = wxClient(BASE_URL);

App({
  onLaunch() {
    // 上次没有等到结果的兑换：用保存的同一个幂等键接着办，不会办两次。
    client.resume("redeem")?.catch(() => undefined);
  },
});
