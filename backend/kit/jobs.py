"""What is due each day, and what is done.

The scheduler is only a clock. What stands in the table decides: one row per ``(job, due_on)``, so that a lost tick
is caught up and a doubled one changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import String, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit import clock, db
from backend.kit.db import Base, Reader, insert_if_absent, local

log = structlog.get_logger("jobs")


class JobRun(Base):
    __tablename__ = "job_runs"
    __table_args__ = (local(),)

    job: Mapped[str] = mapped_column(String(60), primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(200))


@dataclass(frozen=True)
class Job:
    """A daily task. ``run(day)`` opens its own transactions, does a bounded amount of work, is safe to repeat."""

    name: str
    title: str
    run: Callable[[date], str]


_jobs: dict[str, Job] = {}


def register(job: Job) -> None:
    _jobs[job.name] = job


def registered() -> list[Job]:
    return list(_jobs.values())


def last_done(reader: Reader) -> dict[str, datetime]:
    """When each registered job last succeeded, if it did within 35 days."""
    since = clock.today() - timedelta(days=35)
    rows = reader.execute(
        select(JobRun.job, func.max(JobRun.done_at))
        .where(JobRun.job.in_(_jobs), JobRun.due_on >= since, JobRun.done_at.is_not(None))
        .group_by(JobRun.job)
    )
    return {row[0]: row[1] for row in rows if row[1] is not None}


def run_due(day: date | None = None) -> list[str]:
    """Run what today still owes and return the names. One job's failure is noted and leaves the others alone."""
    due_on = day or clock.today()
    with db.reading() as reader:
        done = set(
            reader.execute(select(JobRun.job).where(JobRun.due_on == due_on, JobRun.done_at.is_not(None))).scalars()
        )
    return [job.name for job in _jobs.values() if job.name not in done and _run(job, due_on)]


def _run(job: Job, due_on: date) -> bool:
    started = dict(job=job.name, due_on=due_on, started_at=clock.now(), done_at=None, outcome="")
    with db.transaction() as session:
        insert_if_absent(session, JobRun, started, ("job", "due_on"))
    try:
        outcome, done_at = job.run(due_on), clock.now()
    except Exception as error:  # noted, and due again at the next tick
        log.exception("job.failed", job=job.name)
        outcome, done_at = f"failed: {type(error).__name__}", None
    with db.transaction() as session:
        session.execute(
            update(JobRun)
            .where(JobRun.job == job.name, JobRun.due_on == due_on)
            .values(done_at=done_at, outcome=outcome[:200])
        )
    return done_at is not None


# --- what is done more often than daily --------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """What a worker does every so many seconds, at the clock's next minute. ``run`` is as safe to repeat as a job's."""

    name: str
    every_seconds: int
    run: Callable[[], str]


_steps: dict[str, Step] = {}
_stepped: dict[str, float] = {}


def often(step: Step) -> None:
    """Register a step."""
    _steps[step.name] = step


def run_steps() -> list[str]:
    """Run the steps whose time has come in this process and return their names. A failure is noted, and that step
    is due again at the next minute."""
    done = []
    for step in _steps.values():
        if time.monotonic() - _stepped.get(step.name, float("-inf")) < step.every_seconds:
            continue
        try:
            step.run()
        except Exception:
            log.exception("step.failed", step=step.name)
            continue
        _stepped[step.name] = time.monotonic()
        done.append(step.name)
    return done


# --- what goes on beside the rest ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Labour:
    """Work that may take minutes and must not hold up the rest: a worker gives each a thread of its own.

    ``run(stopped)`` takes up what waits, works until it is done or told to stop, and says whether there was any. It is
    safe in several workers at once.
    """

    name: str
    run: Callable[[Callable[[], bool]], bool]


_labours: dict[str, Labour] = {}


def beside(labour: Labour) -> None:
    """Register a labour."""
    _labours[labour.name] = labour


def labours() -> list[Labour]:
    return list(_labours.values())
