"""Tables of the batches. What departments sent lies compressed and sealed under a key of each batch."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, reference

_STATUS = "status IN ('received', 'working', 'done', 'failed', 'withdrawing', 'withdrawn')"
_MODE = "mode IN ('report', 'correction', 'check')"


class BatchRow(Base):
    """One file or one body of rows. ``rows_…`` and ``cells_…`` grow with each piece that is judged and filed.

    ``rows_added``, ``corrected``, ``unchanged``, ``rejected`` and ``quarantined`` add up to ``rows_judged`` (in mode
    check the first two are what would be filed). ``offset_done``, ``file_row``: where the next piece begins.
    ``lease_id``, ``lease_until``: which worker has it, and until when nobody else takes it up.
    """

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint(_STATUS, name="status_known"),
        CheckConstraint(_MODE, name="mode_known"),
        Index("ix_batches_organisation_id_received_at", "organisation_id", "received_at"),
        Index("ix_batches_received_at", "received_at"),
        Index("ix_batches_status_received_at", "status", "received_at"),
        reference(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[UUID]
    item_code: Mapped[str] = mapped_column(String(40))
    mode: Mapped[str] = mapped_column(String(12))
    format: Mapped[str] = mapped_column(String(8))
    file_name: Mapped[str] = mapped_column(String(200))
    size_bytes: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    encoding: Mapped[str] = mapped_column(String(10))
    heads: Mapped[list[Any]]
    data_key_sealed: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(12))
    rows_total: Mapped[int | None]
    rows_judged: Mapped[int]
    rows_added: Mapped[int]
    rows_corrected: Mapped[int]
    rows_unchanged: Mapped[int]
    rows_rejected: Mapped[int]
    rows_quarantined: Mapped[int]
    rows_duplicate: Mapped[int]
    rows_late: Mapped[int]
    rows_related: Mapped[int]
    rows_bad_code: Mapped[int]
    cells_expected: Mapped[int]
    cells_filled: Mapped[int]
    chunks_done: Mapped[int]
    offset_done: Mapped[int]
    file_row: Mapped[int]
    catalogue_version: Mapped[str] = mapped_column(String(40))
    catalogue_changes: Mapped[list[Any]]
    problem: Mapped[dict[str, Any] | None]
    received_at: Mapped[datetime]
    received_by: Mapped[UUID]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    withdrawn_by: Mapped[UUID | None]
    withdrawal_reason: Mapped[str] = mapped_column(String(200))
    lease_id: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    tries: Mapped[int]


class BatchFindingRow(Base):
    """How many rows have a fault in a column (``""``: in the row as a whole)."""

    __tablename__ = "batch_findings"
    __table_args__ = (reference(),)

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    column_name: Mapped[str] = mapped_column(String(60), primary_key=True)
    fault: Mapped[str] = mapped_column(String(40), primary_key=True)
    rows: Mapped[int]


class BatchFrameRow(Base):
    """A piece of an upload as it came, sealed. One whose batch never came to be is swept."""

    __tablename__ = "batch_frames"
    __table_args__ = (reference(),)

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(index=True)


class BatchReturnRow(Base):
    """The faulty rows of one piece as they go back, sealed. Number -1: the verdicts on rows that came as JSON."""

    __tablename__ = "batch_returns"
    __table_args__ = (reference(),)

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    rows: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)


class QuarantinedRow(Base):
    """A row whose name is not its code's. ``content``: the record to be filed and how it would go back, sealed."""

    __tablename__ = "quarantined_rows"
    __table_args__ = (
        CheckConstraint("decision IN ('accepted', 'rejected', 'withdrawn')", name="decision_known"),
        reference(),
    )

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    row_number: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(40))
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    decision: Mapped[str | None] = mapped_column(String(10))
    decision_reason: Mapped[str] = mapped_column(String(200))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]


batches = cast(Table, BatchRow.__table__)
findings = cast(Table, BatchFindingRow.__table__)
frames = cast(Table, BatchFrameRow.__table__)
returns = cast(Table, BatchReturnRow.__table__)
quarantined = cast(Table, QuarantinedRow.__table__)
