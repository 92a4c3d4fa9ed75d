"""Finding legal entities by a part of their name, at a cost that follows what is found and not the city.

A name is kept with its pairs of neighbouring characters. A search walks the entities of its rarest pair in the order of
their codes, reads each one's name, and stops when the page is full: of its other pairs nothing is read, since one look
at the name decides. Names are taken apart by a step of the worker, some minutes after the archives have them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from backend.kit import city, db
from backend.kit.db import Reader
from backend.publicity import rules
from backend.publicity.errors import NameTooCommon
from backend.publicity.models import entity_name_grams, entity_names
from backend.records import published

AT_ONCE = 1_000
COUNTED = 20_000
"""Entities of a pair that are counted to tell which pair is rarest; past that, all are equally common."""


def common_pairs(reader: Reader) -> frozenset[str]:
    """The pairs that are neither kept nor looked for in this city."""
    return rules.common_pairs(str(city.get(reader, "city").content["name"]))


def containing(folded: str) -> ColumnElement[bool]:
    """That a name that is looked through has the folded part in it."""
    return entity_names.c.folded.contains(folded, autoescape=True)


def folded_part(reader: Reader, name: str) -> tuple[str, list[str]]:
    """A searched part of a name, folded, and the pairs by which it is looked for. Raises NameTooCommon."""
    folded, common = rules.fold(name), common_pairs(reader)
    grams = rules.grams(folded, common)
    if grams:
        return folded, grams
    if len(folded) < 2:
        raise NameTooCommon("至少写两个连续的字。", "Two neighbouring characters at least.", common=[])
    met = [pair for pair in rules.pairs(folded) if pair in common]
    raise NameTooCommon(
        "这几个字几乎每家都有，请再写上字号中的字。", "Nearly every name has these; add some of the distinctive part.",
        common=met,
    )  # fmt: skip


def entities_named(folded: str, grams: Collection[str], from_code: str | None) -> Select[Any]:
    """The codes of entities whose name has the part in it, in their order, ``from_code`` on. For a page of some."""
    table = entity_name_grams
    found = (
        select(table.c.entity_code)
        .join(entity_names, entity_names.c.entity_code == table.c.entity_code)
        .where(table.c.gram == _rarest(grams), containing(folded))
        .order_by(table.c.entity_code)
    )
    return found if from_code is None else found.where(table.c.entity_code >= from_code)


def _rarest(grams: Collection[str]) -> Any:
    """The pair that the fewest entities have, found out within the statement that uses it.

    The planner does not know which it will be, and so walks an index in order, as the page wants it.
    """
    table = entity_name_grams
    counted = []
    for gram in grams:
        some = select(literal(1)).where(table.c.gram == gram).limit(COUNTED).subquery()
        entities = select(func.count()).select_from(some).scalar_subquery() if len(grams) > 1 else literal(1)
        counted.append(select(literal(gram, table.c.gram.type).label("gram"), entities.label("entities")))
    told = union_all(*counted).subquery()
    return select(told.c.gram).order_by(told.c.entities, told.c.gram).limit(1).scalar_subquery()


# --- taking names apart ----------------------------------------------------------------------------------------------


def rules_mark(common: Collection[str]) -> str:
    """What stands for the rules by which names are taken apart; when it changes, all of them are taken apart anew."""
    text = "|".join(("1", str(rules.MOST_NAME), *sorted(common)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def index_names(session: Session, after: str = "", limit: int = AT_ONCE) -> str | None:
    """Take apart the next names that are new, changed, or taken apart by other rules; the last one's code, or None
    when there was none after ``after``. Safe to repeat, and to run twice at once."""
    common = common_pairs(session)
    mark = rules_mark(common)
    waiting = _waiting(session, mark, after, limit)
    if not waiting:
        return None
    found = {row.code: rules.fold(row.name)[: rules.MOST_NAME] for row in waiting}
    _note(session, waiting, found, mark)  # first, in the order of codes: whoever has an entity's name has its pairs
    table = entity_name_grams
    for row in waiting:
        if row.folded and (stale := rules.pairs(row.folded)):
            session.execute(delete(table).where(table.c.entity_code == row.code, table.c.gram.in_(stale)))
    pairs = sorted((gram, code) for code, folded in found.items() for gram in rules.grams(folded, common))
    if pairs:
        statement = db.insert(session, table).on_conflict_do_nothing(index_elements=["gram", "entity_code"])
        session.execute(statement, [{"gram": gram, "entity_code": code} for gram, code in pairs])
    last: str = waiting[-1].code
    return last


def _waiting(session: Session, mark: str, after: str, limit: int) -> list[Any]:
    named = published.entities_table()
    joined = named.outerjoin(entity_names, entity_names.c.entity_code == named.c.code)
    told = entity_names.c
    new = or_(told.entity_code.is_(None), told.named_at != named.c.changed_at, told.rules_mark != mark)
    query = select(named.c.code, named.c.name, named.c.changed_at, told.folded).select_from(joined)
    return list(session.execute(query.where(named.c.code > after, new).order_by(named.c.code).limit(limit)))


def _note(session: Session, waiting: list[Any], found: dict[str, str], mark: str) -> None:
    rows = [
        {"entity_code": row.code, "folded": found[row.code], "named_at": row.changed_at, "rules_mark": mark}
        for row in waiting
    ]
    statement = db.insert(session, entity_names)
    told = {name: statement.excluded[name] for name in ("folded", "named_at", "rules_mark")}
    session.execute(statement.on_conflict_do_update(index_elements=["entity_code"], set_=told), rows)
