"""Publishing a version of what the city decides: checked and shown as a difference before anybody approves it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from difflib import SequenceMatcher
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.approvals.errors import ApprovalOutdated
from backend.kit import city, clock
from backend.kit.city import CityMissing, CityRefused
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound

KIND = "city.publish"
MOST_BYTES = 200_000
LONG_TEXT, MOST_PARTS = 200, 2000
NAMES = ("id", "code", "slug")
"""What items of a list are called by, so that one that moved is not shown as changed."""

TITLES = {
    "city": "城市", "consents": "同意书", "deadlines": "办理时限", "catalogue": "信用信息目录", "scoring": "信用评分",
    "merchants": "商户信用", "community": "社区积分", "perks": "信易+ 优惠",
}  # fmt: skip
AT_ONCE = {"merchants": "承诺书文本", "community": "社区与公约", "perks": "优惠、场馆与名额"}
"""Kinds that rooms keep tables of: those follow when the version is kept, whatever its first day."""
UNCHECKED = ("city", "deadlines")
"""Kinds that no room checks: a new version keeps at least the shape of the one before."""
_PLACE = re.compile(r"\(at line ([0-9]+), column ([0-9]+)\)")
"""Where the reader of TOML stopped, in its own words."""
_NOUNS = {dict: "表", list: "列表", str: "文字", int: "整数", float: "小数", bool: "true 或 false"}


Check = Callable[[Session, dict[str, Any]], list[str]]
_checks: dict[str, list[Check]] = {}


def check(kind: str, what: Check) -> None:
    """Register what must have happened before a kind is published. It gets the content and returns lines for the
    second person to read; it raises a DomainError (StepMissing) when a step is missing. Safe to repeat."""
    if what not in _checks.setdefault(kind, []):
        _checks[kind].append(what)


def _checked(session: Session, kind: str, content: dict[str, Any]) -> list[str]:
    return [line for what in _checks.get(kind, ()) for line in what(session, content)]


def content_of(toml: str | None, content: dict[str, Any] | None) -> dict[str, Any]:
    """The content of a request: a TOML text, or the same structure as JSON. Raises FieldError."""
    if (toml is None) == (content is None):
        raise FieldError.at("/toml", "请给出 toml 或 content 之一。", "Give either toml or content.")
    at = "/content" if toml is None else "/toml"
    try:
        if toml is not None and len(toml.encode()) > MOST_BYTES:
            raise ValueError(f"最多 {MOST_BYTES} 字节")
        return city.plain(content or {}) if toml is None else city.parse(toml)
    except ValueError as error:
        place = _PLACE.search(str(error))
        zh = f"第 {place[1]} 行第 {place[2]} 列无法读取：" if place else "无法读取："
        raise FieldError.at(at, f"{zh}{error}"[:300], f"Cannot be read: {error}"[:300]) from None


def prepare(session: Session, payload: dict[str, Any], _approval_id: UUID) -> tuple[Any, list[str], list[Any]]:
    """Publish it in a savepoint that is rolled back: whatever stands against it is found now.

    Raises CityRefused, and StepMissing where a check of the kind wants something done before.
    """
    kind, content = payload["kind"], payload["content"]
    problems = problems_of(session, kind, content)
    if problems:
        raise CityRefused(f"{len(problems)} 处问题：" + "；".join(problems[:5]), problems=problems)
    checked = _checked(session, kind, content)
    trial = session.begin_nested()
    try:
        policy = city.publish(session, kind, content)
    finally:
        trial.rollback()
    base = _base(session, kind, policy.effective_on)
    changes = difference(base.content if base else {}, content)
    summary = [
        f"发布“{TITLES[kind]}”（{kind}.toml）的新版本 {policy.version}",
        f"自 {policy.effective_on:%Y 年 %m 月 %d 日} 起执行"
        + (f"，接替版本 {base.version}" if base else "；此前没有这一类版本"),
        f"与被接替的版本相比共 {len(changes)} 处不同，逐项列出",
        *([f"批准时即更新{AT_ONCE[kind]}，不等到执行之日"] if kind in AT_ONCE else []),
        *checked,
    ]  # fmt: skip
    kept = {"kind": kind, "content": content, "base_version": base.version if base else None}
    return kept, summary, changes


def problems_of(session: Reader, kind: str, content: dict[str, Any]) -> list[str]:
    """Everything that stands against publishing a content of a kind, each with its file's name."""
    told = content.get("effective_on")
    day = city.day_of(told) if isinstance(told, str) else None
    problems = city.lint({**city.contents_on(session, day or clock.today()), kind: content})
    if day is not None and day < clock.today():
        problems.append(f"{kind}.toml：effective_on {day} 已经过去，不能追溯执行")
    version = content.get("version")
    if isinstance(version, str) and any(v.kind == kind and v.version == version for v in city.kept_versions(session)):
        problems.append(f"{kind}.toml：版本 {version} 已载入且不可更改，请改用新的版本号")
    if kind in UNCHECKED:
        base = _base(session, kind, day or clock.today())
        problems += [f"{kind}.toml：{problem}" for problem in _lost(base.content if base else {}, content)]
    return problems


def _lost(base: Any, content: Any, path: str = "") -> Iterator[str]:
    """What the version in force has and this one lacks, or has as something else: whoever reads it counts on it."""
    if type(base) is not type(content):
        yield f"{path} 应为{_NOUNS.get(type(base), '另一种值')}"
    elif isinstance(base, dict):
        for key, value in base.items():
            inner = f"{path}.{key}" if path else key
            yield from _lost(value, content[key], inner) if key in content else [f"缺少 {inner}"]
    elif isinstance(base, list) and base and all(isinstance(item, dict) for item in base):
        common = {key: value for key, value in base[0].items() if all(key in item for item in base)}
        for at, item in enumerate(content):
            yield from _lost(common, item, f"{path}[{at}]")
        if name := _name(base, []):
            kept = {item.get(name) for item in content if isinstance(item, dict)}
            yield from (f"缺少 {path}[{name}={item[name]}]" for item in base if item[name] not in kept)


def _base(reader: Reader, kind: str, day: date) -> city.Policy | None:
    try:
        return city.get(reader, kind, day)
    except CityMissing:
        return None


def execute(session: Session, payload: dict[str, Any], _approval_id: UUID, _by: UUID) -> dict[str, Any]:
    """Keep and apply the version. Raises CityRefused, StepMissing, and ApprovalOutdated when it would replace another
    by now."""
    kind, content = payload["kind"], payload["content"]
    city.hold(session, kind)
    if problems := problems_of(session, kind, content):
        raise CityRefused("；".join(problems[:5]), problems=problems)
    _checked(session, kind, content)
    base = _base(session, kind, date.fromisoformat(content["effective_on"]))
    current = base.version if base else None
    if current != payload["base_version"]:
        raise ApprovalOutdated(base_version=payload["base_version"], current_version=current)
    policy = city.publish(session, kind, content)
    return {"kind": kind, "version": policy.version, "effective_on": policy.effective_on.isoformat()}


def version(reader: Reader, kind: str, name: str) -> dict[str, Any]:
    """One kept version with its content. Raises NotFound."""
    for kept in city.kept_versions(reader):
        if (kept.kind, kept.version) == (kind, name):
            return {**kept._asdict(), "title": TITLES[kind], "content": city.version(reader, kind, name).content}
    raise NotFound()


def versions(reader: Reader) -> list[dict[str, Any]]:
    """Every kept version of every kind, without its content."""
    return [{**kept._asdict(), "title": TITLES[kept.kind]} for kept in city.kept_versions(reader)]


# --- the difference ------------------------------------------------------------------------------------------------


def difference(before: Any, after: Any) -> list[dict[str, Any]]:
    """What a person has to look at: ``{path, before, after}``, None where there was nothing or is nothing any more."""
    return [
        {"path": path, "before": _text(old), "after": _text(new)} for path, old, new in _differing("", before, after)
    ]


_NOTHING = object()


def _differing(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if _same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _members(path, before, after)
    elif isinstance(before, list) and isinstance(after, list) and (name := _name(before, after)):
        old, new = ({str(item[name]): item for item in items} for items in (before, after))
        yield from _members(path, old, new, f"[{name}=%s]")
        if [item for item in old if item in new] != [item for item in new if item in old]:
            yield f"{path}（顺序）", list(old), list(new)
    elif isinstance(before, str) and isinstance(after, str) and max(len(before), len(after)) > LONG_TEXT:
        yield from _passages(path, before, after)
    else:
        yield path, before, after


def _same(before: Any, after: Any) -> bool:
    """As JSON, where true is not 1."""
    if before is _NOTHING or after is _NOTHING:
        return before is after
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)


def _passages(path: str, before: str, after: str) -> Iterator[tuple[str, Any, Any]]:
    """Of long texts only the sentences that differ, so that nobody has to look for them."""
    old, new = (re.split(r"(?<=[。；\n])", text) for text in (before, after))
    if len(old) + len(new) > MOST_PARTS:
        yield path, before, after
        return
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal":
            place = f"{path}（第 {a + 1} 句起）"
            yield place, "".join(old[a:b]) if b > a else _NOTHING, "".join(new[c:d]) if d > c else _NOTHING


def _members(
    path: str, before: dict[str, Any], after: dict[str, Any], form: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for key in [*before, *(key for key in after if key not in before)]:
        inner = path + form % key if form else f"{path}.{key}" if path else key
        yield from _differing(inner, before.get(key, _NOTHING), after.get(key, _NOTHING))


def _name(before: list[Any], after: list[Any]) -> str | None:
    """What the items of both lists are called by, uniquely."""
    items = [*before, *after]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    for name in NAMES:
        if all(isinstance(item.get(name), str) for item in items):
            if all(len({item[name] for item in part}) == len(part) for part in (before, after)):
                return name
    return None


def _text(value: Any) -> str | None:
    if value is _NOTHING:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
