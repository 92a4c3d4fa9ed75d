"""Sums over batches' counters: what the figures of data quality are made of. Never over records."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select

from backend.batches.models import batches, findings
from backend.kit.db import Reader

COUNTED, TRIAL, WITHDRAWN, UNFINISHED = "counted", "trial", "withdrawn", "unfinished"
_c = batches.c
_STANDING: Any = case(
    (_c.mode == "check", TRIAL),
    (_c.status.in_(("withdrawing", "withdrawn")), WITHDRAWN),
    (_c.status == "done", COUNTED),
    else_=UNFINISHED,
)


class Scope(NamedTuple):
    """Whose batches about what; None: everybody's, about anything."""

    organisation_ids: Collection[UUID] | None = None
    item_code: str | None = None


class Sums(NamedTuple):
    """The batches of one organisation about one item in one span that stand alike."""

    organisation_id: UUID
    item_code: str
    span: int
    standing: str
    batches: int
    rows_total: int
    rows_judged: int
    rows_added: int
    rows_corrected: int
    rows_unchanged: int
    rows_rejected: int
    rows_quarantined: int
    rows_duplicate: int
    rows_late: int
    rows_related: int
    rows_bad_code: int
    cells_expected: int
    cells_filled: int


_SUMMED = Sums._fields[5:]


class FaultSum(NamedTuple):
    """How many rows of one organisation's counted batches about one item have a fault in a column."""

    organisation_id: UUID
    item_code: str
    column: str
    fault: str
    rows: int


def sums(reader: Reader, edges: Sequence[datetime], scope: Scope) -> list[Sums]:
    """The sums of batches received from ``edges[n]`` until ``edges[n + 1]``, with ``span`` n. Edges ascend."""
    if scope.organisation_ids is not None and not scope.organisation_ids:
        return []
    span: Any = case(*((_c.received_at < until, n) for n, until in enumerate(edges[1:])))
    one = select(
        _c.organisation_id, _c.item_code, span.label("span"), _STANDING.label("standing"),
        *(func.coalesce(_c[name], 0).label(name) for name in _SUMMED),
    ).where(*_within(edges, scope)).subquery()  # fmt: skip
    key = [one.c[name] for name in Sums._fields[:4]]
    found = select(*key, func.count(), *(func.sum(one.c[name]) for name in _SUMMED)).group_by(*key)
    return [Sums(*row[:4], *map(int, row[4:])) for row in reader.execute(found)]


def faults(reader: Reader, edges: Sequence[datetime], scope: Scope) -> list[FaultSum]:
    """The faults of counted batches received from the first of ``edges`` until the last."""
    if scope.organisation_ids is not None and not scope.organisation_ids:
        return []
    key = (_c.organisation_id, _c.item_code, findings.c.column_name, findings.c.fault)
    found = (
        select(*key, func.sum(findings.c.rows))
        .join(findings, findings.c.batch_id == _c.id)
        .where(*_within(edges, scope), _c.status == "done", _c.mode != "check")
        .group_by(*key)
    )
    return [FaultSum(*row[:4], int(row[4])) for row in reader.execute(found)]


def first_received(reader: Reader, scope: Scope) -> datetime | None:
    """When the first batch came, of whatever standing."""
    if scope.organisation_ids is None:
        return reader.execute(select(func.min(_c.received_at))).scalar()
    each = [
        reader.execute(select(func.min(_c.received_at)).where(_c.organisation_id == one)).scalar()
        for one in scope.organisation_ids
    ]
    return min((at for at in each if at is not None), default=None)


def _within(edges: Sequence[datetime], scope: Scope) -> list[ColumnElement[bool]]:
    found = [_c.received_at >= edges[0], _c.received_at < edges[-1]]
    if scope.organisation_ids is not None:
        found.append(_c.organisation_id.in_(scope.organisation_ids))
    if scope.item_code is not None:
        found.append(_c.item_code == scope.item_code)
    return found
