"""The legal entities of many rows at once: made at first sight, and told apart where name and code disagree.

What ``records.entities`` says of one row is said here of thousands: a known code has its name, an older code leads to
one entity, and of two rows that disagree about what is new the first is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import polars as pl
from sqlalchemy import Column, Integer, and_, func, literal, select, update
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.staging import copied, filled, insert_unless_there, row_by_row, staged
from backend.records import models, rules
from backend.records.entities import ORGANISATION_CODE

RENAMED = "核对后更名"
_pairs = staged("bulk_pairs", *copied(models.entities, "code", "name"), Column("first", Integer))
_told = staged("bulk_aliases", *copied(models.entity_aliases, "scheme", "value", "entity_code"))
_ALIAS = ["scheme", "value", "entity_code"]


class Named(NamedTuple):
    """``mismatched``: the rows whose name or older code is another entity's. ``made``: how many were not known."""

    mismatched: pl.Series
    made: int


def name_entities(
    session: Session, rows: pl.DataFrame, aliases: pl.DataFrame, by: UUID | None, *, trusted: bool = False
) -> Named:
    """Make the entities of rows (row, code, name) and learn their older codes (row, scheme, value, in normal form).

    ``trusted``: somebody has looked; another name is the new one, an older code that was another's stays that one's.
    """
    foreign = pl.Series("row", [], dtype=pl.UInt32)
    if aliases.height and not trusted:
        rightly = rows.join(_wrong_names(session, rows), on=["code", "name"], how="anti", maintain_order="left")
        mine = aliases.join(rightly, on="row", how="semi", maintain_order="left")
        foreign = _others_aliases(session, rightly, mine)
    rows = rows.filter(~pl.col("row").is_in(foreign.implode()))
    instant = clock.now()
    others, made = _make(session, rows, instant)
    if trusted:
        _rename(session, others, by, instant)
    else:
        mismatched = rows.join(others, on=["code", "name"], how="semi")["row"]
        rows = rows.filter(~pl.col("row").is_in(mismatched.implode()))
        foreign = pl.concat([foreign, mismatched])
    if aliases.height:
        _learn(session, rows, aliases)
    return Named(foreign, made)


def _make(session: Session, rows: pl.DataFrame, instant: datetime) -> tuple[pl.DataFrame, int]:
    """Make those that are not known. The pairs of code and name that are not what is known now; how many were made."""
    pairs, made = _pairs_of(rows), 0
    with row_by_row(session), filled(session, _pairs, pairs):
        others = _unlike(session)
        if any(known is None for _, _, known in others):
            made = _insert(session, instant)
            others = _unlike(session)  # another transaction may have made them, and under another name
    wrong = [(code, name) for code, name, known in others if not _same(name, known)]
    return pl.DataFrame(wrong, schema={"code": pl.String, "name": pl.String}, orient="row"), made


def _pairs_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Each code and name once; ``first``: the name that is believed where nothing is known."""
    pairs = rows.select("code", "name").unique(maintain_order=True)
    return pairs.with_columns(pl.col("code").is_first_distinct().cast(pl.Int8).alias("first")).sort("code")


def _wrong_names(session: Session, rows: pl.DataFrame) -> pl.DataFrame:
    """The pairs of code and name that are not what is known, or what the first row about something new says: what
    such a row gives as an older code says nothing about anybody."""
    pairs = _pairs_of(rows)
    believed = dict(pairs.filter(pl.col("first") == 1).select("code", "name").iter_rows())
    with row_by_row(session), filled(session, _pairs, pairs):
        unlike = _unlike(session)
    wrong = [(code, name) for code, name, known in unlike if not _same(name, known or believed[code])]
    return pl.DataFrame(wrong, schema={"code": pl.String, "name": pl.String}, orient="row")


def _unlike(session: Session) -> Sequence[Any]:
    """The staged pairs whose code is not known, or known under another name: code, name, what is known."""
    own, kept = _pairs.c, models.entities.c
    both = _pairs.outerjoin(models.entities, kept.code == own.code)
    query = select(own.code, own.name, kept.name).select_from(both)
    return session.execute(query.where(kept.name.is_distinct_from(own.name))).all()


def _insert(session: Session, instant: datetime) -> int:
    """Make the entities of the staged pairs, and the organisation codes that stand in theirs; how many were made."""
    own, kept, since = _pairs.c, models.entities.c, literal(instant, models.entities.c.known_from.type)
    news = select(own.code, own.name, since, since, literal("")).where(own.first == 1).order_by(own.code)
    names = ["code", "name", "known_from", "changed_at", "change_reason"]
    made = insert_unless_there(session, models.entities, names, news, ["code"])
    both = _pairs.join(models.entities, kept.code == own.code)
    new = (own.first == 1, kept.known_from == instant)
    if made is None:
        made = int(session.execute(select(func.count()).select_from(both).where(*new)).scalar_one())
    learned = select(literal(ORGANISATION_CODE), func.substr(own.code, 9, 9), own.code).select_from(both)
    insert_unless_there(session, models.entity_aliases, _ALIAS, learned.where(*new).order_by(own.code), _ALIAS[:2])
    return made


def _same(name: str, other: str) -> bool:
    return rules.normal_entity_name(name) == rules.normal_entity_name(other)


def _rename(session: Session, others: pl.DataFrame, by: UUID | None, instant: datetime) -> None:
    for code, name in others.iter_rows():
        told: dict[str, Any] = dict(name=name, changed_at=instant, changed_by=by, change_reason=RENAMED)
        session.execute(update(models.entities).where(models.entities.c.code == code).values(**told))


def _others_aliases(session: Session, rows: pl.DataFrame, aliases: pl.DataFrame) -> pl.Series:
    """The rows that give an older code which leads to another entity, or which an earlier row gave to another."""
    told = aliases.join(rows.select("row", "code"), on="row", maintain_order="left")
    pairs = told.select("scheme", "value", pl.col("code").alias("entity_code")).unique(maintain_order=True)
    own, kept = _told.c, models.entity_aliases.c
    with row_by_row(session), filled(session, _told, pairs.sort("scheme", "value")):
        same = and_(kept.scheme == own.scheme, kept.value == own.value)
        query = select(own.scheme, own.value, own.entity_code).join_from(_told, models.entity_aliases, same)
        found = session.execute(query.where(kept.entity_code != own.entity_code)).all()
    foreign = pl.DataFrame([tuple(row) for row in found], schema=pairs.schema, orient="row")
    again = pairs.filter(~pl.struct("scheme", "value").is_first_distinct())
    wrong = pl.concat([foreign, again]).rename({"entity_code": "code"})
    return told.join(wrong, on=["scheme", "value", "code"], how="semi")["row"].unique()


def _learn(session: Session, rows: pl.DataFrame, aliases: pl.DataFrame) -> None:
    told = aliases.join(rows.select("row", pl.col("code").alias("entity_code")), on="row").drop("row")
    with filled(session, _told, told.unique(["scheme", "value"]).sort("scheme", "value")):
        news = select(*(_told.c[name] for name in _ALIAS)).order_by(_told.c.scheme, _told.c.value)
        insert_unless_there(session, models.entity_aliases, _ALIAS, news, _ALIAS[:2])
