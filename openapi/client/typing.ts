/** 编译时的检查：写错的路径、参数、正文和缺少的幂等键都过不了 tsc。没有代码会运行这里。 */
import type { Client } from "./client.js";

export async function typed(client: Client): Promise<void> {
  const wallet: number = (await client.get("/api/v1/me/wallet")).balance_points;
  const offer = await client.get("/api/v1/perks/offers/{offer_id}", { path: { offer_id: "x" } });
  const nothing: undefined = await client.post("/api/v1/auth/logout");
  await client.post("/api/v1/perks/offers/{offer_id}/redemptions", { path: { offer_id: offer.id }, key: "k" });
  // @ts-expect-error 没有这个地址
  await client.get("/api/v1/me/walet");
  // @ts-expect-error 这个地址没有 POST
  await client.post("/api/v1/me/wallet");
  // @ts-expect-error 缺少路径参数
  await client.get("/api/v1/perks/offers/{offer_id}");
  // @ts-expect-error 缺少幂等键
  await client.post("/api/v1/perks/offers/{offer_id}/redemptions", { path: { offer_id: "x" } });
  // @ts-expect-error 正文缺少字段
  await client.post("/api/v1/auth/wechat", { body: {} });
  // @ts-expect-error 没有这个查询参数
  await client.get("/api/v1/perks/offers", { query: { colour: "red" } });
  // @ts-expect-error 余额是数字
  const text: string = (await client.get("/api/v1/me/wallet")).balance_points;
  void [wallet, nothing, text];
}
