"""Recovery codes: ten for the day the phone is gone. Each works once, in place of a one-time code."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.db import Reader
from backend.staff import passwords, rules
from backend.staff.models import RecoveryCodeRow

Prepared = tuple[str, str, str]
"""What is shown, the selector, and the hash that is kept."""


def prepare() -> list[Prepared]:
    """Ten fresh codes. Ten slow hashes: outside any transaction."""
    selectors: set[str] = set()
    while len(selectors) < rules.RECOVERY_CODES:
        selectors.add(_random(rules.RECOVERY_SELECTOR))
    made = []
    for selector in sorted(selectors):
        secret = _random(rules.RECOVERY_SECRET)
        made.append((rules.readable_recovery_code(selector + secret), selector, passwords.hash_code(secret)))
    return made


def _random(length: int) -> str:
    return "".join(secrets.choice(rules.RECOVERY_ALPHABET) for _ in range(length))


def replace(session: Session, staff_id: UUID, prepared: Sequence[Prepared]) -> list[str]:
    """Let these be the account's codes, and no others. What is to be shown, once."""
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.staff_id == staff_id))
    now = clock.now()
    rows = [
        dict(staff_id=staff_id, selector=selector, code_hash=kept, created_at=now, used_at=None)
        for _, selector, kept in prepared
    ]
    if rows:
        session.execute(insert(RecoveryCodeRow), rows)
    return [shown for shown, _, _ in prepared]


def matching(reader: Reader, staff_id: UUID | None, text: str) -> str | None:
    """The selector of the unused code of this account that ``text`` is; None otherwise. One Argon2id either way."""
    code = rules.normal_recovery_code(text) or ""
    selector, secret = code[: rules.RECOVERY_SELECTOR], code[rules.RECOVERY_SELECTOR :]
    this = (RecoveryCodeRow.staff_id == staff_id, RecoveryCodeRow.selector == selector)
    kept = reader.execute(select(RecoveryCodeRow.code_hash).where(*this, RecoveryCodeRow.used_at.is_(None))).scalar()
    return selector if passwords.verify_code(kept or "", secret) else None


def use(session: Session, staff_id: UUID, selector: str) -> bool:
    """Use a code up; False when it was used a moment ago."""
    this = (RecoveryCodeRow.staff_id == staff_id, RecoveryCodeRow.selector == selector)
    used = update(RecoveryCodeRow).where(*this, RecoveryCodeRow.used_at.is_(None)).values(used_at=clock.now())
    return session.execute(used.returning(RecoveryCodeRow.selector)).first() is not None


def left(reader: Reader, staff_id: UUID) -> int:
    """How many codes are still good."""
    unused = (RecoveryCodeRow.staff_id == staff_id, RecoveryCodeRow.used_at.is_(None))
    found: int = reader.execute(select(func.count()).select_from(RecoveryCodeRow).where(*unused)).scalar_one()
    return found
