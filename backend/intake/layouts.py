"""Which column of a file is which field of the catalogue's item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from backend.catalogue.prohibited import prohibited
from backend.catalogue.rules import Field, Item, identity_columns, normal_head
from backend.intake.errors import FileRefused

ROW_NUMBER, WRONG_COLUMNS, WRONG_VALUES, REASONS = ADDED = ("行号", "问题列", "问题值", "原因")
"""Columns that a returned file has beside the department's own; they are passed over when it is sent back."""
MOST_COLUMNS = 500
MOST_NAMED = 20
"""Heads that one answer names."""


@dataclass(frozen=True)
class Sheet:
    """What a file about an item may hold: the subject's two columns and the item's own."""

    item: Item

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        identity = identity_columns(self.item)
        known = {f.name for f in self.item.fields}
        return (*(f for f in identity if f.name not in known), *self.item.fields)

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        return {f.name: f for f in self.fields}

    @cached_property
    def _by_head(self) -> Mapping[str, str]:
        """Head in normal form → field. What is a field's own title or name is nobody's alias."""
        own = {head: f.name for f in self.fields for head in f.heads[:2]}
        return {head: f.name for f in reversed(self.fields) for head in f.heads[2:]} | own

    def name_of(self, head: str) -> str | None:
        """The field whose column this is, whatever mark of being required it carries."""
        return self._by_head.get(normal_head(head).rstrip("*"))


@dataclass(frozen=True)
class Layout:
    """The columns of one file, in their order: the heads as they were sent, and the field of each (None: passed over).
    ``row``: which row of the file the head is, the first being 1."""

    heads: tuple[str, ...]
    names: tuple[str | None, ...]
    row: int


def find_head(rows: Sequence[Sequence[str]], item: Item) -> Layout:
    """The head among a file's first rows: the first of those that name most columns. Raises FileRefused."""
    sheet = Sheet(item)
    known = [sum(sheet.name_of(cell) is not None for cell in row) for row in rows]
    if not known or max(known) == 0:
        wanted = "、".join(f.title for f in sheet.fields[:3])
        raise FileRefused("no-head", f"前 {len(rows)} 行里没有表头；表头应有“{wanted}”等列名，列之间用逗号分隔")
    at = known.index(max(known))
    heads = [cell.strip() for cell in rows[at]]
    while heads and not heads[-1]:
        heads.pop()
    names = tuple(sheet.name_of(head) for head in heads)
    _refuse(_problems(sheet, heads, names))
    return Layout(tuple(heads), names, at + 1)


def _problems(sheet: Sheet, heads: Sequence[str], names: Sequence[str | None]) -> list[tuple[str, str]]:
    """(reason, sentence) of everything that is wrong with a head."""
    found: list[tuple[str, str]] = []
    if len(heads) > MOST_COLUMNS:
        return [("unknown-column", f"表头有 {len(heads)} 列，最多 {MOST_COLUMNS} 列")]
    for place, (head, name) in enumerate(zip(heads, names, strict=True), 1):
        if name is not None or head in ADDED:
            continue
        shown = head[:60]
        if law := prohibited(shown):
            found.append(("prohibited-column", law))
        elif head:
            found.append(("unknown-column", f"目录没有列“{shown}”；请删去，或改用模板的列名"))
        else:
            found.append(("unknown-column", f"第 {place} 列没有列名"))
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        found.append(("column-twice", f"列“{sheet.by_name[name].title}”出现了不止一次"))
    missing = [f for f in sheet.fields if f.required and f.name not in names]
    return found + [("missing-column", f"缺少列“{f.title}”") for f in missing]


def _refuse(found: Sequence[tuple[str, str]]) -> None:
    if found:
        order = ("prohibited-column", "unknown-column", "column-twice", "missing-column")
        reason = min((reason for reason, _ in found), key=order.index)
        raise FileRefused(reason, *(sentence for _, sentence in found[:MOST_NAMED]))
