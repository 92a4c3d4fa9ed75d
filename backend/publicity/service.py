"""Looking up what is public of legal entities today: by a part of the name, by code, by document number; and all of it.

What may be shown is decided when it is asked: a record leaves on the day after its last one without any write, and with
the write that repairs or withdraws it. Natural persons have no place here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from backend.kit import city, clock
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.publicity import names, rules
from backend.publicity.models import entity_names
from backend.publicity.rules import Column, Repair
from backend.records import entities, published
from backend.records import service as records
from backend.records.rules import normal_entity_code
from backend.records.service import Item

AT_ONCE = 1_000
"""Rows of an extract that are read by one statement."""
Place = tuple[str, date, UUID]
"""Where a list stands: code, day of decision (the latest first), id."""


@dataclass(frozen=True)
class Found:
    """One record in a list. ``disputed``: an objection is being looked into; it is shown meanwhile and says so.

    ``self_declared``: the entity declared it, and ``authority`` says who confirmed it.
    """

    entity_code: str
    entity_name: str
    id: UUID
    kind: str
    item_code: str
    item_title: str
    effect: str
    title: str
    document_no: str
    authority: str
    decided_on: date
    publicity_until_on: date
    disputed: bool
    self_declared: bool

    @property
    def place(self) -> Place:
        return self.entity_code, self.decided_on, self.id


@dataclass(frozen=True)
class Shown(Found):
    """One record with everything that is published of it, and until when and why it is shown."""

    legal_basis: str
    content: list[Column]
    repair: Repair | None
    as_of: date

    @property
    def days_left(self) -> int:
        """Whole days after today on which it is still shown."""
        return (self.publicity_until_on - self.as_of).days


_TABLE = published.entity_records_table()
_LISTED = ("entity_code", "entity_name", "id", "item_code", "effect", "title", "document_no", "source_name",
           "decided_on", "publicity_until_on", "status", "declaration_id")  # fmt: skip


def _public(items: Iterable[str], today: date) -> ColumnElement[bool]:
    """That a record of one of these items may be shown on a day."""
    return and_(_TABLE.c.item_code.in_(sorted(items)), published.may_be_shown(today))


# --- looking up ------------------------------------------------------------------------------------------------------


def search(
    reader: Reader, *, kind: str = "all", name: str | None = None, code: str | None = None,
    document_no: str | None = None, limit: int, after: Place | None = None,
) -> list[Found]:  # fmt: skip
    """What is shown today, entity by entity in the order of their codes, the latest decision first.

    ``name``: a part of one; ``code``: today's or one from before; ``document_no``: whole. All that are given must fit.
    Raises FieldError where none is given or a code cannot be one, NameTooCommon where a name's part finds nothing in
    particular.
    """
    if not (name or code or document_no):
        detail = "请至少给出 name、code、document_no 中的一项。"
        raise FieldError.at("/query", detail, "Give at least one of name, code and document_no.")
    items = rules.items_of_kind(records.items(reader), kind)
    shown = _public(items, clock.today())
    those: list[ColumnElement[bool]] = []
    if document_no:
        those.append(_TABLE.c.document_no.in_(rules.spellings(document_no)))
    if code:
        those.append(_TABLE.c.entity_code.in_(_codes_of(reader, code)))
    if name:
        folded, grams = names.folded_part(reader, name)
        if those:
            named = exists().where(entity_names.c.entity_code == _TABLE.c.entity_code, names.containing(folded))
            those.append(named)
        else:
            those.append(_TABLE.c.entity_code.in_(_codes_named(reader, folded, grams, shown, limit, after)))
    rows = reader.execute(_page_of(and_(shown, *those), after).limit(limit))
    return [Found(**_listed(row, items)) for row in rows]


def _codes_of(reader: Reader, text: str) -> list[str]:
    """The codes that a typed one may mean: itself, or those to which an older one leads."""
    code = rules.code_of(text)
    if code is None:
        detail = "应为 18 位统一社会信用代码，或 9 至 20 位的旧代码（注册号、组织机构代码、税号等）。"
        raise FieldError.at("/query/code", detail, "A unified social credit code (18), or an older one (9 to 20).")
    if normal_entity_code(code) is not None:
        return [code]
    found = entities.codes_of_old(reader, code)
    if not found and len(code) == 18:
        detail = "统一社会信用代码的校验位不对（GB 32100），请核对。"
        raise FieldError.at("/query/code", detail, "The code's check character is wrong (GB 32100).")
    return found


def _codes_named(
    reader: Reader, folded: str, grams: Sequence[str], shown: ColumnElement[bool], limit: int, after: Place | None
) -> list[str]:
    """Enough entities with such a name that have something to show to fill a page: each has one record at least."""
    asked = names.entities_named(folded, grams, after[0] if after else None)
    code = asked.selected_columns.entity_code
    has_some = exists().where(_TABLE.c.entity_code == code, shown)
    return list(reader.execute(asked.where(has_some).limit(limit + 1)).scalars())


def _page_of(those: ColumnElement[bool], after: Place | None) -> Select[Any]:
    table = _TABLE.c
    query = select(*(table[name] for name in _LISTED)).where(those)
    if after is not None:
        code, decided_on, record_id = after
        within = or_(table.decided_on < decided_on, and_(table.decided_on == decided_on, table.id > record_id))
        query = query.where(table.entity_code >= code, or_(table.entity_code > code, within))
    return query.order_by(table.entity_code, table.decided_on.desc(), table.id)


def _listed(row: Any, items: Mapping[str, Item]) -> dict[str, Any]:
    return dict(
        entity_code=row.entity_code, entity_name=row.entity_name, id=row.id, kind=rules.kind_of(row.item_code),
        item_code=row.item_code, item_title=items[row.item_code].title, effect=row.effect,
        title=rules.without_id_numbers(row.title), document_no=row.document_no, authority=row.source_name,
        decided_on=row.decided_on, publicity_until_on=row.publicity_until_on, disputed=row.status == "disputed",
        self_declared=row.declaration_id is not None,
    )  # fmt: skip


def show(reader: Reader, entity_code: str, record_id: UUID) -> Shown:
    """One record with all that is published of it. Raises NotFound, also when it may be shown no longer."""
    today = clock.today()
    items = rules.items_of_kind(records.items(reader), "all")
    query = select(*(_TABLE.c[name] for name in (*_LISTED, "fields")))
    key = and_(_TABLE.c.entity_code == entity_code, _TABLE.c.id == record_id)
    row = reader.execute(query.where(key, _public(items, today))).first()
    if row is None:
        raise NotFound(
            "没有公示中的这条信息：公示期满、修复或撤销的自动停止公示，从来没有的编号答复相同。",
            "No such record is shown: what has ended, was repaired or withdrawn and what never was are answered alike.",
        )
    item, deadlines = items[row.item_code], city.get(reader, "deadlines").content
    adverse = row.effect == "adverse"
    return Shown(
        **_listed(row, items), legal_basis=item.legal_basis, as_of=today, content=_content(row, item, deadlines),
        repair=rules.repair_of(item, row.fields, row.decided_on, deadlines) if adverse else None,
    )  # fmt: skip


def _content(row: Any, item: Item, deadlines: Mapping[str, Any]) -> list[Column]:
    """The columns of the standard. What the archive holds in its own columns is taken from there: the clock is ours."""
    said = {
        **row.fields, "document_no": row.document_no, "decided_on": row.decided_on.isoformat(),
        "publicity_until_on": row.publicity_until_on.isoformat(),
        "authority": _authority(row),
    }  # fmt: skip
    severities = {one["id"]: one["name"] for one in deadlines.get("publicity", [])}
    return rules.content_of(item, said, severities)


def _authority(row: Any) -> str:
    """Who decided; of what the entity itself declared, whom it names is told together with who confirmed it."""
    named: str = row.fields.get("authority") or row.source_name
    return f"{named}（{row.source_name}）" if row.declaration_id is not None and named != row.source_name else named


# --- all of it -------------------------------------------------------------------------------------------------------


class Extract:
    """All that is shown of a kind, row by row in cells, read in chunks: each as of its own moment and day."""

    def __init__(self, reader: Reader, kind: str) -> None:
        self.kind = kind
        self.items = rules.items_of_kind(records.items(reader), kind)
        self.columns = [] if kind == "all" else rules.extract_columns(self.items.values())
        self.header = [*rules.HEADER, *(title for _, title in self.columns)] + ([rules.REST] if kind == "all" else [])

    def chunk(self, reader: Reader, after: tuple[str, UUID] | None) -> tuple[list[list[str]], tuple[str, UUID] | None]:
        """The next rows, and the last one's key; None when these are all."""
        today, deadlines, table = clock.today(), city.get(reader, "deadlines").content, _TABLE.c
        query = select(*(table[name] for name in (*_LISTED, "fields"))).where(_public(self.items, today))
        if after is not None:
            query = query.where(table.entity_code >= after[0], or_(table.entity_code > after[0], table.id > after[1]))
        rows = reader.execute(query.order_by(table.entity_code, table.id).limit(AT_ONCE)).all()
        cells = [self._cells(row, today, deadlines) for row in rows]
        return cells, (rows[-1].entity_code, rows[-1].id) if len(rows) == AT_ONCE else None

    def _cells(self, row: Any, today: date, deadlines: Mapping[str, Any]) -> list[str]:
        item = self.items[row.item_code]
        content = _content(row, item, deadlines)
        state = "异议处理中" if row.status == "disputed" else "公示中"
        state += "（自主申报）" if row.declaration_id is not None else ""
        title = rules.without_id_numbers(row.title)
        begin = (today, item.title, row.item_code, row.entity_name, row.entity_code, title, row.publicity_until_on,
                 state, item.legal_basis, row.id)  # fmt: skip
        said = {column.name: column.value for column in content}
        rest = [rules.rest_of(content)] if self.kind == "all" else [said.get(name) for name, _ in self.columns]
        return [rules.cell(value) for value in (*begin, *rest)]
