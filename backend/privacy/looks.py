"""Staff look at a person: for a declared reason, with an authorisation, and only after the look is written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.rules import Limit, birth_on
from backend.codes import service as codes
from backend.community import service as community
from backend.consents import service as consents
from backend.kit import clock, seal, trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.ledger import service as ledger
from backend.perks import service as perks
from backend.privacy import rooms, rules
from backend.records import service as records

ATTEMPT = "look-at-person"
COUNTER = "counter-clerk"
MOST_RECORDS = 100


class Clerk(NamedTuple):
    """Who looks, in which role, and on whose behalf."""

    account_id: UUID
    role: str
    organisation_id: UUID | None


@dataclass(frozen=True, repr=False)
class Request:
    """What is asked: one of id number and presentation code, why, by which authorisation, which fields in clear."""

    id_number: str | None
    presentation_code: str | None
    purpose: str
    authorisation: str
    fields: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class PersonLook:
    """What is shown: masked, and ``clear`` only what was asked for. ``id``: the look's, as it stands in the log."""

    id: UUID
    resident_id: UUID
    name: str
    id_number: str
    phone: str | None
    clear: dict[str, Any]


def judge(reader: Reader, clerk: Clerk, request: Request) -> rules.Purpose:
    """The declared purpose of a request that may be made. Raises FieldError; nothing has been looked up yet."""
    known = {one.id: one for one in rules.purposes(rooms.policy(reader)["looks"]).values() if clerk.role in one.roles}
    purpose = known.get(request.purpose)
    if purpose is None:
        allowed = "、".join(f"{one.id}（{one.title}）" for one in known.values())
        raise FieldError.at("/purpose", f"可用的理由：{allowed}", "Possible: " + ", ".join(known))
    for place, field in enumerate(request.fields):
        if field not in purpose.fields:
            allowed = "、".join(purpose.fields)
            raise FieldError.at(f"/fields/{place}", f"这一理由可以查看：{allowed}", f"This purpose allows: {allowed}")
    if wrong := rules.authorisation_problem(request.authorisation, at_counter=clerk.role == COUNTER):
        raise FieldError.at("/authorisation", *wrong)
    if (request.id_number is None) == (request.presentation_code is None):
        raise FieldError.at("/id_number", "身份证号和身份码二选一。", "Either an id number or a presentation code.")
    return purpose


def count(session: Session, clerk: Clerk) -> None:
    """Count a look of the clerk's day, found or not. Raises TooManyAttempts."""
    most = int(rooms.policy(session)["looks"]["per_day"])
    accounts.count_attempt(session, ATTEMPT, str(clerk.account_id), Limit(most, timedelta(days=1)))


def look(session: Session, clerk: Clerk, request: Request, purpose: rules.Purpose) -> PersonLook | NotFound:
    """Write the look down, then show it. Raises what reading a presentation code raises.

    Somebody who is not known is a refusal that is *returned*: the attempt stays in the trail, without the number.
    """
    resident_id = _find(session, request)
    detail = {"purpose": purpose.id, "fields": list(request.fields)}
    if resident_id is None:
        trail.note(session, clerk.account_id, clerk.role, "people.look-for-unknown", "resident", "", detail)
        return NotFound("没有这个人的信息。", "Nobody is known by this number.")
    look_id = consents.record_look(
        session, resident_id, clerk.account_id, clerk.role, purpose.title, _seen(request.fields), purpose.basis,
        clerk.organisation_id, authorisation=_authorisation(request),
    )  # fmt: skip
    trail.note(session, clerk.account_id, clerk.role, "people.look", "resident", resident_id, detail)
    return _show(session, resident_id, look_id, request.fields)


def _authorisation(request: Request) -> str:
    """As the log has it: what showed that the person is there, or the document."""
    if request.authorisation == rules.PRESENT:
        return "presence:counter" if request.presentation_code is None else "presence:code"
    return f"document:{request.authorisation}"


def _seen(fields: Sequence[str]) -> list[str]:
    return ["masked_name", *fields]


def _find(reader: Reader, request: Request) -> UUID | None:
    if request.id_number is not None:
        return accounts.find_person(reader, request.id_number)
    claims = codes.read_code(reader, codes.Purpose.PRESENTATION, request.presentation_code or "")
    if claims.use != perks.COUNTER_USE:
        raise codes.CodeNotVerified.because("wrong-purpose")
    gone = claims.resident_id is None or accounts.has_left(reader, claims.resident_id)
    return None if gone else claims.resident_id


def _show(reader: Reader, resident_id: UUID, look_id: UUID, fields: Sequence[str]) -> PersonLook:
    known = accounts.open_person(reader, resident_id)
    clear = {field: _CLEAR[field](reader, known) for field in fields}
    phone = seal.mask_phone(known.phone) if known.phone else None
    masked = seal.mask_name(known.name), seal.mask_id_number(known.id_number), phone
    return PersonLook(look_id, resident_id, *masked, clear)


def _records(reader: Reader, known: accounts.OpenedPerson) -> list[dict[str, Any]]:
    names = ("title", "effect", "source_name", "document_no", "decided_on", "status")
    found = records.records_of(reader, known.resident_id, MOST_RECORDS)
    return [{name: getattr(one, name) for name in names} for one in found]


def _consents(reader: Reader, known: accounts.OpenedPerson) -> list[str]:
    return [one.purpose.title for one in consents.consents(reader, known.resident_id) if one.granted]


def _communities(reader: Reader, known: accounts.OpenedPerson) -> list[str]:
    return [one.name for one in community.communities(reader, known.resident_id) if one.signed_at]


_CLEAR: dict[str, Callable[[Reader, accounts.OpenedPerson], Any]] = {
    "name": lambda _, known: known.name,
    "id_number": lambda _, known: known.id_number,
    "phone": lambda _, known: known.phone,
    "birth_on": lambda _, known: birth_on(known.id_number),
    "bound_at": lambda reader, known: accounts.bound_at(reader, known.resident_id),
    "consents": _consents,
    "communities": _communities,
    "balance_points": lambda reader, known: ledger.balance(reader, known.resident_id, clock.today()),
    "records": _records,
}
"""How each field that may be asked for is read."""
