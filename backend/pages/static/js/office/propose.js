// 提出：发布政策（TOML 文件）、调整和更正积分、导出个人信息。

import { Problem } from "../api.js";
import { card, field, h, onSubmit, show, tell } from "../dom.js";

const KINDS = {
  city: "城市",
  consents: "同意书",
  deadlines: "办理时限",
  catalogue: "信用信息目录",
  scoring: "信用评分",
  merchants: "商户信用",
  community: "社区积分",
  perks: "信易+ 优惠",
};
const FIELDS = {
  name: "姓名",
  id_number: "身份证号",
  phone: "手机号",
  wallet: "积分",
  records: "信用信息",
  consents: "同意事项",
};
const KEPT = "办理记录里长期保存，不要写姓名、证件号和手机号。";

export function showPropose(api) {
  show(
    h("p", { class: "notice plain-note" }, "提出以后由另一位同事审批，批准的同时就执行；七日内没有审批即过期。"),
    policyForm(api),
    adjustmentForm(api),
    reversalForm(api),
    exportForm(api),
  );
}

// 每张表一个幂等键，改过内容就换新的；没有收到答复时再按一次，还是同一件事。
function proposing(api, path, bodyOf, controls) {
  let key = crypto.randomUUID();
  const form = onSubmit(
    h("form", { class: "stack" }, controls, h("button", { type: "submit", class: "main" }, "提出")),
    async () => {
      const made = await api.keyed("POST", path, bodyOf(), { key });
      tell("已提出，等待另一位同事审批");
      location.hash = `#/approvals/${made.id}`;
    },
  );
  form.addEventListener("input", () => {
    key = crypto.randomUUID();
  });
  return form;
}

function policyForm(api) {
  const kind = h(
    "select",
    null,
    Object.entries(KINDS).map(([value, label]) => h("option", { value }, `${label}（${value}.toml）`)),
  );
  const file = h("input", { type: "file", accept: ".toml,text/plain" });
  const text = h("textarea", { rows: 8, required: true, spellcheck: false, class: "code-text" });
  const reason = reasonBox();
  file.addEventListener("change", async () => {
    const chosen = file.files[0];
    if (!chosen) return;
    text.value = await chosen.text();
    const named = chosen.name.replace(/\.toml$/, "");
    if (named in KINDS) kind.value = named;
  });
  const form = proposing(
    api,
    "/approvals/policies",
    () => ({ kind: kind.value, toml: text.value, reason: reason.value }),
    [
      field("哪一类", kind),
      field("选 TOML 文件", file),
      field("或粘贴全文", text, "版本号用新的，生效日不早于今天。提出时即按全部规则检查。"),
      field("理由", reason, KEPT),
    ],
  );
  return card("发布政策的新版本", form);
}

const reasonBox = () => h("textarea", { required: true, minLength: 2, maxLength: 500 });

function adjustmentForm(api) {
  const who = h("input", { required: true, autocomplete: "off", minLength: 36, maxLength: 36 });
  const direction = h(
    "select",
    null,
    h("option", { value: "give" }, "发放"),
    h("option", { value: "take" }, "扣减（更正差错，有多少扣多少）"),
  );
  const points = h("input", { type: "number", required: true, min: "1", max: "1000000", step: "1" });
  const title = h("input", { required: true, minLength: 2, maxLength: 60 });
  const reason = h("textarea", { required: true, minLength: 2, maxLength: 300 });
  const form = proposing(
    api,
    "/approvals/points-adjustments",
    () => ({
      resident_id: who.value.trim().toLowerCase(),
      direction: direction.value,
      points: Number(points.value),
      title: title.value,
      reason: reason.value,
    }),
    [
      field("居民编号", who, "由居民本人或窗口提供，36 个字符。"),
      field("方向", direction),
      field("积分", points),
      field("名目", title, "居民在积分明细上看得到。"),
      field("理由", reason, "居民在积分明细上也看得到。"),
    ],
  );
  return card("调整一位居民的积分", form);
}

function reversalForm(api) {
  const who = h("input", { required: true, autocomplete: "off", minLength: 36, maxLength: 36 });
  const which = h("input", { required: true, autocomplete: "off", minLength: 36, maxLength: 36 });
  const reason = h("textarea", { required: true, minLength: 2, maxLength: 300 });
  const form = proposing(
    api,
    "/approvals/points-reversals",
    () => ({
      resident_id: who.value.trim().toLowerCase(),
      transfer_id: which.value.trim().toLowerCase(),
      reason: reason.value,
    }),
    [
      field("哪位居民", who, "居民编号，由居民本人或窗口提供，36 个字符。"),
      field("哪一笔", which, "这一笔的编号，居民在积分明细里点开可以看到，36 个字符。"),
      field("理由", reason, "居民在积分明细上也看得到。"),
    ],
  );
  return card(
    "更正一笔发放或结算",
    h("p", null, "以一笔等额的新流水冲正，原来的一笔不变；已被用掉的部分由发放单位承担，余额不会变成负数。"),
    form,
  );
}

function exportForm(api) {
  const people = h("textarea", { rows: 4, required: true, autocomplete: "off", spellcheck: false });
  const boxes = Object.entries(FIELDS).map(([value, label]) => {
    const box = h("input", { type: "checkbox", value, id: `export-${value}` });
    return { box, row: h("label", { class: "check", htmlFor: box.id }, box, label) };
  });
  const purpose = h("input", { required: true, minLength: 4, maxLength: 120 });
  const basis = h("input", { required: true, minLength: 4, maxLength: 150 });
  const number = h("input", { required: true, minLength: 2, maxLength: 80 });
  const reason = reasonBox();
  const form = proposing(
    api,
    "/approvals/exports",
    () => {
      const chosen = boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
      if (!chosen.length) throw new Problem({ title: "请至少选一个字段" }, 0);
      return {
        people: people.value.split(/[\s,，;；]+/).filter(Boolean).map(soughtOf),
        fields: chosen,
        purpose: purpose.value,
        legal_basis: basis.value,
        document_no: number.value,
        reason: reason.value,
      };
    },
    [
      field("哪些人", people, "每行一个居民编号或身份证号，最多 1000 人。"),
      h(
        "fieldset",
        null,
        h("legend", { class: "label" }, "字段"),
        boxes.map(({ row }) => row),
      ),
      field("用途", purpose, "被导出的人看得到。"),
      field("法律依据", basis, "被导出的人看得到。"),
      field("文号", number),
      field("理由", reason, KEPT),
    ],
  );
  return card("依法导出个人信息", form);
}

const soughtOf = (text) =>
  text.length === 36 ? { resident_id: text.toLowerCase() } : { id_number: text.toUpperCase() };
