"""Where in a TOML text a problem stands. A hint for the eye: pure, and none where the text does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

PARTS = {"等级": "levels", "维度": "dimensions", "指标": "indicators"}
_HEAD = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=\s*(?:[\"']([^\"']*)[\"'])?")
_NAMED = re.compile(rf"({'|'.join(PARTS)}) ([A-Za-z0-9+-]+)")
_NUMBERED = re.compile(r"(levels|dimensions|indicators)(?:\.|\]\] 第 )([0-9]{1,6})")
_TWICE = re.compile(r"(levels|dimensions|indicators) 的 id ([A-Za-z0-9+-]+)")
_PLACE = re.compile(rf"({'|'.join(PARTS)}) [^ ]+|\[\[[a-z]+\]\] 第 [0-9]+ 项|\[scale\]")
_WORDS = {"版本": "version"}


class Problem(NamedTuple):
    """``file`` and ``place`` as words, ``line`` in the text that was sent (None: not known), what is wrong."""

    file: str
    place: str
    line: int | None
    text: str


@dataclass
class _Entry:
    """A table of the text. ``number``: among those of its name, from 1."""

    name: str
    number: int
    line: int
    id: str = ""
    keys: dict[str, int] = field(default_factory=dict)


def placed(told: list[str], text: str | None) -> list[Problem]:
    """What the linter says (``file：problem``), each with its place. ``text``: the TOML that was sent, if it was."""
    entries = list(_entries(text or ""))
    return [_placed(one, entries) for one in told]


def _placed(told: str, entries: list[_Entry]) -> Problem:
    file, _, problem = told.partition("：")
    place, colon, rest = problem.partition("：")
    own = file == "scoring.toml"
    if not colon or len(place) > 60 or (own and not _PLACE.fullmatch(place)):
        place, rest = "", problem
    return Problem(file, place, _line(problem, entries) if own else None, rest)


def _entries(text: str) -> Iterator[_Entry]:
    now, seen = _Entry("", 1, 1), dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.match(line):
            yield now
            seen[head[1]] = seen.get(head[1], 0) + 1
            now = _Entry(head[1], seen[head[1]], number)
        elif key := _KEY.match(line):
            now.keys.setdefault(key[1], number)
            if key[1] == "id":
                now.id = key[2] or ""
    yield now


def _line(problem: str, entries: list[_Entry]) -> int | None:
    found = _entry(problem, entries)
    if found is None:
        return None
    words = re.findall(r"[a-z_]+", problem) + [key for word, key in _WORDS.items() if word in problem]
    told = next((found.keys[word] for word in words if word in found.keys and word != "id"), None)
    return told or (found.line if found.name else None)


def _entry(problem: str, entries: list[_Entry]) -> _Entry | None:
    """The table that a problem speaks of; what names none speaks of the head of the file."""
    if named := _TWICE.match(problem) or _NAMED.match(problem):
        name = PARTS.get(named[1], named[1])
        last = problem.endswith("重复")
        found = [one for one in entries if (one.name, one.id) == (name, named[2])]
        return found[-1 if last else 0] if found else None
    if numbered := _NUMBERED.search(problem):
        return next((one for one in entries if (one.name, one.number) == (numbered[1], int(numbered[2]))), None)
    problem = problem.replace("最低一级", "levels")
    first = re.match(r"\[?([a-z]+)", problem)
    return next((one for one in entries if first and one.name == first[1]), entries[0])
