"""The report, read from the batches' counters. It opens no record and no row of a file."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from backend.accounts import service as accounts
from backend.batches import figures
from backend.batches.figures import FaultSum, Scope, Sums
from backend.catalogue import service as catalogue
from backend.intake.faults import sentence
from backend.intake.layouts import Sheet
from backend.kit import city, clock
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.quality import rules
from backend.quality.report import Cell, FaultLine, Report
from backend.quality.rules import MOST_MONTHS, Counts, Month


class Wanted(NamedTuple):
    """What a report is about: months as ``2026-10``, both included; None where the caller leaves it open."""

    first: str | None = None
    last: str | None = None
    organisation_id: UUID | None = None
    item_code: str | None = None


def lint_policy(content: dict[str, object], contents: dict[str, dict[str, object]]) -> list[str]:
    """The check of ``[quality]`` in ``city.toml`` that the composition root registers."""
    del contents
    return list(rules.lint(content))


def report(reader: Reader, mine: Collection[UUID] | None, wanted: Wanted) -> Report:
    """The report on what ``mine`` reported; None: every organisation.

    Without a first month it begins with the first batch, without a last one it ends today. Raises NotFound for an
    organisation that is none of ``mine``, FieldError for months that are no range.
    """
    whose = _whose(reader, mine, wanted.organisation_id)
    since = _since(reader, mine)
    first, last = _range(wanted, since)
    scope = Scope(whose, wanted.item_code)
    edges = [clock.start_of_day(month.first_day) for month in rules.months(first, last.later(1))]
    cells = _cells(figures.sums(reader, edges, scope), first)
    found = {cell.organisation_id for cell in cells}
    known = accounts.organisations(reader, whose, None if whose is not None else catalogue.DEPARTMENT)
    strangers = accounts.organisations(reader, found - {one.id for one in known})
    items = catalogue.items(reader)
    return Report(
        first=first, last=last, since=since, asked=(wanted.organisation_id, wanted.item_code),
        organisations={one.id: one.name for one in [*known, *strangers]},
        items={code: item.title for code, item in items.items()},
        cells=cells, faults=_faults(figures.faults(reader, edges, scope), items),
        line=rules.line_of(city.get(reader, "city").content), made_at=clock.now(),
    )  # fmt: skip


def _whose(reader: Reader, mine: Collection[UUID] | None, asked: UUID | None) -> Collection[UUID] | None:
    if asked is None:
        return mine
    if mine is not None and asked not in mine:
        raise NotFound()
    return [accounts.organisation(reader, asked).id]


def _since(reader: Reader, mine: Collection[UUID] | None) -> Month:
    """The month of the first batch, or this one."""
    at = figures.first_received(reader, Scope(mine))
    return Month.of(clock.shanghai_date(at) if at else clock.today())


def _range(wanted: Wanted, since: Month) -> tuple[Month, Month]:
    last = Month.read(wanted.last) if wanted.last else Month.of(clock.today())
    open_start = max(min(since, last), last.later(1 - MOST_MONTHS))
    first = Month.read(wanted.first) if wanted.first else open_start
    if not 1 <= len(rules.months(first, last)) <= MOST_MONTHS:
        raise FieldError.at(
            "/query/to",
            f"不能早于 from，最长 {MOST_MONTHS} 个月。",
            f"Not before `from`; {MOST_MONTHS} months at most.",
        )
    return first, last


def _cells(sums: list[Sums], first: Month) -> tuple[Cell, ...]:
    """The sums by source, item and month, whatever the batches' standing."""
    found = rules.grouped(((s.organisation_id, s.item_code, first.later(s.span)), counts_of(s)) for s in sums)
    return tuple(Cell(whose, item, month, counts) for (whose, item, month), counts in found.items())


def counts_of(s: Sums) -> Counts:
    """What some batches add to the figures. Only counted ones have rates; of the others their number is told."""
    match s.standing:
        case figures.TRIAL:
            return Counts(trials=s.batches)
        case figures.WITHDRAWN:
            return Counts(withdrawn_batches=s.batches, withdrawn_rows=s.rows_total)
        case figures.UNFINISHED:
            return Counts(unfinished=s.batches)
    return Counts(
        batches=s.batches, rows=s.rows_total, judged=s.rows_judged,
        accepted=s.rows_judged - s.rows_rejected - s.rows_quarantined,
        rejected=s.rows_rejected, quarantined=s.rows_quarantined,
        added=s.rows_added, corrected=s.rows_corrected, unchanged=s.rows_unchanged,
        on_time=s.rows_added - s.rows_late, duplicates=s.rows_duplicate, related=s.rows_related,
        bad_codes=s.rows_bad_code, cells_expected=s.cells_expected, cells_filled=s.cells_filled,
    )  # fmt: skip


def _faults(found: list[FaultSum], items: dict[str, catalogue.Item]) -> tuple[FaultLine, ...]:
    """The faults in words; of an item that the catalogue no longer has, as they are coded."""
    sheets = {code: Sheet(items[code]) for code in {one.item_code for one in found} & set(items)}
    lines = []
    for one in found:
        sheet = sheets.get(one.item_code)
        title, said = sentence(sheet, one.column, one.fault) if sheet else (one.column or "整行", one.fault)
        lines.append(FaultLine(one.organisation_id, one.item_code, one.column, title, one.fault, said, one.rows))
    return tuple(lines)
