"""Who stands before a counter: her card in the clerk's hand, or the code that she shows."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.codes import service as codes
from backend.codes.errors import CodeExpired, CodeNotVerified
from backend.delegation.looks import CARD, Desk
from backend.identity.errors import IdentityNotVerified
from backend.kit.db import Reader

COUNTER_USE = "counter"
_CODES = UUID("0d6a4c4e-93b8-5b0b-9a54-5e3c6fd6b2aa")


class CardProof(NamedTuple):
    """As on the card; ``at``: where it stands in the body, for problems."""

    name: str
    id_number: str
    at: str = ""


class CodeProof(NamedTuple):
    """A presentation code that we signed for a counter. The delegation's id is made of the code's: it works once."""

    resident_id: UUID
    delegation_id: UUID


def read_code(reader: Reader, text: str) -> CodeProof:
    """The proof in a code. Raises IdentityNotVerified whatever is wrong with it, also where the account was recovered
    since: then it is another's phone.
    """
    try:
        claims = codes.read_code(reader, codes.Purpose.PRESENTATION, text)
    except (CodeExpired, CodeNotVerified):
        raise IdentityNotVerified() from None
    if claims.resident_id is None or claims.use != COUNTER_USE:
        raise IdentityNotVerified()
    since = accounts.holds_since(reader, claims.resident_id)
    if since is None or claims.issued_at < since.replace(microsecond=0):
        raise IdentityNotVerified()
    return CodeProof(claims.resident_id, uuid5(_CODES, str(claims.subject_id)))


def person_before_us(session: Session, desk: Desk, proof: CardProof) -> UUID:
    """The resident on a card; whoever was never seen is known from now on. The look is written down first.

    Raises FieldError where a card cannot be one; IdentityNotVerified where we know its number by another name.
    """
    name, id_number = accounts.normal(proof.at, proof.name, proof.id_number)
    resident_id = accounts.ensure_person(session, name, id_number)
    desk.look(session, resident_id, CARD)
    if accounts.open_person(session, resident_id).name != name:
        raise IdentityNotVerified()
    return resident_id
