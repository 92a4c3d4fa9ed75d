"""Codes on paper: opaque, on record, revoked one by one."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.codes import rules
from backend.codes.errors import PrintedCodeUnknown
from backend.codes.models import PrintedCode
from backend.kit import clock
from backend.kit.db import Reader, insert_if_absent


class Printed(NamedTuple):
    """A printed code on record. ``revoked_at`` is None while it counts."""

    code: str
    kind: str
    subject_id: UUID
    created_at: datetime
    revoked_at: datetime | None
    reason: str


_COLUMNS = [getattr(PrintedCode, name) for name in Printed._fields]


def printed_code(session: Session, kind: str, subject_id: UUID) -> str:
    """A new code for ``subject_id``; earlier ones go on counting until each is revoked. ``kind``: "merchant"…"""
    while True:
        code = rules.new_printed_code()
        row = dict(code=code, kind=kind, subject_id=subject_id, created_at=clock.now(), revoked_at=None, reason="")
        if insert_if_absent(session, PrintedCode, row, ("code",)):
            return code


def lookup_printed(reader: Reader, code: str) -> Printed:
    """The record of a code as printed or typed, also of a revoked one. Raises PrintedCodeUnknown (404).

    A typing error is found by the check sign, without a query.
    """
    normal = rules.normal_printed_code(code)
    row = None if normal is None else reader.execute(select(*_COLUMNS).where(PrintedCode.code == normal)).first()
    if row is None:
        raise PrintedCodeUnknown("请核对印刷的十位编号。", "Check the ten signs as printed.")
    return Printed(*row)


def printed_of(reader: Reader, kind: str, subject_id: UUID) -> list[Printed]:
    """All codes ever printed for a subject, the newest first."""
    of_subject = select(*_COLUMNS).where(PrintedCode.kind == kind, PrintedCode.subject_id == subject_id)
    rows = reader.execute(of_subject.order_by(PrintedCode.created_at.desc(), PrintedCode.code))
    return [Printed(*row) for row in rows]


def revoke_printed(session: Session, code: str, reason: str) -> Printed:
    """Revoke a code; the page under it says when and why from then on. A second time changes nothing."""
    if not reason or len(reason) > 200:
        raise ValueError("a revocation states its reason in 200 characters at most")
    found = lookup_printed(session, code)
    change = update(PrintedCode).where(PrintedCode.code == found.code, PrintedCode.revoked_at.is_(None))
    session.execute(change.values(revoked_at=clock.now(), reason=reason))
    return lookup_printed(session, code)
