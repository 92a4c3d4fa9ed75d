"""The catalogue of credit information: what is collected, about whom, on which basis, and in which columns.

Pure functions over the content of ``catalogue.toml``. Sources: 国办发〔2020〕49号 (nothing without a basis and a
catalogue); DB32/T 4040.5-2021, 5.1.1 (categories of a natural person's information); 《全国公共信用信息基础目录》
(the eleven categories of legal entities'); 《征信业管理条例》 art. 14 and 16.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

CODE = re.compile(r"[A-Z]{2}-[A-Z]{3}-[0-9]{2}")
"""An item's code: the kind of subject, the kind of information, a number."""
SUBJECTS = ("natural_person", "legal_entity")
EFFECTS = ("favourable", "adverse", "neutral")
DISCLOSURES = ("public", "authorised", "government")
CREDIT_CODE = "unified_social_credit_code"
ID_NUMBER = "id_number"
FIELD_TYPES = ("text", "date", "integer", "decimal", CREDIT_CODE, ID_NUMBER)
NUMBERS = ("integer", "decimal")
MOST_ADVERSE_DAYS = 1826
"""Five years with their leap days: the longest that an adverse record of a person is kept (art. 16)."""
MOST_RETENTION_DAYS = 36_525
LONGEST_TEXT = 2000
LONGEST = {"document_no": 120, "document_name": 200, "authority": 120}
FROM_DOCUMENT = ("document_no", "document_name", "decided_on", "authority")
"""Fields of an item that every record already carries in its own columns."""

CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "natural_person": (
        "行政许可信息", "行政处罚信息", "行政强制信息", "行政征收信息", "行政给付信息", "行政检查信息", "行政确认信息",
        "行政奖励信息", "行政裁决信息", "司法信息", "公用事业缴费信息", "联合激励信息", "联合惩戒信息",
        "其他公共信用信息",
    ),
    "legal_entity": (
        "登记注册基本信息", "司法裁判及执行信息", "行政管理信息", "职称和职业信息", "经营（活动）异常名录信息",
        "严重失信主体名单信息", "合同履行信息", "信用承诺及其履行情况信息", "信用评价结果信息",
        "诚实守信相关荣誉和奖励信息", "经营主体自愿提供的信用信息",
    ),
}  # fmt: skip
"""By subject: DB32/T 4040.5-2021, 5.1.1.1 to 5.1.1.14; the eleven of 《全国公共信用信息基础目录》."""


@dataclass(frozen=True)
class Field:
    """A column of an item. ``minimum``/``maximum`` bound numbers; ``not_before`` names a date of the same item.

    ``value_names``: what a file calls a value, where the archive keeps another word for it.
    """

    name: str
    title: str
    type: str
    required: bool
    aliases: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    longest: int = LONGEST_TEXT
    not_before: str | None = None
    may_be_future: bool = False
    value_names: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def choices(self) -> str:
        """The values as whoever reports writes them, in one line; empty where any will do."""
        return "、".join(self.value_names.get(value, value) for value in self.values)

    @property
    def heads(self) -> tuple[str, ...]:
        """Every column head under which a file may give this field, in normal form."""
        return tuple(normal_head(head) for head in (self.title, self.name, *self.aliases))


@dataclass(frozen=True, kw_only=True)
class Item:
    """An item of the catalogue. Days count from the decision (publicity) or from the conduct's end (retention)."""

    code: str
    title: str
    subject: str
    category: str
    effect: str
    legal_basis: str
    source_departments: tuple[str, ...]
    disclosure: str
    retention_days: int
    publicity_days: int | None
    due_workdays: int
    severity_field: str | None
    may_feed_score: bool
    self_declarable: bool
    fields: tuple[Field, ...]

    @property
    def public(self) -> bool:
        return self.disclosure == "public"

    def field(self, name: str) -> Field | None:
        """The column of that name, if the item has one."""
        return next((f for f in self.fields if f.name == name), None)


class Identity(NamedTuple):
    """The two columns that say about whom a row of a file is."""

    name: Field
    code: Field


PERSON = Identity(
    Field("name", "姓名", "text", True, ("自然人姓名", "当事人姓名", "行政相对人名称", "主体名称"), longest=50),
    Field(
        "id_number", "公民身份号码", ID_NUMBER, True,
        ("证件号码", "身份证号", "身份证号码", "居民身份证号码", "公民身份证号码", "行政相对人证件号码"), longest=18,
    ),
)  # fmt: skip
ENTITY = Identity(
    Field(
        "entity_name", "主体名称", "text", True,
        ("名称", "企业名称", "单位名称", "法人名称", "机构名称", "主体全称", "行政相对人名称"), longest=200,
    ),
    Field(
        "entity_code", "统一社会信用代码", CREDIT_CODE, True,
        ("社会信用代码", "统一代码", "统一社会信用代码（18位）", "行政相对人代码_1（统一社会信用代码）"), longest=18,
    ),
)  # fmt: skip


def identity_columns(item: Item) -> Identity:
    """The columns that name a row's subject: the party's own where the item lists them, else those of its kind."""
    name, code = item.field("party_name"), item.field("party_code_1")
    if name is not None and code is not None:
        return Identity(name, code)
    return PERSON if item.subject == "natural_person" else ENTITY


def normal_head(text: str) -> str:
    """A column's head as it is compared: NFKC, nothing between its characters, small letters."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c) != "Cf")


def items_of(catalogue: Mapping[str, Any]) -> dict[str, Item]:
    """The items of a catalogue's content, by code."""
    return {raw["code"]: _item(raw) for raw in catalogue["items"]}


def _item(raw: Mapping[str, Any]) -> Item:
    return Item(
        code=raw["code"], title=raw["title"], subject=raw["subject"], category=raw["category"], effect=raw["effect"],
        legal_basis=raw["legal_basis"], source_departments=tuple(raw["source_departments"]),
        disclosure=raw["disclosure"], retention_days=raw["retention_days"], publicity_days=raw.get("publicity_days"),
        due_workdays=raw["due_workdays"], severity_field=raw.get("severity_field"),
        may_feed_score=raw["may_feed_score"], self_declarable=raw.get("self_declarable", False),
        fields=tuple(field_of(entry) for entry in raw["fields"]),
    )  # fmt: skip


def field_of(raw: Mapping[str, Any]) -> Field:
    name = raw["name"]
    return Field(
        name, raw["title"], raw["type"], raw["required"], tuple(raw.get("aliases", ())), tuple(raw.get("values", ())),
        raw.get("pattern"), _number(raw.get("minimum")), _number(raw.get("maximum")),
        raw.get("longest", LONGEST.get(name, LONGEST_TEXT)), raw.get("not_before"),
        raw.get("may_be_future", name.endswith("_until_on")), dict(raw.get("value_names", {})),
    )  # fmt: skip


def _number(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
