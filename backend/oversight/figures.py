"""The gauges that are read from tables: what an operator asks of the figures, each by one cheap question."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from backend import __version__
from backend.accounts import service as accounts
from backend.codes import service as codes
from backend.kit import clock, jobs, outbox
from backend.kit.db import Reader
from backend.kit.figures import TABLES, Row, Table
from backend.ledger import service as ledger
from backend.oversight import rules, service

MOST_BUDGETS = 50
STATES = ("waiting", "dead")


def _age(at: datetime | None) -> float:
    return 0.0 if at is None else max(0.0, (clock.now() - at).total_seconds())


def _outbox_rows(reader: Reader) -> Iterable[Row]:
    return [((state,), outbox.backlog(reader, state).rows) for state in STATES]


def _outbox_age(reader: Reader) -> Iterable[Row]:
    return [((state,), _age(outbox.backlog(reader, state).oldest_at)) for state in STATES]


def _jobs(reader: Reader) -> Iterable[Row]:
    return [((name,), _age(at)) for name, at in jobs.last_done(reader).items()]


def _budgets(reader: Reader) -> Iterable[Row]:
    tight = ledger.tightest_budgets(reader, clock.today(), MOST_BUDGETS)
    names = {one.id: one.name for one in accounts.organisations(reader, {one.organisation_id for one in tight})}
    return [
        ((str(one.organisation_id), names.get(one.organisation_id, "")), one.granted_points - one.spent_points)
        for one in tight
    ]


def _status_list(reader: Reader) -> Iterable[Row]:
    return [((), codes.status_list_age_seconds(reader))]


def _seal_age(reader: Reader) -> Iterable[Row]:
    last = service.newest(reader)
    return [((), _age(rules.instant(last.told["sealed_at"])))] if last else []


def _unsealed_age(reader: Reader) -> Iterable[Row]:
    return [((), _age(service.waiting(reader)[1]))]


def _build(_: Reader) -> Iterable[Row]:
    return [((__version__,), 1)]


def register() -> None:
    """Tell the kit what may be asked."""
    for name, words, labels, read in (
        ("xinyi_outbox_rows", "Outbox rows that wait, or were given up (to 10,000)", ("state",), _outbox_rows),
        ("xinyi_outbox_oldest_seconds", "Age of the oldest outbox row that waits, or was given up", ("state",),
         _outbox_age),
        ("xinyi_job_last_success_seconds", "Time since a daily job last succeeded", ("job",), _jobs),
        ("xinyi_budget_left_points", "Points left this month: the 50 tightest budgets",
         ("organisation_id", "organisation"), _budgets),
        ("xinyi_status_list_age_seconds", "Age of the revocation list that is given out now", (), _status_list),
        ("xinyi_trail_seal_age_seconds", "Age of the newest seal", (), _seal_age),
        ("xinyi_trail_unsealed_seconds", "Age of the oldest look or act that no seal covers", (), _unsealed_age),
        ("xinyi_build_info", "The release that answers", ("version",), _build),
    ):  # fmt: skip
        TABLES.register(Table(name, words, labels, read))
