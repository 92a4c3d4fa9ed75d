"""Daily: say who was looked at yesterday, and forget old messages."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid5

from sqlalchemy import delete

from backend.consents import service as consents
from backend.kit import city, clock, db, jobs
from backend.messages import inbox
from backend.messages.models import AcceptanceRow, DeliveryRow, MessageRow

KEPT_DAYS = 180
"""Where the city's ``kept_days.message_log`` says nothing else."""
AT_ONCE = 200
_LOOKS = UUID("7c1d2a52-6a55-5f0e-9f0c-2d6a3a3c9b11")


def tell_of_looks(day: date) -> str:
    """One message for everyone whom somebody looked at on the day before: a digest, not a message each time.

    In chunks; a repeat finds the message of that day and person and writes none.
    """
    of, told, after = day - timedelta(days=1), 0, None
    said = f"{of.year}年{of.month}月{of.day}日"
    while True:
        with db.transaction() as session:
            found = consents.looked_at(session, of, AT_ONCE, after)
            for resident_id, times in found:
                fixed = uuid5(_LOOKS, f"{resident_id}/{of}")
                told += bool(inbox.write(session, resident_id, "looked-at", message_id=fixed, day=said, times=times))
        if len(found) < AT_ONCE:
            return f"{told} people told"
        after = found[-1][0]


def forget_old_messages(day: date) -> str:
    """Delete messages, what became of them, and spent acceptances, once the days promised in the consent are over."""
    with db.transaction() as session:
        days = int(city.get(session, "city", day).content.get("kept_days", {}).get("message_log", KEPT_DAYS))
    before = clock.start_of_day(day) - timedelta(days=days)
    for old in (
        delete(DeliveryRow).where(DeliveryRow.at < before),
        delete(MessageRow).where(MessageRow.created_at < before),
        delete(AcceptanceRow).where(AcceptanceRow.spent_at < before),
    ):
        with db.transaction() as session:
            session.execute(old)
    return f"kept {days} days"


def register() -> None:
    jobs.register(jobs.Job("messages.tell-of-looks", "告知昨天被查看过的人", tell_of_looks))
    jobs.register(jobs.Job("messages.forget-old", "清理过期的消息和发送记录", forget_old_messages))
