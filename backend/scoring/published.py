"""The rule by which residents are scored, for everybody to read: every version, from when until when, in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from backend.kit import city, clock
from backend.kit.db import Reader
from backend.kit.errors import NotFound

KIND = "scoring"
"""What the city calls the policy."""
NEVER_COUNTS = (
    "社区生活：垃圾分类、志愿服务、献血、邻里和文明行为等，只得社区积分，不计入信用分",
    "宗教信仰、基因、指纹、血型、疾病和病史（《征信业管理条例》第十四条）",
    "收入、存款、有价证券、商业保险、不动产和纳税数额（《征信业管理条例》第十四条）",
    "性别、年龄、民族、籍贯、婚育、残疾、政治面貌、学历等个人特征",
    "没有法律依据、不在信用信息目录里的任何信息",
    "有异议正在处理的、已经修复的、已经撤销的、超过期限的记录（《征信业管理条例》第十六条：不利信息最长五年）",
)
"""What no version may count; the linter refuses it, or the statement leaves it out."""


class Period(NamedTuple):
    """From when until when a version holds. ``state``: in-force, coming, past, or replaced before its first day."""

    state: str
    effective_on: date
    effective_until_on: date | None


def periods(first_days: Sequence[date], today: date) -> list[Period]:
    """Of versions in the order in which they overtake one another: by first day, then as they were published."""
    found = []
    for at, day in enumerate(first_days):
        following = first_days[at + 1] if at + 1 < len(first_days) else None
        until = following - timedelta(days=1) if following is not None else None
        if until is not None and until < day:
            state, until = "replaced", None
        else:
            state = "coming" if day > today else "past" if until is not None and until < today else "in-force"
        found.append(Period(state, day, until))
    return found


@dataclass(frozen=True)
class Published:
    """A published version. ``dimensions`` hold their indicators, each with its item of the catalogue in force."""

    version: str
    state: str
    effective_on: date
    effective_until_on: date | None
    basis: str
    scale: dict[str, int]
    levels: list[dict[str, Any]]
    dimensions: list[dict[str, Any]]


def versions(reader: Reader) -> list[Published]:
    """Every version, the latest to begin first."""
    return [_read(city.version(reader, KIND, name), period, {}) for name, period in _periods(reader)]


def published(reader: Reader, version: str | None = None) -> Published:
    """A version by name, or the one in force today. Raises NotFound, CityMissing."""
    wanted = version if version is not None else city.get(reader, KIND).version
    for name, period in _periods(reader):
        if name == wanted:
            catalogue = city.contents_on(reader, clock.today()).get("catalogue", {})
            items = {raw["code"]: raw for raw in catalogue.get("items", [])}
            return _read(city.version(reader, KIND, name), period, items)
    raise NotFound()


def _periods(reader: Reader) -> list[tuple[str, Period]]:
    kept = [one for one in city.kept_versions(reader) if one.kind == KIND][::-1]
    found = zip(kept, periods([one.effective_on for one in kept], clock.today()), strict=True)
    return [(one.version, period) for one, period in found][::-1]


def _read(policy: city.Policy, period: Period, items: Mapping[str, Mapping[str, Any]]) -> Published:
    content = policy.content
    ascending = sorted(content["levels"], key=lambda raw: raw["from"])
    indicators = [(raw["dimension"], _indicator(raw, items)) for raw in content["indicators"]]
    ends = [raw["from"] - 1 for raw in ascending[1:]] + [content["scale"]["max"]]
    return Published(
        policy.version, *period, content.get("basis", ""), dict(content["scale"]),
        [{"id": raw["id"], "name": raw["name"], "from": raw["from"], "to": end}
         for raw, end in zip(ascending, ends, strict=True)],
        [{**raw, "indicators": [one for where, one in indicators if where == raw["id"]]}
         for raw in content["dimensions"]],
    )  # fmt: skip


def _indicator(raw: Mapping[str, Any], items: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    item = items.get(raw["item"], {})
    return {
        "id": raw["id"], "title": raw["title"], "points": raw["points"], "lasts_days": raw["lasts_days"],
        "per_period_cap": raw.get("per_period_cap"), "period_days": raw.get("period_days"),
        "total_cap": raw.get("total_cap"), "decay": raw.get("decay", []), "basis": raw["basis"],
        "item": raw["item"], "item_title": item.get("title"), "item_legal_basis": item.get("legal_basis"),
    }  # fmt: skip
