"""What the archives owe each day: deleting what is past its day."""

from __future__ import annotations

from datetime import date

from backend.kit import db, jobs
from backend.records import retention

CHUNK = 1_000
"""Records deleted in one transaction: short enough that no request waits for it."""


def delete_past_retention(day: date) -> str:
    """Delete what is past its last day on ``day``, item by item, chunk by chunk.

    Each chunk commits with its line of the proof, so an interrupted run is taken up by the next.
    """
    with db.reading() as reader:
        codes = retention.codes_on_file(reader)
    total = 0
    for code in codes:
        deleted = CHUNK
        while deleted:
            with db.transaction() as session:
                deleted = retention.delete_due(session, code, day, CHUNK)
            total += deleted
        with db.transaction() as session:
            retention.close_day(session, code, day)
    return f"{total} records and versions of {len(codes)} items"


def register() -> None:
    """Put the archives' daily task on the list."""
    jobs.register(jobs.Job("records.retention", "删除保存期满的信用信息", delete_past_retention))
