"""What this room owes each day."""

from __future__ import annotations

from datetime import date

from backend.kit import clock, db
from backend.kit import jobs as daily
from backend.privacy import departure


def sweep_departed(_day: date) -> str:
    """Look again at who left lately, each in a transaction of its own."""
    found = people = 0
    while True:
        with db.reading() as reader:
            due = departure.due_for_sweep(reader, clock.now())
        if not due:
            return f"{people} departures swept, {found} rows found"
        for resident_id in due:
            with db.transaction() as session:
                found += departure.sweep(session, resident_id)
            people += 1


def forget_proofs(day: date) -> str:
    """Delete what was kept of departures whose periods are over."""
    gone = 0
    while True:
        with db.transaction() as session:
            count = departure.forget(session, day)
        gone += count
        if not count:
            return f"{gone} departures forgotten"


def register() -> None:
    """Register this room's jobs. The composition root calls it once."""
    daily.register(daily.Job("privacy.sweep-departed", "复查刚退出的人是否还有遗留信息", sweep_departed))
    daily.register(daily.Job("privacy.forget-proofs", "清理到期的退出证明", forget_proofs))
