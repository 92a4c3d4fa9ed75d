"""What a city decides, as data: immutable, dated versions in the database.

``config/cities/<code>/<kind>.toml`` is only the way in. ``load`` lints a file, keeps it as a version, and lets the
rooms that keep tables of it (offers, communities) bring them up to date in the same transaction.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, LargeBinary, String, UniqueConstraint, bindparam, func, insert, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.kit import clock
from backend.kit.db import Base, Reader, for_update, reference
from backend.kit.errors import DomainError
from backend.kit.prepared import Prepared

KINDS = ("city", "consents", "deadlines", "catalogue", "scoring", "merchants", "community", "perks")
"""In the order of loading: a later kind may refer to an earlier one."""

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,39}")
_NUL = "\\u0000"
_MISSHAPEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
"""What a check trips over when something is not of the shape that it reads."""


class CityRefused(DomainError):
    slug = "city-refused"
    status = 422
    title_zh = "城市配置未通过检查"
    title_en = "The city's policy was refused"
    explain_zh = "problems 逐条列出违反的规则。什么都没有载入。"
    explain_en = "`problems` lists each rule broken. Nothing was loaded."


class CityMissing(DomainError):
    slug = "city-missing"
    status = 503
    title_zh = "城市配置尚未载入"
    title_en = "No city policy is loaded"
    explain_zh = "请管理员执行 flask city load。"
    explain_en = "An administrator loads it with `flask city load`."


class PolicyRow(Base):
    __tablename__ = "city_policies"
    __table_args__ = (UniqueConstraint("kind", "digest"), reference())

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    effective_on: Mapped[date]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    content: Mapped[dict[str, Any]]
    loaded_at: Mapped[datetime]


@dataclass(frozen=True)
class Policy:
    """One version of one kind. ``content`` is the file as written; treat it as frozen."""

    kind: str
    version: str
    effective_on: date
    content: dict[str, Any]


Linter = Callable[[dict[str, Any], dict[str, dict[str, Any]]], list[str]]
Applier = Callable[[Session, Policy], None]
_linters: dict[str, list[Linter]] = {}
_appliers: dict[str, list[Applier]] = {}


def linter(kind: str, check: Linter) -> None:
    """Register a check of a kind's content. It gets the content and all kinds' contents, and returns problems."""
    if check not in _linters.setdefault(kind, []):
        _linters[kind].append(check)


def applier(kind: str, apply: Applier) -> None:
    """Register what brings a room's tables up to date when a version is loaded. It must be safe to repeat."""
    if apply not in _appliers.setdefault(kind, []):
        _appliers[kind].append(apply)


def read_folder(folder: Path) -> dict[str, dict[str, Any]]:
    """The city's files by kind. Raises CityRefused naming a file that is missing or not TOML."""
    found: dict[str, dict[str, Any]] = {}
    problems = []
    for kind in KINDS:
        path = folder / f"{kind}.toml"
        try:
            found[kind] = parse(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            problems.append(f"{kind}.toml：{type(error).__name__}：{error}")
    if problems:
        raise CityRefused("；".join(problems), problems=problems)
    return found


def parse(text: str) -> dict[str, Any]:
    """A file's content as it is kept: dates as text. Raises ValueError saying what is not TOML or has no place."""
    try:
        return plain(tomllib.loads(text))
    except RecursionError:
        raise ValueError("嵌套太深") from None


def plain(content: dict[str, Any]) -> dict[str, Any]:
    """Content as every database can keep it. Raises ValueError for what JSON cannot say: infinite numbers, NUL."""
    try:
        text = json.dumps(content, default=_plain, allow_nan=False)
        json.dumps(content, default=_plain, ensure_ascii=False).encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error) or "嵌套太深") from None
    if _NUL in text:
        raise ValueError("文字中含有 NUL 字符")
    kept: dict[str, Any] = json.loads(text)
    return kept


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a city file")


def lint(contents: dict[str, dict[str, Any]]) -> list[str]:
    """Every problem that the registered checks find, each once, with its file's name."""
    return list(dict.fromkeys(f"{kind}.toml：{problem}" for kind in contents for problem in _lint_one(kind, contents)))


def _lint_one(kind: str, contents: dict[str, dict[str, Any]]) -> list[str]:
    content = contents[kind]
    problems = [f"缺少 {field}" for field in ("version", "effective_on") if not isinstance(content.get(field), str)]
    if not problems and not _VERSION.fullmatch(content["version"]):
        problems.append("version 应为 1 至 40 个字母、数字、点、横线或下划线")
    if not problems and day_of(content["effective_on"]) is None:
        problems.append("effective_on 应为日期，例如 2026-03-05")
    for check in _linters.get(kind, ()):
        try:
            problems += check(content, contents)
        except _MISSHAPEN as error:
            problems.append(f"结构有误，无法检查：{type(error).__name__} {error}"[:300])
    return problems


def day_of(text: str) -> date | None:
    """The day that a policy's ``YYYY-MM-DD`` means; None when it is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def load(session: Session, contents: dict[str, dict[str, Any]]) -> list[Policy]:
    """Lint, keep and apply a whole city. A version already kept is left as it is; changed content needs a new one."""
    if problems := lint(contents):
        raise CityRefused(f"{len(problems)} 处问题：" + "；".join(problems[:5]), problems=problems)
    loaded = []
    for kind in (kind for kind in KINDS if kind in contents):
        content = contents[kind]
        policy = Policy(kind, content["version"], date.fromisoformat(content["effective_on"]), content)
        _keep(session, policy)
        if not _followed(session, policy):  # or an old file would take back what was decided since it was written
            for apply in _appliers.get(kind, ()):
                apply(session, policy)
        loaded.append(policy)
    _seen.clear()
    return loaded


def _followed(reader: Reader, policy: Policy) -> bool:
    """Whether another version of the kind begins later, or as late and was kept after it."""
    rows = [kept for kept in kept_versions(reader) if kept.kind == policy.kind]
    return rows[0].version != policy.version


def hold(session: Session, kind: str) -> None:
    """Let publications of one kind follow one another: whoever waited here reads what was published meanwhile."""
    last = select(PolicyRow.version).where(PolicyRow.kind == kind).order_by(PolicyRow.loaded_at.desc()).limit(1)
    session.execute(for_update(last)).first()
    session.info.pop(_HOLDING, None)


def publish(session: Session, kind: str, content: dict[str, Any]) -> Policy:
    """Keep and apply a new version of one kind, checked together with the others in force on its first day.

    Raises CityRefused with every problem, also when a room's tables cannot be brought up to date with it.
    """
    if problems := lint({**contents_on(session, _first_day(content)), kind: content}):
        raise CityRefused(f"{len(problems)} 处问题：" + "；".join(problems[:5]), problems=problems)
    policy = Policy(kind, content["version"], date.fromisoformat(content["effective_on"]), content)
    _keep(session, policy)
    try:
        for apply in _appliers.get(kind, ()):
            apply(session, policy)
        session.flush()
    except (*_MISSHAPEN, DataError, IntegrityError) as error:
        problem = f"{kind}.toml：内容无法落实到数据表：{type(error).__name__}"
        raise CityRefused(problem, problems=[problem]) from error
    _seen.clear()
    return policy


def _first_day(content: dict[str, Any]) -> date:
    told = content.get("effective_on")
    return (day_of(told) if isinstance(told, str) else None) or clock.today()


def contents_on(reader: Reader, day: date) -> dict[str, dict[str, Any]]:
    """The content of every kind that has a version in force on a Shanghai day, in the order of loading."""
    found = {}
    for kind in KINDS:
        try:
            found[kind] = _in_force(reader, kind, day).content
        except CityMissing:
            continue
    return found


class Kept(NamedTuple):
    """One kept version. ``in_force``: it holds today."""

    kind: str
    version: str
    effective_on: date
    loaded_at: datetime
    in_force: bool


def kept_versions(reader: Reader) -> list[Kept]:
    """Every version of every kind, by kind in the order of loading, the latest to begin first."""
    columns = (PolicyRow.kind, PolicyRow.version, PolicyRow.effective_on, PolicyRow.loaded_at)
    rows = reader.execute(select(*columns).order_by(PolicyRow.effective_on.desc(), PolicyRow.loaded_at.desc())).all()
    today, holding = clock.today(), dict[str, str]()
    for row in rows:
        if row.effective_on <= today:
            holding.setdefault(row.kind, row.version)
    shown = [Kept(*row, in_force=holding.get(row.kind) == row.version) for row in rows]
    return sorted(shown, key=lambda one: KINDS.index(one.kind))


def _keep(session: Session, policy: Policy) -> None:
    digest = hashlib.sha256(json.dumps(policy.content, sort_keys=True).encode()).digest()
    key = (PolicyRow.kind == policy.kind, PolicyRow.version == policy.version)
    kept = session.execute(select(PolicyRow.digest).where(*key)).scalar()
    if kept is None:
        session.info.pop(_HOLDING, None)
        session.execute(
            insert(PolicyRow).values(
                kind=policy.kind, version=policy.version, effective_on=policy.effective_on,
                digest=digest, content=policy.content, loaded_at=_after_all(session, policy.kind),
            )
        )  # fmt: skip
    elif kept != digest:
        problem = f"{policy.kind}.toml：版本 {policy.version} 已载入且不可更改，请改用新的版本号"
        raise CityRefused(problem, problems=[problem])


def _after_all(session: Session, kind: str) -> datetime:
    """This instant, or just after the last that was kept, should the clock have gone back: the last kept holds."""
    last = session.execute(select(func.max(PolicyRow.loaded_at)).where(PolicyRow.kind == kind)).scalar()
    return clock.now() if last is None else max(clock.now(), last + timedelta(microseconds=1))


_TABLE: Any = PolicyRow.__table__
_BEGUN = Prepared(
    select(_TABLE.c.kind, _TABLE.c.version, _TABLE.c.digest)
    .where(_TABLE.c.effective_on <= bindparam("day"))
    .order_by(_TABLE.c.effective_on, _TABLE.c.loaded_at)
)
"""Every version that has begun by a day, of every kind; the last of a kind holds. A city keeps a few of each."""


FRESH_SECONDS = 2.0
"""How long a read outside a transaction may still see the version that was in force before a load elsewhere."""


def get(reader: Reader, kind: str, on: date | None = None) -> Policy:
    """The version of ``kind`` in force on a Shanghai day (today by default).

    Content is cached for good. Which versions hold, of all kinds, is one narrow query: asked once in every
    transaction, which so goes by one policy to its end, and at most every two seconds by reads outside of one.
    """
    day = on or clock.today()
    if isinstance(reader, Session):
        return _in_force(reader, kind, day)
    key = (reader.engine, kind, day)
    seen = _seen.get(key)
    if seen is None or time.monotonic() - seen[0] > FRESH_SECONDS:
        if len(_seen) > 500:
            _seen.clear()
        seen = _seen[key] = (time.monotonic(), _in_force(reader, kind, day))
    return seen[1]


def _in_force(reader: Reader, kind: str, day: date) -> Policy:
    row = _holding(reader, day).get(kind)
    if row is None:
        raise CityMissing(kind=kind)
    if (known := _cache.get((kind, row.version, row.digest))) is None:
        known = version(reader, kind, row.version)
        _cache[(kind, row.version, row.digest)] = known
    return known


def _holding(reader: Reader, day: date) -> dict[str, Any]:
    """Which version of each kind holds on a day; a transaction, or a savepoint, remembers what it was told."""
    if not isinstance(reader, Session):
        return {row.kind: row for row in _BEGUN.rows(reader, {"day": day})}
    within, known = reader.info.get(_HOLDING, (None, {}))
    if within is None or within is not _innermost(reader):
        known = {}
    if day not in known:
        known = {**known, day: {row.kind: row for row in _BEGUN.rows(reader, {"day": day})}}
        reader.info[_HOLDING] = (_innermost(reader), known)
    found: dict[str, Any] = known[day]
    return found


def _innermost(session: Session) -> Any:
    return session.get_nested_transaction() or session.get_transaction()


_HOLDING = "city.holding"


def version(reader: Reader, kind: str, name: str) -> Policy:
    """One kept version by name. Raises CityMissing when there is none."""
    row = reader.execute(select(PolicyRow.effective_on, PolicyRow.content).where(
        PolicyRow.kind == kind, PolicyRow.version == name)).first()  # fmt: skip
    if row is None:
        raise CityMissing(kind=kind, version=name)
    return Policy(kind, name, row.effective_on, row.content)


_cache: dict[tuple[str, str, bytes], Policy] = {}
_seen: dict[tuple[Engine, str, date], tuple[float, Policy]] = {}
