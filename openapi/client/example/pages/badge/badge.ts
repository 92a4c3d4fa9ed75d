import { isProblem } from "../../../client.js";
import { scannedCode } from "../../../wechat.js";
import { BASE_URL, client } from "../../app.js";

Page({
  data: { name: "", grade: "", said: "" },

  /** 扫商户的信用码进来：整个网址编码后在 q 里。 */
  async onLoad(query: Record<string, string | undefined>) {
    const public_code = scannedCode(query["q"], BASE_URL);
    if (public_code === null) {
      this.setData({ said: "这不是本系统的信用码" });
      return;
    }
    try {
      const badge = await client.get("/api/v1/merchants/{public_code}", { path: { public_code } });
      this.setData({ name: badge.name, grade: badge.grade?.name ?? "" });
    } catch (error) {
      this.setData({ said: isProblem(error) && error.status < 500 ? error.message : "暂时读不到，请稍后再试" });
    }
  },
});
