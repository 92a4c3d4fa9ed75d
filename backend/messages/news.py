"""What other rooms tell, put into words for the person it is about. Each runs in the teller's transaction."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import clock
from backend.messages import inbox


def _said(instant: datetime) -> str:
    at = instant.astimezone(clock.SHANGHAI)
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"


def on_recovered(session: Session, news: dict[str, Any]) -> None:
    """An account was recovered: both WeChats are told, the old one in an inbox of its own."""
    person = UUID(news["resident_id"])
    until = accounts.person(session, person).spending_paused_until
    pause = f"为防冒领，{_said(until)} 前不能兑换；" if until else ""
    inbox.write(session, person, "account-recovered", pause=pause)
    inbox.write(session, UUID(news["old_account_id"]), "account-moved", person=person)


def on_pause_lifted(session: Session, news: dict[str, Any]) -> None:
    inbox.write(session, UUID(news["resident_id"]), "pause-lifted")


def on_reviewed(session: Session, news: dict[str, Any]) -> None:
    """A submission has its last word."""
    kind = "submission-approved" if news["decision"] == "approve" else "submission-rejected"
    inbox.write(session, UUID(news["resident_id"]), kind, points=news["points"])


_DECLARATIONS = {
    "confirm": "declaration-confirmed", "reject": "declaration-rejected", "revoke": "declaration-revoked",
}  # fmt: skip


def on_declaration_decided(session: Session, news: dict[str, Any]) -> None:
    """A declaration was confirmed, rejected or its confirmation revoked."""
    inbox.write(session, UUID(news["resident_id"]), _DECLARATIONS[news["decision"]])


def _last(end: datetime) -> str:
    """The end as people say it: of what ends at midnight the last good day."""
    day = clock.shanghai_date(end - timedelta(microseconds=1))
    return f"{day.year}年{day.month}月{day.day}日" if end == clock.end_of_day(day) else _said(end)


def on_delegation_registered(session: Session, news: dict[str, Any]) -> None:
    until = _last(datetime.fromisoformat(news["ends_at"]))
    for resident_id in news["tell"]:
        inbox.write(session, UUID(resident_id), "delegation-registered", who=news["who"], until=until)


def on_delegation_ended(session: Session, news: dict[str, Any]) -> None:
    for resident_id in news["tell"]:
        inbox.write(session, UUID(resident_id), "delegation-ended", who=news["who"])


_OBLIGATION_KINDS = {"pay_after": "先享后付", "deposit_free": "免押"}
_DISPUTES = {"upheld": "upheld", "withdrawn": "cancelled"}


def on_obligation(session: Session, news: dict[str, Any]) -> None:
    """An obligation was charged, is due soon or late, has ended, or a dispute about it was decided."""
    what = _DISPUTES[news["decision"]] if news["what"] == "decided" else news["what"]
    facts = {name: news[name] for name in ("title", "partner_name", "amount")}
    facts["due"] = _said(datetime.fromisoformat(news["due_at"])) if news["due_at"] else ""
    fixed = UUID(news["message_id"]) if news["message_id"] else None
    facts["perk"] = _OBLIGATION_KINDS[news["kind"]]
    inbox.write(session, UUID(news["resident_id"]), f"obligation-{what}", message_id=fixed, **facts)


def on_points_ending(session: Session, news: dict[str, Any]) -> None:
    """Points end on a day: how many, when, and how many days are left."""
    last, left = date.fromisoformat(news["expires_on"]), news["days_left"]
    inbox.write(
        session, UUID(news["resident_id"]), "points-ending", points=news["points"],
        day=f"{last.year}年{last.month}月{last.day}日", left=f"还有 {left} 天" if left else "今天是最后一天",
    )  # fmt: skip
