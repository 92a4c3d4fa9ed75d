"""What a scoring policy may not say. Pure; problems are in Chinese.

The file has room for plus and minus points and nothing else: a name that the format does not know is refused, so
that no consequence (a refusal, a price, a restriction) can be written into it. Sources: NDRC notices of July and
August 2019 (a personal score encourages and does not punish); 国办发〔2020〕49号; 《关于健全社会信用体系的意见》
(2025-03-21); 《征信业管理条例》 art. 14 and 16.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from backend.scoring import reach

LOWEST_LEVEL = "待提升"
MOST_ADVERSE_DAYS = 1826
MOST_DAYS = 36_525
MOST_POINTS = 100_000
PLACEHOLDERS = {"title", "source", "decided_on", "expires_on"}

KEYS: dict[str, tuple[set[str], set[str]]] = {
    "": ({"version", "effective_on", "scale", "levels", "dimensions", "indicators"}, {"basis"}),
    "scale": ({"min", "base", "max"}, set()),
    "levels": ({"id", "name", "from"}, set()),
    "dimensions": ({"id", "name", "cap_up", "cap_down"}, set()),
    "indicators": (
        {"id", "dimension", "title", "item", "points", "lasts_days", "basis", "reason_template"},
        {"decay", "per_period_cap", "period_days", "total_cap"},
    ),
    "decay": ({"after_days", "percent"}, set()),
}
"""The names of each part: those that must stand, and those that may."""

CIVIC = re.compile(
    "垃圾|志愿|义工|献血|捐血|邻里|邻居|文明|广场舞|遛狗|养犬|闯红灯|信访|上访|孝|家风|随地吐痰|公益活动|社区活动|时间银行"
)
"""Civic life earns community points and never enters the score."""

PROTECTED = re.compile(
    "性别|年龄|民族|种族|籍贯|户籍|户口|婚姻|生育|残疾|宗教|信仰|政治面貌|党员|学历|外貌|健康|疾病|病史|血型|基因|指纹"
)
"""What a person is, rather than what a document says that they did."""

PUNISHING = re.compile("惩戒|黑名单|拒绝|禁止|限制|加价|涨价|罚|失信等级|不予")
"""No level is named after a consequence."""


def scoring_problems(content: Mapping[str, Any], contents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every problem of a scoring policy. ``contents``: all kinds of the city's files; the catalogue is consulted."""
    shape = [*_shape_problems(content), *_number_problems(content, "")]
    if shape:
        return shape
    raws = {raw.get("code"): raw for raw in contents.get("catalogue", {}).get("items", []) if isinstance(raw, dict)}
    problems = [*_scale_problems(content), *_id_problems(content), *_level_problems(content)]
    problems += _dimension_problems(content["dimensions"])
    dimensions = {raw["id"] for raw in content["dimensions"]}
    for raw in content["indicators"]:
        found = [*_indicator_problems(raw, dimensions), *_item_problems(raw, raws), *_decay_problems(raw)]
        problems += [f"指标 {raw['id']}：{problem}" for problem in found]
    return problems or list(_reach_problems(content))


def _shape_problems(content: Mapping[str, Any]) -> Iterator[str]:
    yield from _key_problems("", content, "")
    if not isinstance(content.get("scale"), dict):
        yield "缺少 [scale]"
    else:
        yield from _key_problems("scale", content["scale"], "[scale]：")
    for part in ("levels", "dimensions", "indicators"):
        entries = content.get(part)
        if not isinstance(entries, list) or not entries or not all(isinstance(raw, dict) for raw in entries):
            yield f"缺少 [[{part}]]"
            continue
        for number, raw in enumerate(entries, 1):
            at = f"[[{part}]] 第 {number} 项："
            yield from _key_problems(part, raw, at)
            yield from _text_problems(raw, at)


def _key_problems(part: str, raw: Mapping[str, Any], at: str) -> Iterator[str]:
    required, optional = KEYS[part]
    for name in sorted(required - raw.keys()):
        yield f"{at}缺少 {name}"
    for name in sorted(raw.keys() - required - optional):
        yield f"{at}不能有 {name}：评分办法只写加分和减分，不能写任何后果"


def _text_problems(raw: Mapping[str, Any], at: str) -> Iterator[str]:
    for name in ("id", "name", "title", "item", "dimension", "basis", "reason_template"):
        if name in raw and (not isinstance(raw[name], str) or not raw[name].strip()):
            yield f"{at}{name} 应为文字，不能为空"
    if not isinstance(raw.get("decay", []), list) or not all(isinstance(step, dict) for step in raw.get("decay", [])):
        yield f"{at}decay 应为一组 {{after_days, percent}}"


NUMBERS = {
    "min", "base", "max", "from", "cap_up", "cap_down", "points", "per_period_cap", "period_days", "total_cap",
    "lasts_days", "after_days", "percent",
}  # fmt: skip


def _number_problems(value: Any, at: str) -> Iterator[str]:
    """Integers only, everywhere: a fraction or a truth value where a number belongs would make a score inexact."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in NUMBERS and (type(inner) is not int or abs(inner) > MOST_POINTS):
                yield f"{at}{name} 应为整数，绝对值不超过 {MOST_POINTS}"
            else:
                yield from _number_problems(inner, f"{at}{name}.")
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _number_problems(inner, f"{at}{number}.")
    elif isinstance(value, float):
        yield f"{at.rstrip('.')} 不能用小数"


def _scale_problems(content: Mapping[str, Any]) -> Iterator[str]:
    scale = content["scale"]
    if not 0 <= scale["min"] <= scale["base"] <= scale["max"] or scale["min"] == scale["max"]:
        yield "scale 应满足 0 ≤ min ≤ base ≤ max，且 min < max"


def _id_problems(content: Mapping[str, Any]) -> Iterator[str]:
    for part, pattern in (
        ("levels", r"[A-Za-z0-9+-]{1,20}"), ("dimensions", r"[a-z][a-z0-9-]{0,39}"),
        ("indicators", r"[a-z][a-z0-9-]{0,39}"),
    ):  # fmt: skip
        ids = [raw["id"] for raw in content[part]]
        for bad in sorted({one for one in ids if not re.fullmatch(pattern, one) or one == "clamp"}):
            yield f"{part} 的 id {bad} 不合规范"
        for twice in sorted({one for one in ids if ids.count(one) > 1}):
            yield f"{part} 的 id {twice} 重复"
    items = [raw["item"] for raw in content["indicators"]]
    for twice in sorted({one for one in items if items.count(one) > 1}):
        yield f"目录条目 {twice} 用于不止一个指标：一条记录只计一次"


def _level_problems(content: Mapping[str, Any]) -> Iterator[str]:
    levels, scale = content["levels"], content["scale"]
    bounds = [level["from"] for level in levels]
    if any(later <= earlier for earlier, later in pairwise(bounds)):
        yield "levels 的 from 应自低到高、互不相同"
    if levels[0]["from"] != scale["min"]:
        yield "最低一级的 from 应等于 scale.min"
    if levels[0]["name"] != LOWEST_LEVEL:
        yield f"最低一级应名为“{LOWEST_LEVEL}”"
    for level in levels:
        if PUNISHING.search(level["name"]):
            yield f"等级“{level['name']}”的名称带有惩戒含义：个人信用分只用于守信激励"


def _dimension_problems(dimensions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for raw in dimensions:
        for name in ("cap_up", "cap_down"):
            if raw[name] <= 0:
                yield f"维度 {raw['id']} 的 {name} 应为正整数"
        yield from (f"维度 {raw['id']}：{problem}" for problem in _word_problems(raw["name"]))


def _indicator_problems(raw: Mapping[str, Any], dimensions: set[str]) -> Iterator[str]:
    if raw["dimension"] not in dimensions:
        yield f"没有维度 {raw['dimension']}"
    if raw["points"] == 0:
        yield "points 不能为 0"
    for name in ("per_period_cap", "period_days", "total_cap"):
        if name in raw and raw[name] <= 0:
            yield f"{name} 应为正整数"
    if ("per_period_cap" in raw) != ("period_days" in raw):
        yield "per_period_cap 与 period_days 应同时写"
    most = MOST_ADVERSE_DAYS if raw["points"] < 0 else MOST_DAYS
    if not 1 <= raw["lasts_days"] <= most:
        yield f"lasts_days 应为 1 至 {most}" + ("（《征信业管理条例》第十六条：五年）" if raw["points"] < 0 else "")
    yield from _template_problems(raw["reason_template"])
    yield from _word_problems(raw["title"], raw["reason_template"])


def _template_problems(template: str) -> Iterator[str]:
    try:
        used = {(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(template) if name}
    except ValueError:
        yield "reason_template 的花括号不成对"
        return
    for name, spec, conversion in sorted(used, key=str):
        if name not in PLACEHOLDERS or spec or conversion:
            yield f"reason_template 不能用 {{{name}}}"


def _item_problems(raw: Mapping[str, Any], items: Mapping[Any, Mapping[str, Any]]) -> Iterator[str]:
    item = items.get(raw["item"])
    if item is None:
        yield f"目录中没有条目 {raw['item']}"
        return
    if item.get("subject") != "natural_person" or item.get("may_feed_score") is not True:
        yield f"条目 {raw['item']} 不得计入个人信用分（may_feed_score）"
    if not str(item.get("legal_basis", "")).strip():
        yield f"条目 {raw['item']} 没有法律依据"
    wanted = "favourable" if raw["points"] > 0 else "adverse"
    if item.get("effect") != wanted:
        yield f"条目 {raw['item']} 的 effect 是 {item.get('effect')}，与 points 的正负不符"
    yield from _word_problems(str(item.get("title", "")))


def _word_problems(*texts: str) -> Iterator[str]:
    for words in texts:
        if found := CIVIC.search(words):
            yield f"“{words}”涉及社区生活（{found[0]}）：只得社区积分，不计入信用分"
        if found := PROTECTED.search(words):
            yield f"“{words}”涉及受保护的个人特征（{found[0]}）"


def _decay_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    days, percent = 0, 100
    for step in raw.get("decay", []):
        if found := list(_key_problems("decay", step, "decay ")):
            yield from found
            return
        if not days < step["after_days"] <= raw["lasts_days"]:
            yield "decay 的 after_days 应自小到大，且不超过 lasts_days"
        if not 0 < step["percent"] < percent:
            yield "decay 的 percent 应逐级降低，在 1 至 99 之间"
        days, percent = step["after_days"], step["percent"]


def _reach_problems(content: Mapping[str, Any]) -> Iterator[str]:
    """Every cap must be reached by some archive, and every level: what nobody can reach is a promise that misleads."""
    for raw in content["indicators"]:
        total = raw.get("total_cap")
        if total is not None and (most := reach.highest(reach.of_indicator(raw, total))) < total:
            yield f"指标 {raw['id']}：total_cap 无人能够达到，各期合计最多 {most} 分"
    for dimension in content["dimensions"]:
        own = [raw["points"] > 0 for raw in content["indicators"] if raw["dimension"] == dimension["id"]]
        if not own:
            yield f"维度 {dimension['id']} 没有指标"
        for sign, name in ((1, "cap_up"), (-1, "cap_down")):
            most = reach.highest(reach.of_side(content, dimension, sign))
            if (sign > 0) in own and most < dimension[name]:
                yield f"维度 {dimension['id']}：{name} 无人能够达到，各指标合计最多 {most} 分"
    found, levels = reach.of_policy(content), content["levels"]
    ends = [level["from"] for level in levels[1:]] + [content["scale"]["max"] + 1]
    for level, end in zip(levels, ends, strict=True):
        if not reach.any_between(found, level["from"], end):
            yield f"等级 {level['id']} 无人能够达到（可达 {reach.lowest(found)} 至 {reach.highest(found)} 分）"
