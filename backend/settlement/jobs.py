"""What settlement owes: the month before is prepared on its day, and what is being prepared goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sqlalchemy import select

from backend.kit import db
from backend.kit import jobs as daily
from backend.settlement import preparing, rules
from backend.settlement.models import statements


def prepare_month(day: date) -> str:
    """Begin the statements of the month before that are due; their lines are written by :func:`write_lines`.

    A statement that stands is left alone, so that a repeat changes nothing. A city that was down for months orders
    the older ones by hand.
    """
    month = rules.month_before(day)
    with db.reading() as reader:
        if not rules.may_prepare(month, day, preparing.setting(reader, "prepare_on_day")):
            return "not yet"
        due = preparing.due_partners(reader, month)
    for partner_id in due:
        with db.transaction() as session:
            preparing.begin(session, partner_id, month)
    write_lines(lambda: False)
    return f"{len(due)} statements"


def write_lines(stopped: Callable[[], bool]) -> bool:
    """Write the lines of every statement that is being prepared, a stretch in each transaction."""
    with db.reading() as reader:
        waiting = list(reader.execute(select(statements.c.id).where(statements.c.state == "preparing")).scalars())
    for statement_id in waiting:
        more = True
        while more and not stopped():
            with db.transaction() as session:
                more = preparing.write_stretch(session, statement_id)
    return bool(waiting)


def register() -> None:
    """Register this room's job and labour. The composition root calls it once."""
    daily.register(daily.Job("settlement.prepare", "编制上月的结算单", prepare_month))
    daily.beside(daily.Labour("settlement", write_lines))
