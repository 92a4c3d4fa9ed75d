// 场馆设备的登记与登录：凭登记码，钥匙在本机生成，谁也不能导出；登录时签一个一次性随机数。
// 已有私钥的设备也可以从文件或粘贴导入。

import { Problem } from "./api.js";
import { base64url } from "./code.js";
import { handover } from "./demo.js";
import { button, card, confirm, field, h, isDemo, meta, onSubmit, run, show } from "./dom.js";
import { device as stored, pending } from "./store.js";

// 登记这台设备；登记好了叫 enrolled。
export function showEnrol(api, enrolled) {
  const given = /^#enrol=([0-9A-Za-z-]{1,40})$/.exec(location.hash)?.[1] ?? "";
  if (given) history.replaceState(null, "", location.pathname); // 登记码不留在地址里
  const code = h("input", {
    required: true,
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: false,
    maxLength: 40,
    value: given,
    placeholder: "XXXX-XXXX-XXXX",
  });
  const form = onSubmit(
    h(
      "form",
      { id: "enrol" },
      field("登记码", code, "向本单位管理员要，30 分钟内用一次。钥匙在本机生成，谁也不能导出。"),
      h("button", { type: "submit", class: "main" }, "登记本机"),
    ),
    async () => {
      await enrolByCode(api, code.value);
      await enrolled();
    },
  );
  show(
    isDemo() ? demoDevices(enrolled) : null,
    card("登记这台设备", form),
    h("details", null, h("summary", null, "已有私钥的设备：导入"), importCard(enrolled)),
  );
}

// 钥匙先存好再发送：答复丢了，再按一次还是同一把钥匙，得到同一台设备。
async function enrolByCode(api, typed) {
  const code = typed.normalize("NFKC").replace(/[\s-]/g, "").toUpperCase();
  let mine = await pending.get();
  if (mine?.code !== code) {
    mine = { code, ...(await newKey(code)) };
    await pending.put(mine);
  }
  const made = await api.call("POST", "/auth/device/enrolments", {
    body: { code, public_key_jwk: { kty: "OKP", crv: "Ed25519", x: mine.x }, signature: mine.signature },
    anonymous: true,
  });
  await stored.put({ device_id: made.device_id, label: made.label, key: mine.key });
  await pending.forget();
}

async function newKey(code) {
  let pair;
  try {
    pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
  } catch {
    throw new Problem({ title: "浏览器太旧", detail: "需要支持 Ed25519 的新版浏览器。" }, 0);
  }
  const { x } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const signature = await signed(pair.privateKey, `xinyi-device-enrolment-v1|${meta("base-url")}|${code}|${x}`);
  return { key: pair.privateKey, x, signature };
}

async function signed(key, text) {
  const raw = new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, key, new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...raw))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}

function importCard(enrolled) {
  const id = h("input", { required: true, autocomplete: "off", placeholder: "36 个字符的设备编号" });
  const text = h("textarea", { rows: 5, autocomplete: "off", spellcheck: false });
  const file = h("input", { type: "file", accept: ".json,application/json" });
  file.addEventListener("change", async () => {
    if (file.files[0]) text.value = await file.files[0].text();
    adopt();
  });
  text.addEventListener("input", adopt);
  function adopt() {
    const found = parsed(text.value);
    if (found?.device_id) id.value = found.device_id;
  }
  const form = onSubmit(
    h(
      "form",
      null,
      field("从文件导入私钥", file),
      field("或粘贴私钥（JWK）", text, "OKP / Ed25519。导入后只保存在本机，网页和任何人都不能再导出。"),
      field("设备编号", id),
      h("button", { type: "submit" }, "导入"),
    ),
    async () => {
      const found = parsed(text.value);
      await enrol(id.value.trim().toLowerCase(), found?.private_key_jwk ?? found, found?.label);
      await enrolled();
    },
  );
  return card("导入私钥", form);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // 还没有粘贴完整，或者不是 JSON
  }
}

// 私钥放进本机的钥匙柜，从此谁也取不出来，只能用来签名。
async function enrol(deviceId, jwk, label) {
  if (!jwk || jwk.crv !== "Ed25519" || !jwk.d) throw new Problem({ title: "这不是 Ed25519 私钥（JWK）" }, 0);
  let key;
  try {
    key = await crypto.subtle.importKey(
      "jwk",
      { kty: "OKP", crv: "Ed25519", x: jwk.x, d: jwk.d },
      { name: "Ed25519" },
      false,
      ["sign"],
    );
  } catch {
    throw new Problem(
      { title: "私钥无法导入", detail: "内容有误，或浏览器太旧（需要支持 Ed25519 的新版浏览器）。" },
      0,
    );
  }
  await stored.put({ device_id: deviceId, label: label ?? "本机", key });
}

function demoDevices(enrolled) {
  const list = h("select", null);
  const box = card(
    "演示：选一台设备",
    field("设备", list),
    button(
      "用这台设备",
      async () => {
        const chosen = (await handover()).devices[Number(list.value)];
        await enrol(chosen.device_id, chosen.private_key_jwk, chosen.label);
        await enrolled();
      },
      { class: "main", id: "demo-enrol" },
    ),
  );
  handover().then(
    ({ devices }) => list.replaceChildren(...devices.map((one, at) => h("option", { value: String(at) }, one.label))),
    (error) => box.append(h("p", null, error.title)),
  );
  return box;
}

// 已登记的设备：用本机钥匙登录，或换一台。
export function showSignIn(api, own, { entered, forgotten }) {
  const enter = async () => {
    await signIn(api, own);
    await entered();
  };
  const go = button("登录", enter, { class: "main" });
  show(
    card(
      own.label,
      h("p", null, "本机已登记，点“登录”用本机钥匙签名登录。"),
      h(
        "div",
        { class: "row" },
        go,
        button(
          "换一台设备",
          async () => {
            if (
              !(await confirm("换一台设备", "本机保存的钥匙会删除，需要重新导入。待上传的记录会留下。", "换一台", true))
            )
              return;
            await stored.forget();
            await forgotten();
          },
          { class: "quiet" },
        ),
      ),
    ),
  );
  run(go, enter);
}

async function signIn(api, own) {
  const { nonce } = await api.call("POST", "/auth/device/nonces", {
    body: { device_id: own.device_id },
    anonymous: true,
  });
  const text = `xinyi-device-v1|${meta("base-url")}|${own.device_id}|${nonce}`;
  const signature = await signed(own.key, text);
  if (base64url(signature).length !== 64) throw new Error("signature");
  await api.signIn("/auth/device", { device_id: own.device_id, nonce, signature });
}
