import { isProblem, UnreachableError, type Slug } from "../../../client.js";
import { client } from "../../app.js";

/** 每种拒绝对用户说什么；没有列出的用服务端给的中文说明。 */
const SAID: Partial<Record<Slug, string>> = {
  "identity-not-bound": "请先完成实名绑定",
  "sold-out": "已经兑完了",
  "not-enough-points": "积分不够",
};

type Offers = Awaited<ReturnType<typeof load>>;
async function load() {
  const page = await client.get("/api/v1/perks/offers", { query: { entitled: true, limit: 20 } });
  return page.items;
}

Page({
  data: { offers: [] as Offers, said: "" },

  async onShow() {
    try {
      this.setData({ offers: await load(), said: "" });
    } catch (error) {
      this.setData({ said: words(error) });
    }
  },

  /** 兑换：幂等键先存进 wx 存储再发送；答复丢了就用同一个键重发，绝不兑两次。 */
  async onRedeem(event: WechatMiniprogram.TouchEvent) {
    const offer_id = String(event.currentTarget.dataset["id"]);
    try {
      const redeemed = await client.once("redeem", "/api/v1/perks/offers/{offer_id}/redemptions", { path: { offer_id } });
      this.setData({ said: `已兑换，有效期至 ${redeemed.coupon.valid_until}` });
    } catch (error) {
      this.setData({ said: words(error) });
    }
  },
});

function words(error: unknown): string {
  if (isProblem(error, "rate-limited")) return `操作太频繁，请 ${error.retryAfterSeconds ?? 60} 秒后再试`;
  if (isProblem(error)) return SAID[error.slug as Slug] ?? error.message;
  return error instanceof UnreachableError ? error.message : "出错了，请稍后再试";
}
