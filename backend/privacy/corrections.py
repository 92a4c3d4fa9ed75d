"""Correcting what is wrong about oneself: the phone by WeChat's word, the name by a counter's."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.rules import Limit, normal_name
from backend.identity import service as identity
from backend.identity.errors import IdentityNotVerified
from backend.kit import seal, trail

PHONE_ATTEMPT, NAME_ATTEMPT = "change-phone", "change-name"
PER_DAY = Limit(5, timedelta(hours=24))


def count(session: Session, kind: str, account_id: UUID) -> None:
    """Count an attempt to correct something. Raises TooManyAttempts."""
    accounts.count_attempt(session, kind, str(account_id), PER_DAY)


def uncount(session: Session, kind: str, account_id: UUID) -> None:
    """Give an attempt back that another's system kept from being judged."""
    accounts.give_attempt_back(session, kind, str(account_id))


def correct_phone(session: Session, resident_id: UUID, account_id: UUID, phone: str) -> str:
    """Keep a phone that WeChat vouches for; the phone, masked. The trail says that it changed, never to what."""
    accounts.change_phone(session, resident_id, phone)
    _note(session, resident_id, account_id, "phone")
    return seal.mask_phone(phone)


def correct_name(session: Session, resident_id: UUID, account_id: UUID, name: str, counter_code: str) -> str:
    """Keep a new name that a clerk vouched for with this person's own id number; the name, masked.

    Raises IdentityNotVerified, whatever is wrong.
    """
    wanted = normal_name(name)
    if wanted is None:
        raise IdentityNotVerified()
    id_number = accounts.open_person(session, resident_id).id_number
    identity.use_code(session, wanted, id_number, counter_code)
    accounts.rename(session, resident_id, wanted)
    accounts.clear_attempts(session, NAME_ATTEMPT, str(account_id))
    _note(session, resident_id, account_id, "name")
    return seal.mask_name(wanted)


def _note(session: Session, resident_id: UUID, account_id: UUID, field: str) -> None:
    trail.note(session, account_id, "resident", f"privacy.correct-{field}", "resident", resident_id)
