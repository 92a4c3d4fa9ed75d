"""Declarers, those who verify, and what they hand in."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.declarations import desk, service, shelves
from backend.declarations.desk import Reviewer
from backend.declarations.service import Declarer, NewDeclaration
from backend.kit import clock, files
from backend.kit.operations import Operation
from backend.records.rules import normal_entity_code
from tests.community.pictures import picture
from tests.factories import accounts as people

CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
SOURCE, OF_LABOUR = "区发展和改革委员会", "区人力资源和社会保障局"
"""The sources of NP-SEL-01 and LE-SEL-01, and of NP-QUA-01."""
_order = itertools.count(secrets.randbelow(10**8))


@pytest.fixture(autouse=True)
def _city(city: dict[str, Any]) -> None:
    """江宁."""


def credit_code() -> str:
    """A valid unified social credit code that no other call gave; its organisation part says that it is a test's."""
    head = f"91329999{next(_order) % 10**8:08d}X"
    return next(code for last in CODE_CHARACTERS if (code := normal_entity_code(head + last)))


def act(actor: UUID | None = None) -> Operation:
    """A first-time act."""
    return Operation(actor or uuid4(), uuid4(), b"d" * 32)


def photo(session: Session, owner: UUID) -> UUID:
    return files.save_image(session, owner, picture(), max_bytes=10**6, max_pixels=10**6)


def certificate(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The columns of NP-QUA-01, filled in."""
    told: dict[str, Any] = {
        "document_no": f"演示证{number}号", "document_name": "演示职业资格证书", "authority": "演示发证单位",
        "decided_on": (clock.today() - timedelta(days=30)).isoformat(), "occupation": "演示职业",
        "current_status": "有效",
    }  # fmt: skip
    return {name: value for name, value in {**told, **changes}.items() if value is not None}


def matter(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The columns of NP-SEL-01 and LE-SEL-01, filled in."""
    told = {
        "document_no": f"演示事{number}号", "authority": "演示单位", "declared_matter": "演示事项",
        "decided_on": (clock.today() - timedelta(days=30)).isoformat(),
    }  # fmt: skip
    return {name: value for name, value in {**told, **changes}.items() if value is not None}


def pledge(session: Session, subject: str = "natural_person") -> str:
    return service.offered(session).pledges[subject].version


def new(session: Session, who: Declarer, item_code: str = "NP-QUA-01", **fields: Any) -> NewDeclaration:
    told = certificate(**fields) if item_code == "NP-QUA-01" else matter(**fields)
    return NewDeclaration(item_code, told, pledge(session, who.shelf.subject), (photo(session, who.uploader),))


def body(session: Session, who: Declarer, item_code: str, **fields: Any) -> dict[str, Any]:
    """The request of a declaration."""
    made = new(session, who, item_code, **fields)
    return {"item_code": made.item_code, "fields": dict(made.fields), "pledge_version": made.pledge_version,
            "photo_ids": [str(one) for one in made.photo_ids]}  # fmt: skip


def make_room(session: Session, who: Declarer, but: UUID | None = None) -> None:
    """Let what somebody has declared be long ago and all but one decided, so that no limit stands in a test's way."""
    shelf = who.shelf
    mine = update(shelf.table).where(shelves.which(shelf, who.key))
    session.execute(mine.values(declared_at=clock.now() - timedelta(days=9)))
    others = mine.where(shelf.table.c.status == "pending", *([shelf.table.c.id != but] if but else []))
    session.execute(others.values(status="rejected"))


def adult(session: Session) -> Declarer:
    return service.resident(people.resident(session).resident_id)


def organisation(session: Session, kind: str, name: str, code: str | None = None) -> UUID:
    return accounts.ensure_organisation(session, f"test-{uuid4().hex[:12]}", kind, name, code)


def merchant(session: Session) -> Declarer:
    """A member of a merchant's staff."""
    where = organisation(session, "partner", "演示商户", credit_code())
    return service.merchant(session, people.staff(session, "partner-manager", where).staff_id, {where})


def declared(session: Session, who: Declarer, item_code: str = "NP-QUA-01", **fields: Any) -> service.View:
    return service.declare(session, who, new(session, who, item_code, **fields), act(who.uploader))


def officer(session: Session, name: str = OF_LABOUR, *more: UUID, person: UUID | None = None) -> Reviewer:
    """A data officer of the department of this name; ``more``: further organisations she works for."""
    where = organisation(session, "department", name)
    held = ("data-officer", where)
    return Reviewer(people.staff(session, "data-officer", where).staff_id, (held,), frozenset({where, *more}), person)


def office(session: Session, person: UUID | None = None) -> Reviewer:
    where = people.organisation(session)
    return Reviewer(people.staff(session, "office", where).staff_id, (("office", where),), frozenset({where}), person)


def decide(
    session: Session, by: Reviewer, one: UUID, decision: str = "confirm", reason: str = "与登记相符"
) -> desk.Decided:
    return desk.decide(session, by, one, decision, reason, act(by.account_id))


def ids(items: Sequence[Any]) -> list[UUID]:
    return [one.id for one in items]
