"""Tables of scores. All of a resident's go when the consent does."""

from __future__ import annotations

from datetime import date, datetime
from typing import cast
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed, local


class ScoreRow(Base):
    """``value`` holds from ``as_of_on`` until the day before ``next_change_on`` (None: until something happens)."""

    __tablename__ = "scores"
    __table_args__ = (Index("ix_scores_due_keys", "next_change_on", "resident_id"), distributed())

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    value: Mapped[int]
    level_id: Mapped[str] = mapped_column(String(20))
    policy_version: Mapped[str] = mapped_column(String(40))
    as_of_on: Mapped[date]
    next_change_on: Mapped[date | None]
    computed_at: Mapped[datetime]


class ReasonRow(Base):
    """What the version before still stores. Reasons are computed when somebody asks; the nightly run empties this."""

    __tablename__ = "score_reasons"
    __table_args__ = (
        CheckConstraint("capped_by IN ('', 'period', 'total', 'dimension')", name="capped_by_known"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    points: Mapped[int]
    dimension_id: Mapped[str] = mapped_column(String(40))
    indicator_id: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[UUID | None]
    percent: Mapped[int]
    capped_by: Mapped[str] = mapped_column(String(10))
    expires_on: Mapped[date | None]
    changes_on: Mapped[date | None]


class HistoryRow(Base):
    """A change of the number or the level, and why. ``record_id``: the record that caused it, if one did."""

    __tablename__ = "score_history"
    __table_args__ = (Index("ix_score_history_newest", "resident_id", "at"), distributed())

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    value: Mapped[int]
    level_id: Mapped[str] = mapped_column(String(20))
    previous_value: Mapped[int | None]
    policy_version: Mapped[str] = mapped_column(String(40))
    as_of_on: Mapped[date]
    cause: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[UUID | None]
    at: Mapped[datetime]


class RunRow(Base):
    """Where a run over the whole city stands. ``after_id``: the last key done; ``version``: for whose sake it runs."""

    __tablename__ = "score_runs"
    __table_args__ = (local(),)

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    version: Mapped[str] = mapped_column(String(40))
    after_id: Mapped[UUID]
    computed: Mapped[int]
    changed: Mapped[int]
    started_at: Mapped[datetime]
    moved_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


scores = cast(Table, ScoreRow.__table__)
reasons = cast(Table, ReasonRow.__table__)
history = cast(Table, HistoryRow.__table__)
runs = cast(Table, RunRow.__table__)
