"""Where declarations lie: a person's sealed and by her number, a legal entity's by its code. One way to handle both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, and_, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.declarations import models, rules
from backend.declarations.rules import Content
from backend.kit import db
from backend.kit.db import Reader
from backend.kit.errors import NotFound

TEXTS = ("content", "reason", "end_reason")


class Picture(NamedTuple):
    """A picture that was handed in, and under whom it is kept."""

    file_id: UUID
    owner_id: UUID


@dataclass(frozen=True)
class Declaration:
    """One declaration, opened. ``content`` is None once it was deleted on time; ``reason`` and ``end_reason`` too.

    ``subject``: natural_person or legal_entity; ``key``: the resident's number or the entity's code. The last three
    are a legal entity's: its name, the organisation that declared, and the account that did.
    """

    id: UUID
    subject: str
    key: UUID | str
    item_code: str
    status: str
    policy_version: str
    pledge_version: str
    declared_at: datetime
    due_on: date
    record_id: UUID | None
    decided_at: datetime | None
    decided_by: UUID | None
    decided_for: UUID | None
    ended_at: datetime | None
    ended_by: UUID | None
    content: Content | None
    reason: str | None
    end_reason: str | None
    pictures: tuple[Picture, ...] = ()
    entity_name: str | None = None
    organisation_id: UUID | None = None
    declared_by: UUID | None = None

    @property
    def resident_id(self) -> UUID | None:
        return self.key if isinstance(self.key, UUID) else None

    @property
    def entity_code(self) -> str | None:
        return None if isinstance(self.key, UUID) else self.key


_PLAIN = (
    "id", "item_code", "status", "policy_version", "pledge_version", "declared_at", "due_on", "record_id",
    "decided_at", "decided_by", "decided_for", "ended_at", "ended_by",
)  # fmt: skip


@dataclass(frozen=True)
class Shelf:
    """What the two kinds have in common. ``key`` is the column that names whose it is, ``texts`` where words lie.

    ``sealed``: these are sealed with the declarer's key, for she is a person.
    """

    subject: str
    key: str
    table: Table
    pictures: Table
    owner: ColumnElement[UUID]
    columns: tuple[str, ...]
    texts: Mapping[str, str]
    sealed: bool

    def seal(self, session: Session, key: Any, column: str, text: str) -> str:
        return accounts.seal_for(session, key, self.table.name, column, text) if self.sealed else text

    def open(self, reader: Reader, key: Any, column: str, kept: str) -> str:
        return accounts.open_for(reader, key, self.table.name, column, kept) if self.sealed else kept


PEOPLE = Shelf(
    rules.PERSON, "resident_id", models.declarations, models.pictures, models.pictures.c.resident_id, _PLAIN,
    {name: f"{name}_sealed" for name in TEXTS}, True,
)  # fmt: skip
ENTITIES = Shelf(
    rules.ENTITY, "entity_code", models.entity_declarations, models.entity_pictures, models.entity_pictures.c.owner_id,
    (*_PLAIN, "entity_name", "organisation_id", "declared_by"), {name: name for name in TEXTS}, False,
)  # fmt: skip


def shelf_for(subject: str) -> Shelf:
    """The shelf of one kind of declarer."""
    return PEOPLE if subject == rules.PERSON else ENTITIES


def shelf_of(entry: Row[Any]) -> tuple[Shelf, Any]:
    """On which shelf the declaration of a queue's entry lies, and whose it is."""
    if entry.resident_id is not None:
        return PEOPLE, entry.resident_id
    return ENTITIES, entry.entity_code


def which(shelf: Shelf, key: Any, declaration_id: UUID | None = None) -> ColumnElement[bool]:
    """The rows of one declarer, or one of hers."""
    mine = shelf.table.c[shelf.key] == key
    return mine if declaration_id is None else and_(mine, shelf.table.c.id == declaration_id)


# --- writing ---------------------------------------------------------------------------------------------------------


def put(
    session: Session, shelf: Shelf, key: Any, row: dict[str, Any], said: Content, photos: Sequence[Picture]
) -> None:
    """Keep a new declaration with its pictures, and put it into the queue."""
    kept = shelf.seal(session, key, shelf.texts["content"], packed(said))
    session.execute(insert(shelf.table).values({shelf.key: key, shelf.texts["content"]: kept, **row}))
    for position, photo in enumerate(photos):
        values = {shelf.key: key, "declaration_id": row["id"], "position": position, **photo._asdict()}
        named = {name: value for name, value in values.items() if name in shelf.pictures.c}
        session.execute(insert(shelf.pictures).values(named))
    entry = {name: row[name] for name in ("item_code", "declared_at", "due_on")}
    session.execute(insert(models.queue).values({**entry, "declaration_id": row["id"], shelf.key: key}))


def change(session: Session, shelf: Shelf, key: Any, declaration_id: UUID, **values: Any) -> None:
    """Write columns of one declaration; texts are sealed on the way."""
    for name in TEXTS:
        if values.get(name) is not None:
            values[name] = shelf.seal(session, key, shelf.texts[name], values[name])
    named = {shelf.texts.get(name, name): value for name, value in values.items()}
    session.execute(update(shelf.table).where(which(shelf, key, declaration_id)).values(named))


def packed(said: Content) -> str:
    """What was declared as one text, so that it is sealed as one."""
    told = {"document_no": said.document_no, "decided_on": said.decided_on.isoformat(), "fields": dict(said.fields)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def unpacked(text: str) -> Content:
    told = json.loads(text)
    return Content(told["document_no"], date.fromisoformat(told["decided_on"]), told["fields"])


# --- reading ---------------------------------------------------------------------------------------------------------


def locked(session: Session, shelf: Shelf, key: Any, declaration_id: UUID) -> Declaration:
    """Hold one declaration until the transaction ends. Raises NotFound."""
    query = select(shelf.table).where(which(shelf, key, declaration_id))
    row = session.execute(db.for_update(query)).first()
    if row is None:
        raise NotFound("没有这条申报。", "There is no such declaration.")
    return _opened(session, shelf, row, ())


def one(reader: Reader, shelf: Shelf, key: Any, declaration_id: UUID) -> Declaration:
    """One declaration. Raises NotFound."""
    return one_of(reader, shelf, [key], declaration_id)


def one_of(reader: Reader, shelf: Shelf, keys: Sequence[Any], declaration_id: UUID) -> Declaration:
    """One declaration of one of these declarers. Raises NotFound."""
    mine = shelf.table.c[shelf.key].in_(keys) & (shelf.table.c.id == declaration_id)
    found = several(reader, shelf, mine, 1)
    if not found:
        raise NotFound("没有这条申报。", "There is no such declaration.")
    return found[0]


def several(
    reader: Reader, shelf: Shelf, where: ColumnElement[bool], limit: int, after: tuple[Any, ...] | None = None
) -> list[Declaration]:
    """Up to ``limit`` declarations, the newest first. ``after``: (declared_at, id)."""
    table = shelf.table.c
    query = select(shelf.table).where(where).order_by(table.declared_at.desc(), table.id.desc()).limit(limit)
    if after is not None:
        query = query.where(tuple_(table.declared_at, table.id) < after)
    rows = reader.execute(query).all()
    shown = _pictures(reader, shelf, rows)
    return [_opened(reader, shelf, row, shown.get(row.id, ())) for row in rows]


def count(reader: Reader, shelf: Shelf, key: Any, *where: ColumnElement[bool]) -> int:
    """How many declarations of one declarer are so."""
    query = select(func.count()).select_from(shelf.table).where(which(shelf, key), *where)
    return int(reader.execute(query).scalar_one())


def picture(reader: Reader, shelf: Shelf, key: Any, declaration_id: UUID, file_id: UUID) -> Picture:
    """One picture of a declaration. Raises NotFound."""
    columns = shelf.pictures.c
    query = select(columns.file_id, shelf.owner).where(
        columns[shelf.key] == key, columns.declaration_id == declaration_id, columns.file_id == file_id
    )
    row = reader.execute(query).first()
    if row is None:
        raise NotFound("没有这张图片。", "There is no such picture.")
    return Picture(*row)


def used(reader: Reader, shelf: Shelf, key: Any, file_ids: Sequence[UUID]) -> bool:
    """Whether one of these pictures belongs to a declaration already."""
    columns = shelf.pictures.c
    query = select(columns.file_id).where(columns[shelf.key] == key, columns.file_id.in_(file_ids))
    return reader.execute(query.limit(1)).first() is not None


def _pictures(reader: Reader, shelf: Shelf, rows: Sequence[Row[Any]]) -> dict[UUID, tuple[Picture, ...]]:
    found: dict[UUID, tuple[Picture, ...]] = {}
    if not rows:
        return found
    columns = shelf.pictures.c
    keys = [(getattr(row, shelf.key), row.id) for row in rows]
    query = select(columns.declaration_id, columns.file_id, shelf.owner)
    those = query.where(tuple_(columns[shelf.key], columns.declaration_id).in_(keys)).order_by(columns.position)
    for declaration_id, *kept in reader.execute(those):
        found[declaration_id] = (*found.get(declaration_id, ()), Picture(*kept))
    return found


def _opened(reader: Reader, shelf: Shelf, row: Row[Any], pictures: tuple[Picture, ...]) -> Declaration:
    key = getattr(row, shelf.key)

    def text(name: str) -> str | None:
        kept = getattr(row, shelf.texts[name])
        return None if kept is None else shelf.open(reader, key, shelf.texts[name], kept)

    said = text("content")
    return Declaration(
        **{name: getattr(row, name) for name in shelf.columns}, subject=shelf.subject, key=key, pictures=pictures,
        content=None if said is None else unpacked(said), reason=text("reason"), end_reason=text("end_reason"),
    )  # fmt: skip
