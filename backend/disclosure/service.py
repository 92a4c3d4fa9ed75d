"""Prepare, release and hand over an export. Nobody's data is read before it is written down that it is looked at."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import rules as people
from backend.accounts import service as accounts
from backend.consents import service as consents
from backend.disclosure import package
from backend.disclosure.errors import ExportExpired, ExportUsed
from backend.disclosure.models import DisclosureRow
from backend.disclosure.rules import FIELDS
from backend.kit import clock, seal, trail
from backend.kit.db import Reader
from backend.kit.errors import DomainError, FieldError, NotFound
from backend.kit.ids import new_id

__all__ = ["download", "execute", "offered", "prepare"]

LIFETIME = timedelta(hours=24)
_TERMS = ("fields", "purpose", "legal_basis", "document_no")


def prepare(session: Session, payload: dict[str, Any], _approval_id: UUID) -> tuple[Any, list[str], list[Any]]:
    """Find the people without saying whom. The frozen payload has masked numbers; who was found is hidden in it.

    Raises FieldError for an id number that cannot be one.
    """
    wanted = payload["people"]
    numbers = {at: _number(at, one["id_number"]) for at, one in enumerate(wanted) if "id_number" in one}
    found = accounts.find_people(session, numbers.values())
    kept = [_kept(one, numbers.get(at), found) for at, one in enumerate(wanted)]
    shown = "、".join(FIELDS[name] for name in payload["fields"])
    summary = [
        f"导出 {len(kept)} 人的：{shown}",
        f"用途：{payload['purpose']}",
        f"法律依据：{payload['legal_basis']}（{payload['document_no']}）",
        "指明的人：" + "、".join(one.get("id_number") or one["resident_id"] for one in kept),
        "批准后 24 小时内，提出人可下载一次；下载时登记每个人的“谁看过我”",
    ]
    # The digest that everybody sees covers what is hidden: without the salt it could be tried who is among us.
    return {**payload, "people": kept, "salt_hidden": secrets.token_urlsafe(16)}, summary, []


def _number(at: int, text: str) -> str:
    number = people.normal_id_number(text, clock.today())
    if number is None:
        raise FieldError.at(f"/people/{at}/id_number", "不是有效的身份证号（GB 11643）。", "Not a resident id number.")
    return number


def _kept(one: dict[str, Any], number: str | None, found: dict[str, UUID]) -> dict[str, Any]:
    if number is None:
        return {"resident_id": one["resident_id"], "found_hidden": one["resident_id"]}
    return {"id_number": seal.mask_id_number(number), "found_hidden": str(found[number]) if number in found else None}


def execute(session: Session, payload: dict[str, Any], approval_id: UUID, by: UUID) -> dict[str, Any]:
    """Let the proposer fetch it within 24 hours."""
    now = clock.now()
    named = [[one["found_hidden"], one.get("id_number") or one["resident_id"]] for one in payload["people"]]
    session.execute(
        insert(DisclosureRow).values(
            approval_id=approval_id, organisation_id=UUID(payload["organisation_id"]), proposed_by=by, people=named,
            terms={name: payload[name] for name in _TERMS}, approved_at=now, expires_at=now + LIFETIME,
            downloaded_at=None,
        )
    )  # fmt: skip
    return {"download_until": (now + LIFETIME).isoformat().replace("+00:00", "Z")}


def download(session: Session, approval_id: UUID, by: UUID, role: str) -> bytes:
    """The export as a ZIP file, once, for whoever proposed it; each person's access log is written first.

    Raises NotFound (also for everybody else, and before the approval), ExportUsed, ExportExpired.
    """
    row = _take(session, approval_id, by)
    known = accounts.living(session, {UUID(found) for found, _ in row.people if found})
    basis = f"{row.terms['legal_basis']}（{row.terms['document_no']}）"
    for resident_id in sorted(known):
        consents.record_look(
            session, resident_id, by, role, row.terms["purpose"], row.terms["fields"], basis, row.organisation_id,
            authorisation=f"approval:{approval_id}",
        )  # fmt: skip
    detail = {"people": len(known), "fields": row.terms["fields"], "approval_id": str(approval_id)}
    trail.note(session, by, role, "people.export.download", "approval", approval_id, detail)
    return package.build(session, row, known, package.Mark(approval_id, by, role, new_id()))


def offered(reader: Reader, approval_id: UUID, by: UUID) -> None:
    """Raise what :func:`download` would, and use nothing up."""
    row = reader.execute(_mine(approval_id, by)).first()
    if row is None or row.downloaded_at is not None or row.expires_at <= clock.now():
        raise _gone(row)


def _take(session: Session, approval_id: UUID, by: UUID) -> Any:
    """Use the one download up; the row's update lets only one of several at once through."""
    now = clock.now()
    mine = (DisclosureRow.approval_id == approval_id, DisclosureRow.proposed_by == by)
    free = (DisclosureRow.downloaded_at.is_(None), DisclosureRow.expires_at > now)
    taken = update(DisclosureRow).where(*mine, *free).values(downloaded_at=now)
    first = session.execute(taken.returning(DisclosureRow.approval_id)).first()
    row = session.execute(_mine(approval_id, by)).first()
    if row is None or first is None:
        raise _gone(row)
    return row


def _mine(approval_id: UUID, by: UUID) -> Any:
    mine = (DisclosureRow.approval_id == approval_id, DisclosureRow.proposed_by == by)
    return select(*DisclosureRow.__table__.c).where(*mine)


def _gone(row: Any) -> DomainError:
    """Why there is nothing to download."""
    if row is None:
        return NotFound()
    if row.downloaded_at is not None:
        return ExportUsed(downloaded_at=row.downloaded_at.isoformat().replace("+00:00", "Z"))
    return ExportExpired(expired_at=row.expires_at.isoformat().replace("+00:00", "Z"))
