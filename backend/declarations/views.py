"""How declarations are seen: in the words of the catalogue under which each was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from backend.accounts import service as accounts
from backend.catalogue import service as catalogue
from backend.catalogue.rules import Item, items_of
from backend.declarations import rules, shelves
from backend.declarations.rules import Pledge
from backend.declarations.shelves import Declaration, Shelf
from backend.kit import city, clock
from backend.kit.db import Reader

CATALOGUE = "catalogue"


def items_at(reader: Reader, version: str) -> dict[str, Item]:
    """The items of the catalogue under which something was declared."""
    if city.get(reader, CATALOGUE).version == version:
        return catalogue.items(reader)
    return items_of(city.version(reader, CATALOGUE, version).content)


def pledge_at(reader: Reader, version: str, subject: str) -> Pledge:
    """The pledge as it stood in a version of the catalogue."""
    known = rules.terms(city.version(reader, CATALOGUE, version).content)
    assert known is not None  # whoever declared accepted it
    return known.pledges[subject]


class Told(NamedTuple):
    """A column of the item as it was filled in."""

    name: str
    title: str
    value: Any


class Decision(NamedTuple):
    """``decided_by``: the organisation on whose behalf."""

    decision: str
    reason: str | None
    decided_by: str
    decided_at: datetime


class Ending(NamedTuple):
    """How something that stood has ended: withdrawn by the declarer, or revoked with a reason."""

    kind: str
    reason: str | None
    ended_at: datetime


@dataclass(frozen=True)
class View:
    """A declaration as its declarer sees it. What was written is None and empty once it was deleted on time."""

    id: UUID
    subject: str
    item_code: str
    item_title: str
    status: str
    title: str
    document_no: str | None
    decided_on: date | None
    fields: list[Told]
    photo_ids: list[UUID]
    declared_at: datetime
    due_on: date
    overdue: bool
    pledge_version: str
    record_id: UUID | None
    decision: Decision | None
    ending: Ending | None
    self_declared: bool = True

    @property
    def status_text(self) -> str:
        return rules.STATUS_TEXT[self.status]


def declaration(reader: Reader, shelf: Shelf, keys: Sequence[Any], declaration_id: UUID) -> View:
    """One declaration of one of these declarers. Raises NotFound."""
    return views(reader, [shelves.one_of(reader, shelf, keys, declaration_id)])[0]


def declarations(
    reader: Reader, shelf: Shelf, keys: Sequence[Any], limit: int, after: tuple[Any, ...] | None
) -> list[View]:
    """Up to ``limit`` declarations of these declarers, the newest first. ``after``: (declared_at, id)."""
    return views(reader, shelves.several(reader, shelf, shelf.table.c[shelf.key].in_(keys), limit, after))


def views(reader: Reader, found: Sequence[Declaration]) -> list[View]:
    """Declarations in the words of the catalogue under which they were made."""
    known = {version: items_at(reader, version) for version in {one.policy_version for one in found}}
    wanted = {one.decided_for for one in found if one.decided_for}
    names = {each.id: each.name for each in accounts.organisations(reader, wanted)} if wanted else {}
    return [_view(one, known[one.policy_version][one.item_code], names) for one in found]


def _view(one: Declaration, item: Item, names: Mapping[UUID, str]) -> View:
    said = one.content
    titles = {field.name: field.title for field in item.fields}
    return View(
        id=one.id, subject=one.subject, item_code=item.code, item_title=item.title, status=one.status,
        title=(said.title if said else "") or item.title, document_no=said and said.document_no,
        decided_on=said and said.decided_on,
        fields=[Told(name, titles.get(name, name), value) for name, value in said.fields.items()] if said else [],
        photo_ids=[photo.file_id for photo in one.pictures], declared_at=one.declared_at, due_on=one.due_on,
        overdue=rules.is_overdue(one.status, one.due_on, clock.today()), pledge_version=one.pledge_version,
        record_id=one.record_id, decision=_decision(one, names), ending=_ending(one),
    )  # fmt: skip


def _decision(one: Declaration, names: Mapping[UUID, str]) -> Decision | None:
    if one.decided_at is None or one.decided_for is None:
        return None
    decision = "reject" if one.status == rules.REJECTED else "confirm"
    return Decision(decision, one.reason, names.get(one.decided_for, ""), one.decided_at)


def _ending(one: Declaration) -> Ending | None:
    if one.ended_at is None:
        return None
    return Ending(one.status, one.end_reason, one.ended_at)
