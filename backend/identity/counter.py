"""Codes that a counter gives to whoever showed their card there."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.identity import rules
from backend.identity.errors import IdentityNotVerified
from backend.identity.models import CounterCodeRow
from backend.kit import clock, seal

COUNTER_CODE_LENGTH = 8
COUNTER_CODE_MINUTES = 15


def issue_counter_code(session: Session, name: str, id_number: str, issued_by: UUID) -> tuple[str, datetime]:
    """A code for the person whose card staff hold in their hands, and its end (15 minutes). It works once.

    It is bound to name and id number, and kept as a digest. Raises FieldError when these cannot be a person's.
    """
    name, id_number = accounts.normal("", name, id_number)
    code = "".join(secrets.choice(rules.COUNTER_CODE_ALPHABET) for _ in range(COUNTER_CODE_LENGTH))
    expires_at = clock.now() + timedelta(minutes=COUNTER_CODE_MINUTES)
    session.execute(
        insert(CounterCodeRow).values(
            digest=seal.digest("counter-code", code)[1], identity_digest=_identity(name, id_number)[0],
            issued_by=issued_by, expires_at=expires_at, used_at=None,
        )
    )  # fmt: skip
    return f"{code[:4]}-{code[4:]}", expires_at


def _identity(name: str, id_number: str) -> list[bytes]:
    return [digest for _, digest in seal.digests("counter-identity", f"{id_number}|{name}")]


def use_code(session: Session, name: str, id_number: str, code: str) -> None:
    """Use a code up for the person it was given to. Raises IdentityNotVerified."""
    now, code = clock.now(), rules.normal_counter_code(code)
    used = (
        update(CounterCodeRow)
        .where(
            CounterCodeRow.digest.in_([digest for _, digest in seal.digests("counter-code", code)]),
            CounterCodeRow.identity_digest.in_(_identity(name, id_number)),
            CounterCodeRow.used_at.is_(None),
            CounterCodeRow.expires_at > now,
        )
        .values(used_at=now)
        .returning(CounterCodeRow.digest)
    )
    if session.execute(used).first() is None:
        raise IdentityNotVerified()
