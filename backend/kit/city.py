"""What a city decides, as data: immutable, dated versions in the database.

``config/cities/<code>/<kind>.toml`` is only the way in. ``load`` lints a file, keeps it as a version, and lets the
rooms that keep tables of it (offers, communities) bring them up to date in the same transaction.
"""

from __future__ import annotations

import hashlib
import json
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, LargeBinary, String, UniqueConstraint, bindparam, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.kit import clock
from backend.kit.db import Base, Reader, reference
from backend.kit.errors import DomainError

KINDS = ("city", "consents", "deadlines", "catalogue", "scoring", "merchants", "community", "perks")
"""In the order of loading: a later kind may refer to an earlier one."""


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
            found[kind] = json.loads(json.dumps(tomllib.loads(path.read_text("utf-8")), default=_plain))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(f"{kind}.toml：{type(error).__name__}：{error}")
    if problems:
        raise CityRefused("；".join(problems), problems=problems)
    return found


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a city file")


def lint(contents: dict[str, dict[str, Any]]) -> list[str]:
    """Every problem that the registered checks find, each with its file's name."""
    problems = []
    for kind, content in contents.items():
        for field in ("version", "effective_on"):
            if not isinstance(content.get(field), str):
                problems.append(f"{kind}.toml：缺少 {field}")
        for check in _linters.get(kind, ()):
            problems += [f"{kind}.toml：{problem}" for problem in check(content, contents)]
    return problems


def load(session: Session, contents: dict[str, dict[str, Any]]) -> list[Policy]:
    """Lint, keep and apply a whole city. A version already kept is left as it is; changed content needs a new one."""
    if problems := lint(contents):
        raise CityRefused(f"{len(problems)} 处问题：" + "；".join(problems[:5]), problems=problems)
    loaded = []
    for kind in (kind for kind in KINDS if kind in contents):
        content = contents[kind]
        policy = Policy(kind, content["version"], date.fromisoformat(content["effective_on"]), content)
        _keep(session, policy)
        for apply in _appliers.get(kind, ()):
            apply(session, policy)
        loaded.append(policy)
    _seen.clear()
    return loaded


def _keep(session: Session, policy: Policy) -> None:
    digest = hashlib.sha256(json.dumps(policy.content, sort_keys=True).encode()).digest()
    key = (PolicyRow.kind == policy.kind, PolicyRow.version == policy.version)
    kept = session.execute(select(PolicyRow.digest).where(*key)).scalar()
    if kept is None:
        session.execute(
            insert(PolicyRow).values(
                kind=policy.kind, version=policy.version, effective_on=policy.effective_on,
                digest=digest, content=policy.content, loaded_at=clock.now(),
            )
        )  # fmt: skip
    elif kept != digest:
        problem = f"{policy.kind}.toml：版本 {policy.version} 已载入且不可更改，请改用新的版本号"
        raise CityRefused(problem, problems=[problem])


_TABLE: Any = PolicyRow.__table__
_IN_FORCE = (
    select(_TABLE.c.version, _TABLE.c.digest)
    .where(_TABLE.c.kind == bindparam("sort"), _TABLE.c.effective_on <= bindparam("day"))
    .order_by(_TABLE.c.effective_on.desc(), _TABLE.c.loaded_at.desc())
    .limit(1)
)


FRESH_SECONDS = 2.0
"""How long a read outside a transaction may still see the version that was in force before a load elsewhere."""


def get(reader: Reader, kind: str, on: date | None = None) -> Policy:
    """The version of ``kind`` in force on a Shanghai day (today by default).

    Content is cached for good. Which version holds is one narrow query: asked anew in every transaction, at most
    every two seconds by reads outside of one.
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
    row = reader.execute(_IN_FORCE, {"sort": kind, "day": day}).first()
    if row is None:
        raise CityMissing(kind=kind)
    if (known := _cache.get((kind, row.version, row.digest))) is None:
        known = version(reader, kind, row.version)
        _cache[(kind, row.version, row.digest)] = known
    return known


def version(reader: Reader, kind: str, name: str) -> Policy:
    """One kept version by name. Raises CityMissing when there is none."""
    row = reader.execute(select(PolicyRow.effective_on, PolicyRow.content).where(
        PolicyRow.kind == kind, PolicyRow.version == name)).first()  # fmt: skip
    if row is None:
        raise CityMissing(kind=kind, version=name)
    return Policy(kind, name, row.effective_on, row.content)


_cache: dict[tuple[str, str, bytes], Policy] = {}
_seen: dict[tuple[Engine, str, date], tuple[float, Policy]] = {}
