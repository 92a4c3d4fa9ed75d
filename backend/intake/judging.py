"""Rows judged by columns: what of a file the catalogue admits, as records ready to be filed, and what is wrong with
the rest.

Pure: cells, an item and a day in; verdicts out. No row is looked at by itself, so that a million take seconds. What
is admitted here is what ``records.rules`` admits; a test compares the two on rows made at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

import polars as pl

from backend.catalogue.rules import CREDIT_CODE, ID_NUMBER, NUMBERS, Field, Identity, Item, identity_columns
from backend.intake import cells, faults
from backend.intake.layouts import Layout, Sheet
from backend.intake.older_codes import aliases_of
from backend.intake.tables import MORE, ROW, columns
from backend.kit.workdays import add_workdays
from backend.records.rules import EARLIEST_DAY, EARLIEST_DECISION, LATEST_DAY

TITLES = ("document_name", "violation_type", "licence_category")
"""What a record is called: the first of these that the row gives, else the item's own title."""
ENDED = "conduct_ended_on"
OWN_COLUMNS = ("document_no", "document_name", "decided_on")
"""Fields that a record carries outside its ``fields``."""


@dataclass(frozen=True)
class Judge:
    """An item's rules on a day. ``serials``: whether numbers may be days (in a workbook). ``received_on``: by which
    being late is told."""

    item: Item
    severities: Sequence[Mapping[str, Any]]
    today: date
    received_on: date
    holidays: frozenset[date] = frozenset()
    serials: bool = False

    @cached_property
    def sheet(self) -> Sheet:
        return Sheet(self.item)

    @cached_property
    def identity(self) -> Identity:
        return identity_columns(self.item)

    def is_late(self, decided_on: date) -> bool:
        """Whether a decision of that day, received when it was, came after its working days."""
        return _due_on(decided_on, self.item.due_workdays, self.holidays) < self.received_on


@lru_cache(maxsize=50_000)
def _due_on(decided_on: date, workdays: int, holidays: frozenset[date]) -> date:
    """By when a decision is due. A table of the days that have been asked: asking the calendar costs half a
    millisecond, and a million rows have some hundred days."""
    return add_workdays(decided_on, workdays, holidays).on


@dataclass(frozen=True)
class Judged:
    """``accepted``: records ready to be filed, by ``row``; ``aliases``: the older codes (row, scheme, value) that they
    give. ``found``: the faults (``faults.SHAPE``) of all others. ``expected`` and ``filled``: required cells.
    """

    rows: int
    accepted: pl.DataFrame
    aliases: pl.DataFrame
    found: pl.DataFrame
    bad_codes: int
    expected: int
    filled: int

    def refused_rows(self) -> pl.Series:
        return self.found["row"].unique()


def texts(frame: pl.DataFrame, layout: Layout, sheet: Sheet) -> pl.DataFrame:
    """A piece's cells by the fields' names, trimmed, without the rows that are empty. Columns a file lacks are null."""
    named = [
        cells.trimmed(pl.col(column)).alias(name)
        for column, name in zip(columns(layout), layout.names, strict=True)
        if name is not None
    ]
    found = frame.select(pl.col(ROW), *named, cells.trimmed(pl.col(MORE)).alias(MORE))
    found = found.filter(~pl.all_horizontal(pl.exclude(ROW).is_null()))
    lacking = [pl.lit(None, pl.String).alias(f.name) for f in sheet.fields if f.name not in found.columns]
    return found.with_columns(lacking)


def judge(cells_by_name: pl.DataFrame, judge: Judge) -> Judged:
    """The verdicts on a piece as :func:`texts` gives it."""
    marks = _Marks(cells_by_name)
    values = {f.name: _values(f, marks, judge).alias(f.name) for f in judge.sheet.fields}
    for f in judge.sheet.fields:
        if f.not_before and f.not_before in values:
            marks.add(f.name, "not-before", values[f.name] < values[f.not_before])
    marks.add(MORE, "more-cells", marks.cells[MORE].is_not_null())
    found = marks.found()
    typed = marks.cells.select(ROW).with_columns(values.values())
    admitted = typed.filter(~pl.col(ROW).is_in(found["row"].unique().implode()))
    required = [f.name for f in judge.sheet.fields if f.required]
    return Judged(
        rows=typed.height, accepted=_records(admitted, judge), aliases=aliases_of(admitted), found=found,
        bad_codes=_count(found, judge.identity.code.name), expected=typed.height * len(required),
        filled=sum(typed.height - marks.cells[name].null_count() for name in required),
    )  # fmt: skip


def _count(found: pl.DataFrame, code: str) -> int:
    return found.filter((pl.col("column") == code) & pl.col("fault").is_in(faults.BAD_CODE)).height


class _Marks:
    """Faults noted as columns of yes and no, and told as a table at the end."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.cells = frame
        self._noted: list[tuple[str, str, pl.Series]] = []

    def add(self, column: str, fault: str, wrong: pl.Series) -> pl.Series:
        """Note a fault where ``wrong``; null is nothing wrong."""
        if wrong.any():
            self._noted.append((column, fault, wrong.fill_null(False)))
        return wrong

    def found(self) -> pl.DataFrame:
        told = [
            self.cells.filter(wrong).select(
                pl.col(ROW).alias("row"), pl.lit("" if column == MORE else column).alias("column"),
                pl.lit(fault).alias("fault"), pl.col(column).alias("value"),
            )
            for column, fault, wrong in self._noted
        ]  # fmt: skip
        return pl.concat([pl.DataFrame(schema=faults.SHAPE), *told]).sort("row", maintain_order=True)


def _values(f: Field, marks: _Marks, judge: Judge) -> pl.Series:
    """A column's values, its faults noted."""
    text = marks.cells[f.name]
    if f.required:
        marks.add(f.name, "required", text.is_null())
    if text.null_count() == len(text):
        return _nothing(f, len(text))
    text = _plain(f, text, marks)
    match f.type:
        case "date":
            return _days(f, text, marks, judge)
        case "integer" | "decimal":
            return _numbers(f, text, marks)
        case _ if f.type == CREDIT_CODE:
            return _wrong_unless(cells.credit_codes(text), text, f, "bad-code", marks)
        case _ if f.type == ID_NUMBER:
            return _wrong_unless(cells.id_numbers(text, judge.today), text, f, "bad-id-number", marks)
    if judge.item.subject == "natural_person" and f.name == judge.identity.name.name:
        return _wrong_unless(cells.person_names(text), text, f, "bad-name", marks)
    return _texts(f, text, marks)


def _nothing(f: Field, height: int) -> pl.Series:
    kind = {"date": pl.Date(), "integer": pl.Int64()}.get(f.type, pl.String())
    return pl.Series(f.name, [None], dtype=kind).new_from_index(0, height)


def _plain(f: Field, text: pl.Series, marks: _Marks) -> pl.Series:
    """The column without formulas, control characters and what is too long: noted, and not judged any further."""
    formula = marks.add(f.name, "formula", text.str.starts_with("="))
    hidden = marks.add(f.name, "control-character", text.str.contains(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"))
    wrong = formula | hidden
    if f.type == "text" and int(text.str.len_bytes().max() or 0) > f.longest:  # type: ignore[arg-type]
        wrong = wrong | marks.add(f.name, "too-long", text.str.len_chars() > f.longest)
    return text.set(wrong.fill_null(False), None) if wrong.any() else text


def _wrong_unless(values: pl.Series, text: pl.Series, f: Field, fault: str, marks: _Marks) -> pl.Series:
    """``values`` are null where ``text`` is none of its kind."""
    if values.null_count() > text.null_count():
        marks.add(f.name, fault, values.is_null() & text.is_not_null())
    return values


def _texts(f: Field, text: pl.Series, marks: _Marks) -> pl.Series:
    if f.pattern:
        text = cells.narrow(text)
        marks.add(f.name, "pattern", ~text.str.contains(rf"^(?:{f.pattern})$"))
    if f.values:
        text = text.replace({name: value for value, name in f.value_names.items()})
        marks.add(f.name, "not-a-value", ~text.is_in(list(f.values)))
    return text


def _days(f: Field, text: pl.Series, marks: _Marks, judge: Judge) -> pl.Series:
    days = _wrong_unless(cells.days(text, serials=judge.serials), text, f, "not-a-date", marks)
    earliest = EARLIEST_DECISION if f.name == "decided_on" else EARLIEST_DAY
    outside = marks.add(f.name, "day-out-of-range", (days < earliest) | (days > LATEST_DAY))
    if not f.may_be_future or f.name in ("decided_on", ENDED):
        marks.add(f.name, "future", (days > judge.today) & ~outside)
    return days


def _numbers(f: Field, text: pl.Series, marks: _Marks) -> pl.Series:
    assert f.type in NUMBERS
    read = cells.wholes(text) if f.type == "integer" else cells.decimals(text)
    values = _wrong_unless(read, text, f, "not-a-number", marks)
    for fault, bound in (("too-small", f.minimum), ("too-large", f.maximum)):
        if bound is not None:
            number = values.cast(pl.Decimal(38, 6))
            limit = pl.Series([Decimal(bound)], dtype=pl.Decimal(38, 6))[0]
            marks.add(f.name, fault, number < limit if fault == "too-small" else number > limit)
    return values


# --- records ---------------------------------------------------------------------------------------------------------


def _records(typed: pl.DataFrame, judge: Judge) -> pl.DataFrame:
    """Admitted rows as records: the columns that ``records.bulk`` files."""
    item = judge.item
    until = ended_or_decided(typed) + pl.duration(days=item.retention_days)
    titles = [pl.col(name).str.slice(0, 200) for name in TITLES if name in typed.columns]
    return typed.with_columns(until.alias("counts_until_on")).select(
        pl.col(ROW).alias("row"),
        pl.col(judge.identity.code.name).alias("code"),
        pl.col(judge.identity.name.name).alias("name"),
        pl.col("authority").alias("source_name"),
        pl.col("document_no"),
        pl.coalesce(*titles, pl.lit(item.title[:200])).alias("title"),
        pl.col("decided_on"),
        (pl.col(ENDED) if ENDED in typed.columns else pl.lit(None, pl.Date)).alias("ended_on"),
        pl.col("counts_until_on"),
        publicity_until(typed, judge).alias("publicity_until_on"),
        _fields(typed, item).alias("fields"),
    )


def ended_or_decided(typed: pl.DataFrame) -> pl.Expr:
    return pl.coalesce(ENDED, "decided_on") if ENDED in typed.columns else pl.col("decided_on")


def publicity_until(typed: pl.DataFrame, judge: Judge) -> pl.Expr:
    """The last day on which a record is shown, by the rules of ``records.rules.publicity_until``."""
    item = judge.item
    if not item.public:
        return pl.lit(None, pl.Date)
    ends = [pl.col("counts_until_on")]
    if item.publicity_days is not None:
        ends.append(pl.col("decided_on") + pl.duration(days=item.publicity_days))
    if "publicity_until_on" in typed.columns:
        ends.append(pl.col("publicity_until_on"))
    if item.severity_field is None:
        return pl.min_horizontal(ends)
    severity = pl.col(item.severity_field)
    longest = {str(s["id"]): int(s["maximum_days"]) for s in judge.severities}
    ends.append(
        pl.col("decided_on") + pl.duration(days=severity.replace_strict(longest, default=None, return_dtype=pl.Int32))
    )
    hidden = [str(s["id"]) for s in judge.severities if not s.get("published_by_default", True)]
    return pl.when(~severity.is_in(hidden).fill_null(False)).then(pl.min_horizontal(ends))


def _fields(typed: pl.DataFrame, item: Item) -> pl.Expr:
    """The item's further columns as one JSON object, without those that a row does not give."""
    given = [f for f in item.fields if f.name not in OWN_COLUMNS and typed[f.name].null_count() < typed.height]
    if not given:
        return pl.lit("{}")
    given.sort(key=lambda f: (len(f.name), f.name))  # as PostgreSQL keeps the names of an object: it need not sort them
    whole = pl.struct(_kept(f) for f in given).struct.json_encode()
    if all(typed[f.name].null_count() == 0 for f in given):
        return whole
    # a name with null after it: within a text its quotes would stand behind backslashes
    return whole.str.replace_all(r'"[a-z0-9_]+":null,?', "").str.replace(r",\}$", "}")


def _kept(f: Field) -> pl.Expr:
    """A column as it is kept: a legal representative's number masked, for nothing here needs it whole."""
    column = pl.col(f.name)
    if f.name.endswith("_id_number"):
        return cells.masked(column).alias(f.name)
    return column.dt.to_string("%Y-%m-%d") if f.type == "date" else column


def split_repeats(accepted: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series, pl.Series]:
    """Of rows about the same document the first: the rest apart, as rows that say the same and rows that do not."""
    key = ["code", "document_no"]
    first = accepted.select(pl.struct(key).is_first_distinct()).to_series()
    if first.all():
        none = pl.Series("row", [], dtype=pl.UInt32)
        return accepted, none, none
    kept, again = accepted.filter(first), accepted.filter(~first)
    said = [name for name in accepted.columns if name not in ("row", *key)]
    pairs = again.join(kept, on=key, suffix=":first")
    same = pairs.select(
        "row", pl.all_horizontal(pl.col(n).eq_missing(pl.col(f"{n}:first")) for n in said).alias("same")
    )
    return kept, same.filter("same")["row"], same.filter(~pl.col("same"))["row"]
