"""The city's limits on points, in force under the wallet's lock, at no statement of their own.

What was counted lies in the wallet's row, which the act locks, reads and writes anyway. What the city allows is asked
for once in a minute by each process.
"""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from backend.kit import city, clock
from backend.kit.city import CityMissing
from backend.ledger import counting
from backend.ledger.book import Book
from backend.ledger.counting import Breach, Limits
from backend.ledger.errors import PointsLimitReached

FRESH_SECONDS = 60.0
"""How long a process goes by what it read."""

NONE = Limits()
log = structlog.get_logger("ledger")
_seen: WeakKeyDictionary[sa.Engine, tuple[float, Limits]] = WeakKeyDictionary()
_enforced = False


def bind(mode: str) -> None:
    """Say whether a limit refuses (``on``) or only counts (anything else); the composition root does."""
    global _enforced
    _enforced = mode == "on"


def lint_policy(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``city.toml`` that the composition root registers."""
    return counting.lint(content)


def forget(*_: object) -> None:
    """Read the city's limits anew at the next act: it was loaded."""
    _seen.clear()


def in_force(session: Session) -> Limits:
    """What the city allows now, as it was up to a minute ago; nothing is limited before a city is loaded."""
    bind_ = session.get_bind()
    engine = bind_.engine if isinstance(bind_, sa.Connection) else bind_
    known = _seen.get(engine)
    if known is None or time.monotonic() - known[0] > FRESH_SECONDS:
        known = _seen[engine] = (time.monotonic(), _read(session))
    return known[1]


def _read(session: Session) -> Limits:
    try:
        return counting.limits_of(city.get(session, "city").content)
    except CityMissing:
        return NONE


def count(session: Session, book: Book, code: str, points: int) -> Breach | None:
    """Count one of the resident's own transfers in the book; or the limit that it would break, and nothing counted."""
    limits = in_force(session)
    if not limits:
        return None
    told, breach = counting.counted(book.counted, limits, code, points, clock.now(), clock.today())
    if breach is not None and not _enforced:
        log.warning("ledger.over_limit", limit=breach.limit)
        return None
    book.counted = told
    return breach


def refusal(breach: Breach) -> PointsLimitReached:
    """The refusal that says which limit, and when to come again."""
    now, local = clock.now(), breach.again_at.astimezone(clock.SHANGHAI)
    error = PointsLimitReached(
        f"限额 {breach.most}，{_words(breach.limit)}。请在 {local:%Y-%m-%d %H:%M} 之后再试。",
        f"The limit is {breach.most}; try again after {breach.again_at.isoformat()}.",
        limit=breach.limit, most=breach.most, again_at=breach.again_at.isoformat().replace("+00:00", "Z"),
    )  # fmt: skip
    error.headers["Retry-After"] = str(max(1, int((breach.again_at - now).total_seconds()) + 1))
    return error


def _words(limit: str) -> str:
    return "本分钟的次数已满" if limit == "transfers_per_minute" else "今天这一类积分已到上限"
