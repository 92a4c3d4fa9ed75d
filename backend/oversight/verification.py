"""Prove that nobody changed what was sealed, or say where somebody did.

Everything is read in order and a page at a time; one batch is held in memory. Sealing may go on meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from backend.codes import service as codes
from backend.kit import clock
from backend.kit.chained import seal_of
from backend.kit.db import Reader
from backend.kit.evidence import Entry, Key
from backend.oversight import rules, service
from backend.oversight.models import SealRow
from backend.oversight.service import TABLES, Seal

WORDS = {
    "row-changed": "这一行与封存时不同",
    "row-removed": "封存时有这一行，现在没有",
    "row-inserted": "封存之后才写进这一批",
    "row-backdated": "所写的时间早于已经完成的封存：事后补写，或时钟被改过",
    "row-after-closing": "这一批已按保存年限销毁，却还有行",
    "list-changed": "这一批的清单与封存时不同",
    "list-left": "这一批已按保存年限销毁，清单却还在",
    "batch-removed": "缺少这一批",
    "batch-swapped": "这一批不在自己的位置上",
    "statement-broken": "封存声明无法读取",
    "statement-contradicts": "封存声明自相矛盾",
    "chain-broken": "所记的上一批封存不是上一批",
    "signature-wrong": "签名不符",
    "signature-unknown-key": "签名的密钥不存在，或不是封存用的密钥",
    "signature-not-yet": "签名的密钥当时尚未启用",
    "signature-ended": "签名的密钥当时已退役或已收回",
    "closed-too-early": "按保存年限还不到销毁的时候",
    "not-the-published": "与外部保存的封存不同：整条链被重写过",
    "shorter-than-published": "外部保存的封存编号更新：后面的批次被删除",
}
"""What is found, by slug, in words."""


class Finding(NamedTuple):
    """One thing that is not as it was sealed: ``what`` of WORDS, and where."""

    what: str
    batch: int | None
    table: str | None = None
    row: Key | None = None

    def __str__(self) -> str:
        where = [f"batch {self.batch}" if self.batch is not None else "not sealed yet"]
        where += [self.table] if self.table else []
        where += ["row " + "/".join(map(str, self.row))] if self.row else []
        return f"{', '.join(where)}: {self.what} {WORDS[self.what]}"


class Closing(NamedTuple):
    """A signed statement that a run of batches' rows of one table were lawfully destroyed."""

    number: int
    first: int
    last: int
    before: datetime


@dataclass
class _State:
    """What the walk along the chain remembers."""

    reader: Reader
    closings: dict[str, list[Closing]]
    streams: dict[str, _Stream]
    previous: str | None = None
    caught_up_at: datetime | None = None
    sealed_at: datetime | None = None
    number: int = 0


class _Stream:
    """A table's sealed rows, in the order of their batches, with a look at the next one."""

    def __init__(self, rows: Iterator[Entry]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of_batch(self, number: int) -> Iterator[Entry]:
        while self._next is not None and self._next.batch == number:
            yield self._take()

    def before(self, number: int) -> Iterator[Entry]:
        """Rows of batches that the chain does not have."""
        while self._next is not None and self._next.batch is not None and self._next.batch < number:
            yield self._take()

    def rest(self) -> Iterator[Entry]:
        while self._next is not None:
            yield self._take()

    def _take(self) -> Entry:
        assert self._next is not None
        taken, self._next = self._next, next(self._rows, None)
        return taken


def verify(
    reader: Reader,
    first: int = 1,
    against: Mapping[str, Any] | None = None,
    progress: Callable[[], object] = lambda: None,
) -> Iterator[Finding]:
    """Everything that is not as it was sealed, in order. ``first``: the batch to begin with.

    ``against``: a seal as it was published and kept elsewhere. ``progress`` is called after each batch.
    """
    from_batch = first if first > 1 else -(2**31)  # no batch has such a number: what claims one is found
    streams = {name: _Stream(table.sealed(reader, from_batch)) for name, table in TABLES.items()}
    state = _State(reader, _closings(reader, 0), streams, number=first - 1)
    if before := next(iter(service.seals(reader, 1, first)), None):
        state.previous, state.number = before.value, before.number
    for seal in service.chain(reader, first):
        yield from _check_seal(state, seal, first)
        progress()
    yield from _beyond(state)
    yield from _unsealed(state)
    yield from _check_against(reader, against)


def problems(reader: Reader) -> list[str]:
    """Every finding of a whole verification, in words; what a restore asks."""
    return [str(finding) for finding in verify(reader)]


def _closings(reader: Reader, after: int) -> dict[str, list[Closing]]:
    """The closings of the chain, by table."""
    found: dict[str, list[Closing]] = {name: [] for name in TABLES}
    for seal in service.chain(reader, after + 1):
        if '"kind":"closing"' not in seal.text:
            continue
        try:
            told = seal.told["closes"]
            what = Closing(seal.number, told["first"], told["last"], rules.instant(told["before"]))
            found[told["table"]].append(what)
        except (ValueError, KeyError, TypeError):
            continue  # the walk along the chain says what is wrong with it
    return found


def _check_seal(state: _State, seal: Seal, first: int) -> Iterator[Finding]:
    gap = range(state.number + 1, seal.number) if seal.number != first else range(0)
    yield from (Finding("batch-removed", number) for number in gap)
    for name, stream in state.streams.items():
        for row in stream.before(seal.number):
            if row.batch not in gap:
                yield Finding("row-inserted", row.batch, name, row.key)
    try:
        read = _read(seal)
    except (ValueError, KeyError, TypeError, AttributeError):
        yield Finding("statement-broken", seal.number)
        read = _Read({}, state.sealed_at or clock.now(), {}, True)
    else:
        yield from _check_links(state, seal, read)
    if read.told.get("kind") == rules.CLOSING:
        yield from _check_closing(seal, read)
    for name, part in read.parts.items():
        yield from _check_part(state, seal.number, name, part)
    state.previous, state.number, state.sealed_at = seal.value, seal.number, read.at
    if read.told.get("complete") is True:
        state.caught_up_at = read.at


class _Read(NamedTuple):
    """A statement as it was read. ``agrees``: its sums and its root are those of its parts."""

    told: dict[str, Any]
    at: datetime
    parts: dict[str, dict[str, Any]]
    agrees: bool


def _read(seal: Seal) -> _Read:
    told = seal.told
    tables = told.get("tables", {})
    sums = (told["count"], told["root"]) == (sum(p["count"] for p in tables.values()), rules.whole_root(tables))
    agrees = sums and told["number"] == seal.number and rules.text_of(told) == seal.text
    return _Read(told, rules.instant(told["sealed_at"]), {name: _part(tables, name) for name in TABLES}, agrees)


def _part(tables: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = tables.get(name, {"count": 0, "root": rules.EMPTY.hex(), "first_at": None, "last_at": None})
    times = {key: rules.instant(part[key]) if part[key] else None for key in ("first_at", "last_at")}
    return {"count": part["count"], "root": bytes.fromhex(part["root"]), **times}


def _check_links(state: _State, seal: Seal, read: _Read) -> Iterator[Finding]:
    told = read.told
    if told["number"] != seal.number:
        yield Finding("batch-swapped", seal.number)
    elif not read.agrees or (state.sealed_at is not None and read.at < state.sealed_at - rules.GRACE):
        yield Finding("statement-contradicts", seal.number)
    expected = rules.BEGINNING if seal.number == 1 else state.previous
    if expected is not None and told.get("previous") != expected:
        yield Finding("chain-broken", seal.number)
    content, kid = seal.signed, str(told.get("kid"))
    if why := codes.check_statement(state.reader, codes.Purpose.SEAL, kid, content, seal.signature, read.at):
        yield Finding(f"signature-{why}", seal.number)


def _check_closing(seal: Seal, read: _Read) -> Iterator[Finding]:
    try:
        closes = read.told["closes"]
        day = clock.shanghai_date(read.at)
        lawful = clock.start_of_day(rules.years_before(day, closes["kept_years"]))
        early = rules.instant(closes["before"]) > lawful or closes["kept_years"] < 1 or closes["last"] >= seal.number
    except (ValueError, KeyError, TypeError):
        yield Finding("statement-broken", seal.number)
        return
    if early:
        yield Finding("closed-too-early", seal.number, closes["table"])


def _check_part(state: _State, number: int, name: str, part: Mapping[str, Any]) -> Iterator[Finding]:
    """One table's rows of one batch, against the batch's list, and the list against the root that was signed."""
    table = TABLES[name]
    rows = state.streams[name].of_batch(number)
    if closing := _closed(state.closings, name, number):
        yield from (Finding("row-after-closing", number, name, row.key) for row in rows)
        if service.holds_list(state.reader, number, table):
            yield Finding("list-left", number, name)
        if part["last_at"] is not None and part["last_at"] >= closing.before:
            yield Finding("closed-too-early", closing.number, name)
        return
    try:
        listed = service.leaves(state.reader, number, table)
    except ValueError:
        listed = []
    sealed = (part["count"], part["root"])
    true_list = (len(listed), rules.root(digest for _, digest in listed)) == sealed
    held = rows if true_list else list(rows)
    found = list(_compare(number, name, dict(listed), iter(held), state.caught_up_at))
    if not true_list or any(one.what == "row-removed" for one in found):
        if _closed(_closings(state.reader, state.number), name, number):
            return  # it was closed while we read
    if not true_list:
        yield Finding("list-changed", number, name)
        digests = [row.digest for row in held]
        if (len(digests), rules.root(digests)) == sealed:
            return  # the rows are as they were sealed; it is the list alone that somebody touched
    yield from found


def _compare(
    number: int, name: str, expected: dict[Key, bytes], rows: Iterator[Entry], caught_up_at: datetime | None
) -> Iterator[Finding]:
    for row in rows:
        digest = expected.pop(row.key, None)
        if digest is None:
            yield Finding("row-inserted", number, name, row.key)
        elif digest != row.digest:
            yield Finding("row-changed", number, name, row.key)
        elif rules.is_late(row.at, caught_up_at):
            yield Finding("row-backdated", number, name, row.key)
    yield from (Finding("row-removed", number, name, key) for key in expected)


def _closed(closings: Mapping[str, list[Closing]], name: str, number: int) -> Closing | None:
    return next((one for one in closings[name] if one.first <= number <= one.last), None)


def _beyond(state: _State) -> Iterator[Finding]:
    """Rows that name batches after the chain's end: sealed while we read, or their batch is gone."""
    for name, stream in state.streams.items():
        told = 0
        for row in stream.rest():
            if row.batch is None or row.batch == told:
                continue
            told = row.batch
            there = select(SealRow.number).where(SealRow.number == told)
            if state.reader.execute(there).first() is None:
                yield Finding("batch-removed", told, name, row.key)


def _unsealed(state: _State) -> Iterator[Finding]:
    """Rows that wait for a seal although they say that they are older than one that left nothing waiting."""
    for name, table in TABLES.items():
        for row in table.unsealed(state.reader, service.MOST_ROWS):
            if not rules.is_late(row.at, state.caught_up_at):
                break
            yield Finding("row-backdated", None, name, row.key)


def _check_against(reader: Reader, published: Mapping[str, Any] | None) -> Iterator[Finding]:
    """The chain against a seal that was kept outside: it must still stand in it, the very same."""
    if published is None:
        return
    number = int(published["number"])
    ours = next((seal for seal in service.seals(reader, 1, number + 1) if seal.number == number), None)
    if ours is None:
        yield Finding("shorter-than-published", number)
    elif ours.value != published["seal"]:
        yield Finding("not-the-published", number)


def seal_kept_elsewhere(text: str) -> dict[str, Any]:
    """A published seal as ``publish`` wrote it. Raises ValueError when the text is none, or was altered."""
    kept = json.loads(text)
    if not isinstance(kept, dict) or not isinstance(kept.get("number"), int):
        raise ValueError("not a published seal")
    statement = {name: value for name, value in kept.items() if name not in ("seal", "signature")}
    if seal_of(rules.DOMAIN, rules.text_of(statement)) != kept.get("seal"):
        raise ValueError("the file was altered: its seal is not that of its statement")
    return kept
