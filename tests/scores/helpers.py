"""Filing records and giving consents without the rooms that do so for residents."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from backend.consents import service as consents
from backend.kit import clock
from backend.records import service as records
from tests.scores.reference import Filed


def file(session: Session, resident_id: UUID, archive: list[Filed]) -> None:
    """Put an archive straight into the table."""
    rows = [
        {
            "resident_id": resident_id, "id": record.id, "version": 1, "item_code": record.item_code,
            "effect": "neutral", "source_name": "演示单位", "document_no": record.id.hex, "title": "演示记录",
            "decided_on": record.decided_on, "counts_until_on": record.counts_until_on, "status": record.status,
            "fields": {}, "known_from": clock.now(), "changed_at": clock.now(), "change_reason": "",
        }
        for record in archive
    ]  # fmt: skip
    if rows:
        session.execute(insert(records.records_table()), rows)


def consent(session: Session, resident_id: UUID, granted: bool = True) -> None:
    """A consent to the text in force, without telling anybody."""
    values: dict[str, Any] = {
        "resident_id": resident_id, "purpose": "score", "granted": granted, "changed_at": clock.now(),
        "text_version": consents.purpose_called(session, "score").text_version,
    }  # fmt: skip
    session.execute(insert(consents.consents_table()).values(**values))
