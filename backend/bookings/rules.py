"""What waiting and not coming mean, as pure functions. No session, no clock.

Not coming is no credit matter: it pauses the booking of slots of one scene for a while and enters no score (the notice
of the State Council's office, 国办发〔2020〕49号, keeps conduct without a legal basis out of credit records).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

SHANGHAI = timezone(timedelta(hours=8))
PROMOTE_BEFORE_MINUTES, MOST_WAITING, KEPT_DAYS = 30, 10, 31
"""Where the city says nothing. How long an entry of a slot that is over stays readable."""

WAITING, PROMOTED, LEFT, OVER = "waiting", "promoted", "left", "over"
STATE_TEXT = {WAITING: "候补中", PROMOTED: "已转为预约", LEFT: "已退出", OVER: "时段已到，没有轮到"}


class Policy(NamedTuple):
    """What a city decides: until how many minutes before a slot its places still go to who waits, and for how many
    slots one person may wait."""

    promote_before_minutes: int = PROMOTE_BEFORE_MINUTES
    most_waiting: int = MOST_WAITING

    def in_time(self, starts_at: datetime, now: datetime) -> bool:
        """Whether a place of a slot may still be given to somebody who waits."""
        return now < starts_at - timedelta(minutes=self.promote_before_minutes)


BOUNDS = {"promote_before_minutes": (0, 1440), "most_waiting": (1, 100)}


def policy(said: Mapping[str, Any]) -> Policy:
    """The city's words (``[bookings]`` of deadlines.toml) with what they leave out."""
    return Policy(**{key: int(said[key]) for key in BOUNDS if key in said})


def lint(said: Any) -> list[str]:
    """What is wrong with ``[bookings]``; nothing for a good one."""
    if not isinstance(said, Mapping):
        return ["bookings 应为表"]
    wrong = [f"bookings 没有 {key} 这一项" for key in said if key not in BOUNDS]
    for key, (least, most) in BOUNDS.items():
        value = said.get(key, least)
        if type(value) is not int or not least <= value <= most:
            wrong.append(f"bookings.{key} 应为 {least} 至 {most} 的整数")
    return wrong


def state_at(state: str, starts_at: datetime, now: datetime) -> str:
    """``waiting``, ``promoted``, ``left`` or ``over`` at an instant."""
    return OVER if state == WAITING and now >= starts_at else state


def promise(price_points: int, refund: str) -> str:
    """What joining means, in words: what a place will cost and until when it can be given back."""
    cost = f"冻结 {price_points} 积分" if price_points else "不需要积分"
    back = "时段开始前可以取消，积分全部退回，不算爽约" if refund == "until_used" else "按约定，兑换后不能取消"
    return f"轮到时如仍符合条件，自动为您兑换（{cost}），并发消息告诉您；{back}。轮到以前随时可以退出候补，不收积分。"


# --- not coming ------------------------------------------------------------------------------------------------------


class NoShow(NamedTuple):
    """Who misses ``strikes`` slots within ``within_days`` days books none of the scene for ``pause_days`` days."""

    strikes: int
    within_days: int
    pause_days: int


def counted(missed: Iterable[datetime], within_days: int, at: datetime) -> int:
    """How many of the slots that ended at these instants still count at ``at``."""
    since = at - timedelta(days=within_days)
    return sum(since < one <= at for one in missed)


def pause_until(missed: Sequence[datetime], rule: NoShow, at: datetime) -> datetime | None:
    """Until when the pause lasts that the latest strike brings at ``at``; None where it brings none."""
    if counted(missed, rule.within_days, at) < rule.strikes:
        return None
    return at + timedelta(days=rule.pause_days)


def still_paused(missed: Sequence[datetime], needed: int, within_days: int, paused_from: datetime) -> bool:
    """Whether a pause that began at an instant would have begun with only these strikes."""
    return counted(missed, within_days, paused_from) >= needed


# --- words and calendars ---------------------------------------------------------------------------------------------


def when(starts_at: datetime) -> str:
    """A slot's start, for people."""
    return f"{starts_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def calendar(*, uid: str, starts_at: datetime, ends_at: datetime, stamp: datetime, title: str, place: str,
             cancelled: bool) -> str:  # fmt: skip
    """One event as a calendar file (RFC 5545): UTC times, text escaped (3.3.11), lines folded at 75 octets (3.1)."""
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//xinyi-plus//bookings//ZH", "METHOD:PUBLISH", "BEGIN:VEVENT",
        f"UID:{uid}", f"DTSTAMP:{_utc(stamp)}", f"DTSTART:{_utc(starts_at)}", f"DTEND:{_utc(ends_at)}",
        f"SUMMARY:{escaped(title)}", *([f"LOCATION:{escaped(place)}"] if place else []),
        f"STATUS:{'CANCELLED' if cancelled else 'CONFIRMED'}", "END:VEVENT", "END:VCALENDAR",
    ]  # fmt: skip
    return "".join(f"{part}\r\n" for line in lines for part in folded(line))


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def escaped(text: str) -> str:
    """Text as a property's value."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def folded(line: str) -> list[str]:
    """A content line in pieces of at most 75 octets, each after the first behind a space; no character is cut."""
    parts, current = [], ""
    for character in line:
        if len((current + character).encode()) > 75:
            parts.append(current)
            current = " "
        current += character
    return [*parts, current]
