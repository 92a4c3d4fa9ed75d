"""Declaring, seeing what became of it, and taking it back: by a resident for herself, by staff for their organisation.

What is declared counts for nothing until somebody else has confirmed it (:mod:`backend.declarations.desk`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.catalogue import service as catalogue
from backend.catalogue.rules import Item
from backend.declarations import models, rules, shelves
from backend.declarations.errors import (
    AlreadyDeclared,
    DeclarationDecided,
    DeclarationsClosed,
    NoCreditCode,
    PledgeChanged,
    TooManyDeclarations,
    WhichOrganisation,
)
from backend.declarations.rules import Pledge, Terms
from backend.declarations.shelves import ENTITIES, PEOPLE, Declaration, Picture, Shelf
from backend.declarations.views import CATALOGUE, View, declaration, declarations
from backend.kit import city, clock, files, operations, trail, workdays
from backend.kit.city import Policy
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.records import service as records
from backend.records.errors import StatusNotPossible
from backend.records.rules import normal_entity_code

__all__ = ["View", "declaration", "declarations"]

CLOCK, CLOCK_WORKDAYS = "self_declared_verify", 10
MOST_STANDING = 1_000


def lint_policy(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``catalogue.toml`` that the composition root registers."""
    return rules.lint(content)


# --- what may be declared --------------------------------------------------------------------------------------------


class Offered(NamedTuple):
    """What may be declared today and with which pledge, by subject. Empty where the city takes none."""

    items: list[Item]
    pledges: Mapping[str, Pledge]


def offered(reader: Reader) -> Offered:
    """What may be declared under the catalogue in force."""
    known = rules.terms(city.get(reader, CATALOGUE).content)
    return Offered(rules.declarable(catalogue.items(reader)), known.pledges) if known else Offered([], {})


def _terms(reader: Reader) -> tuple[Policy, Terms]:
    policy = city.get(reader, CATALOGUE)
    known = rules.terms(policy.content)
    if known is None:
        raise DeclarationsClosed()
    return policy, known


# --- who declares ----------------------------------------------------------------------------------------------------


class Declarer(NamedTuple):
    """Whose archive it is about, and who acts. ``uploader``: whose pictures may be handed in.

    ``about``: further columns, which a legal entity's declarations have.
    """

    shelf: Shelf
    key: Any
    uploader: UUID
    about: Mapping[str, Any]


def resident(resident_id: UUID) -> Declarer:
    """A resident, for herself."""
    return Declarer(PEOPLE, resident_id, resident_id, {})


def merchant(reader: Reader, account_id: UUID, organisations: Collection[UUID], named: UUID | None = None) -> Declarer:
    """A member of staff, for one of the organisations in which she may. Raises as said in the errors."""
    if named is not None and named not in organisations:
        raise NotFound("没有这个单位。", "There is no such organisation.")
    if named is None and len(organisations) > 1:
        raise WhichOrganisation(organisation_ids=sorted(str(one) for one in organisations))
    where = accounts.organisation(reader, named or next(iter(organisations)))
    code = normal_entity_code(where.unified_social_credit_code or "")
    if code is None:
        raise NoCreditCode()
    about = {
        "entity_name": _entity_name(reader, code, where.name),
        "organisation_id": where.id,
        "declared_by": account_id,
    }
    return Declarer(ENTITIES, code, account_id, about)


def _entity_name(reader: Reader, code: str, otherwise: str) -> str:
    """The name under which an entity's archive stands, else what its organisation is called here."""
    try:
        return records.entity(reader, code).name
    except NotFound:
        return otherwise


def codes_of(reader: Reader, organisations: Collection[UUID]) -> list[str]:
    """The credit codes of these organisations."""
    found = [
        normal_entity_code(one.unified_social_credit_code or "")
        for one in accounts.organisations(reader, organisations)
    ]
    return sorted({code for code in found if code})


def _hold(session: Session, declarer: Declarer) -> None:
    """Let the declarer's acts follow one another, so that limits are counted on what stands."""
    if declarer.shelf is PEOPLE:
        accounts.require_standing(session, declarer.key)
        accounts.require_adult(session, declarer.key)
        accounts.lock_people(session, [declarer.key])
    elif not accounts.lock_active(session, declarer.uploader):
        raise NotFound()


# --- declaring -------------------------------------------------------------------------------------------------------


class NewDeclaration(NamedTuple):
    """``fields``: the item's columns by name, document number and day among them."""

    item_code: str
    fields: Mapping[str, Any]
    pledge_version: str
    photo_ids: tuple[UUID, ...]


def declare(session: Session, declarer: Declarer, new: NewDeclaration, operation: Operation) -> View:
    """Hand in a declaration for verification, with the pledge that was accepted and its evidence.

    Raises FieldError, PledgeChanged, AlreadyDeclared, TooManyDeclarations, DeclarationsClosed, AdultsOnly.
    """
    if (done := operations.begin(session, operation, kind="declarations.declare")) is not None:
        return declaration(session, declarer.shelf, [declarer.key], done)
    _hold(session, declarer)
    policy, known = _terms(session)
    item = _item(session, declarer, new)
    if new.pledge_version != known.pledges[item.subject].version:
        raise PledgeChanged(version=known.pledges[item.subject].version)
    _judge(session, declarer, item, new)
    _refuse_flood(session, declarer, known)
    said = rules.content(new.fields)
    _refuse_twice(session, declarer, item.code, said.document_no)
    identity = _write(session, declarer, new, said, policy.version)
    operations.finish(session, operation, identity)
    return declaration(session, declarer.shelf, [declarer.key], identity)


def _item(reader: Reader, declarer: Declarer, new: NewDeclaration) -> Item:
    for item in rules.declarable(catalogue.items(reader), declarer.shelf.subject):
        if item.code == new.item_code:
            return item
    raise FieldError.at("/item_code", "这一条目不能自主申报。", "This item cannot be declared.")


def _judge(reader: Reader, declarer: Declarer, item: Item, new: NewDeclaration) -> None:
    found = rules.problems(item, new.fields, clock.today())
    photos = list(new.photo_ids)
    if not files.owns(reader, declarer.uploader, photos):
        found.append(("/photo_ids", "图片不存在。"))
    elif shelves.used(reader, declarer.shelf, declarer.key, photos):
        found.append(("/photo_ids", "图片已用于另一条申报，请重新上传。"))
    if found:
        raise FieldError([{"pointer": at, "detail": why} for at, why in found], found[0][1])


def _refuse_flood(reader: Reader, declarer: Declarer, known: Terms) -> None:
    shelf, key = declarer.shelf, declarer.key
    if shelves.count(reader, shelf, key, shelf.table.c.status == rules.PENDING) >= known.open_most:
        raise TooManyDeclarations(limit="open", most=known.open_most)
    begun = clock.start_of_day(clock.today())
    if shelves.count(reader, shelf, key, shelf.table.c.declared_at >= begun) >= known.per_day_most:
        raise TooManyDeclarations(limit="day", most=known.per_day_most)


def _refuse_twice(reader: Reader, declarer: Declarer, item_code: str, document_no: str) -> None:
    table = declarer.shelf.table.c
    standing = table.status.in_(rules.STANDING) & (table.item_code == item_code)
    mine = shelves.which(declarer.shelf, declarer.key) & standing
    for other in shelves.several(reader, declarer.shelf, mine, MOST_STANDING):
        if other.content is not None and other.content.document_no == document_no:
            raise AlreadyDeclared(declaration_id=str(other.id), declaration_status=other.status)


def _write(session: Session, declarer: Declarer, new: NewDeclaration, said: rules.Content, policy_version: str) -> UUID:
    instant, identity = clock.now(), new_id()
    row = {
        "id": identity, "item_code": new.item_code, "status": rules.PENDING, "policy_version": policy_version,
        "pledge_version": new.pledge_version, "declared_at": instant, "due_on": _due_on(session, clock.today()),
        **declarer.about,
    }  # fmt: skip
    photos = [Picture(file_id, declarer.uploader) for file_id in new.photo_ids]
    shelves.put(session, declarer.shelf, declarer.key, row, said, photos)
    if declarer.shelf is ENTITIES:
        _note(session, declarer, "declarations.declare", identity, new.item_code)
    return identity


def _note(session: Session, declarer: Declarer, action: str, identity: UUID, item_code: str) -> None:
    """What staff did for their organisation stands in the trail; what a resident does for herself does not."""
    detail = {"item_code": item_code, "organisation_id": str(declarer.about["organisation_id"])}
    trail.note(session, declarer.uploader, "partner-manager", action, "declaration", identity, detail)


def _due_on(reader: Reader, today: date) -> date:
    """The last day on which it should be decided."""
    clocks = {item["id"]: item["workdays"] for item in city.get(reader, "deadlines").content.get("clocks", ())}
    holidays = city.get(reader, "city").content.get("clocks", {}).get("extra_holidays", ())
    days = [date.fromisoformat(day) for day in holidays]
    return workdays.add_workdays(today, clocks.get(CLOCK, CLOCK_WORKDAYS), days).on


# --- taking back -----------------------------------------------------------------------------------------------------

TAKEN_BACK = "申报人撤回自主申报"


def withdraw(session: Session, declarer: Declarer, declaration_id: UUID, operation: Operation) -> View:
    """Take a resident's declaration back: before a decision it goes off the queue, after a confirmation its record is
    withdrawn. Raises NotFound, DeclarationDecided.
    """
    if operations.begin(session, operation, kind="declarations.withdraw") is None:
        accounts.require_standing(session, declarer.key)
        _take_back(session, declarer, declaration_id)
        operations.finish(session, operation, declaration_id)
    return declaration(session, declarer.shelf, [declarer.key], declaration_id)


def withdraw_for_entity(
    session: Session, account_id: UUID, organisations: Collection[UUID], declaration_id: UUID, operation: Operation
) -> View:
    """As :func:`withdraw`, by a member of staff for whichever of her organisations declared it."""
    codes = codes_of(session, organisations)
    if operations.begin(session, operation, kind="declarations.withdraw") is None:
        held = shelves.one_of(session, ENTITIES, codes, declaration_id)
        declarer = Declarer(ENTITIES, held.key, account_id, {"organisation_id": held.organisation_id})
        _take_back(session, declarer, declaration_id)
        _note(session, declarer, "declarations.withdraw", declaration_id, held.item_code)
        operations.finish(session, operation, declaration_id)
    return declaration(session, ENTITIES, codes, declaration_id)


def _take_back(session: Session, declarer: Declarer, declaration_id: UUID) -> None:
    held = shelves.locked(session, declarer.shelf, declarer.key, declaration_id)
    status = becomes(held, "withdraw")
    withdraw_record(session, held, declarer.uploader, TAKEN_BACK)
    ended = {"status": status, "ended_at": clock.now(), "ended_by": declarer.uploader}
    shelves.change(session, declarer.shelf, declarer.key, held.id, **ended)
    close_entry(session, held)


def becomes(held: Declaration, act: str) -> str:
    """The status after an act. Raises DeclarationDecided when it is not possible."""
    after = rules.BECOMES.get((held.status, act))
    if after is None:
        raise DeclarationDecided(declaration_status=held.status)
    return after


def withdraw_record(session: Session, held: Declaration, by: UUID, reason: str) -> None:
    """Withdraw what a confirmed declaration became; the score follows. What has ended otherwise stays as it ended, and
    what a department has meanwhile reported itself is its own.
    """
    if held.record_id is None:
        return
    try:
        if held.resident_id is not None:
            if records.record(session, held.resident_id, held.record_id).declaration_id == held.id:
                records.change_status(session, held.resident_id, held.record_id, "withdrawn", by, reason, recalled=True)
        elif held.entity_code is not None:
            if records.entity_record(session, held.entity_code, held.record_id).declaration_id == held.id:
                records.change_entity_status(
                    session, held.entity_code, held.record_id, "withdrawn", by, reason, recalled=True
                )
    except (StatusNotPossible, NotFound):  # it was repaired, has expired, or was deleted when its period was over
        return


def close_entry(session: Session, held: Declaration) -> None:
    """Take a declaration off the queue; its material's period begins."""
    entry = models.queue.c
    this = (entry.item_code == held.item_code) & (entry.declaration_id == held.id)
    session.execute(models.queue.update().where(this).values(closed_at=clock.now()))
