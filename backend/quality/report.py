"""A report: the cells of source, item and month, and every way in which they are added up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from backend.quality import rules
from backend.quality.rules import NOTHING, Counts, Month


class Cell(NamedTuple):
    """What one source reported of one item in one month."""

    organisation_id: UUID
    item_code: str
    month: Month
    counts: Counts


class FaultLine(NamedTuple):
    """How many rows of one source's reports of one item had this fault in this column."""

    organisation_id: UUID
    item_code: str
    column: str
    column_title: str
    fault: str
    said: str
    rows: int


@dataclass(frozen=True)
class Report:
    """``organisations`` and ``items``: the names by id and by code, those without anything reported among them.

    ``asked``: the organisation and the item to which the report is narrowed, if any.
    """

    first: Month
    last: Month
    since: Month
    asked: tuple[UUID | None, str | None]
    organisations: Mapping[UUID, str]
    items: Mapping[str, str]
    cells: tuple[Cell, ...]
    faults: tuple[FaultLine, ...]
    line: rules.Line
    made_at: datetime

    @property
    def months(self) -> list[Month]:
        return rules.months(self.first, self.last)

    def total(self) -> Counts:
        return rules.total(cell.counts for cell in self.cells)

    def by_month(self) -> list[tuple[Month, Counts]]:
        """Every month of the range, those without anything among them."""
        found = rules.grouped((cell.month, cell.counts) for cell in self.cells)
        return [(month, found.get(month, NOTHING)) for month in self.months]

    def by_organisation(self) -> list[tuple[UUID, Counts]]:
        """Every source, by name."""
        found = rules.grouped((cell.organisation_id, cell.counts) for cell in self.cells)
        return [(one, found.get(one, NOTHING)) for one in sorted(self.organisations, key=self.organisation_name)]

    def by_item(self) -> list[tuple[str, Counts]]:
        """Every item of which something was reported, by code."""
        return sorted(rules.grouped((cell.item_code, cell.counts) for cell in self.cells).items())

    def by_source(self) -> list[tuple[tuple[UUID, str], Counts]]:
        """Every source and item of which something was reported."""
        found = rules.grouped(((cell.organisation_id, cell.item_code), cell.counts) for cell in self.cells)
        return sorted(found.items(), key=lambda one: (self.organisation_name(one[0][0]), one[0][1]))

    def organisation_name(self, organisation_id: UUID) -> str:
        return self.organisations.get(organisation_id, "")

    def item_title(self, code: str) -> str:
        return self.items.get(code, code)

    def top_faults(self, most: int) -> list[FaultLine]:
        """The faults of all sources together, by item and column, those of most rows first."""
        return most_first(_together(self.faults))[:most]


def _together(lines: Iterable[FaultLine]) -> list[FaultLine]:
    found: dict[tuple[Any, ...], FaultLine] = {}
    for line in lines:
        key = (line.item_code, line.column, line.fault)
        known = found.get(key)
        found[key] = line._replace(rows=line.rows + (known.rows if known else 0))
    return list(found.values())


def most_first(lines: Iterable[FaultLine]) -> list[FaultLine]:
    """By rows, then by where they are."""
    return sorted(lines, key=lambda line: (-line.rows, line.item_code, line.column, line.fault, line.organisation_id))
