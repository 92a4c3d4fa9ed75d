"""Lists: ``{"items": [...], "next_cursor": …}`` by key, never by offset."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields

from backend.kit.errors import FieldError
from backend.web.schemas import LARGEST_INTEGER, QueryWhole, Request, Text, View


class PageQuery(Request):
    """``limit`` (1 to 100, default 20) and ``cursor`` (as a former answer gave it)."""

    limit = QueryWhole(least=1, most=100, load_default=20)
    cursor = Text(most=400, load_default=None)


_pages: dict[str, type[Schema]] = {}


def page_of(item: type[Schema]) -> type[Schema]:
    """The response schema of a list of ``item``."""
    name = item.__name__.removesuffix("View").removesuffix("Schema") + "Page"
    if name not in _pages:
        members = {
            "items": fields.List(fields.Nested(item), required=True),
            "next_cursor": fields.String(required=True, allow_none=True),
        }
        _pages[name] = type(name, (View,), members)
    return _pages[name]


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return ["t", value.astimezone(UTC).isoformat()]
    if isinstance(value, date):
        return ["d", value.isoformat()]
    if isinstance(value, UUID):
        return ["u", value.hex]
    return ["p", value]


def _instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError
    return value.astimezone(UTC)


def _plain_value(value: Any) -> Any:
    """A number that every database holds, or a text without control characters."""
    if (isinstance(value, int) and abs(value) <= LARGEST_INTEGER) or (isinstance(value, str) and value.isprintable()):
        return value
    raise ValueError


_READERS: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "t": (str, _instant), "d": (str, date.fromisoformat), "u": (str, UUID), "p": (object, _plain_value),
}  # fmt: skip


def encode_cursor(*values: object) -> str:
    """The position after a row, opaque to callers."""
    text = json.dumps([_plain(value) for value in values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The values of :func:`encode_cursor`, each of its kind. Raises FieldError on anything else."""
    if cursor is None:
        return None
    try:
        raw = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        values = tuple(_read(*pair) for pair in raw)
        if len(values) != len(kinds) or not all(type(v) is k for v, k in zip(values, kinds, strict=True)):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, binascii.Error):
        raise FieldError.at("/query/cursor", "不是本接口给出的游标。", "Not a cursor of ours.") from None
    return values


def _read(kind: str, value: Any) -> Any:
    expected, read = _READERS[kind]
    if not isinstance(value, expected):
        raise ValueError
    return read(value)


def page(rows: Sequence[Any], limit: int, key: Callable[[Any], tuple[object, ...]]) -> dict[str, Any]:
    """A page out of up to ``limit + 1`` rows: ask for one row more than you show."""
    shown = list(rows[:limit])
    more = len(rows) > limit
    return {"items": shown, "next_cursor": encode_cursor(*key(shown[-1])) if more else None}


def part_of(items: Sequence[Any], query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a short list that is at hand as a whole; its cursor is a place in it. ``query``: of PageQuery."""
    position = decode_cursor(query["cursor"], int)
    start = position[0] if position else 0
    if not 0 <= start <= len(items):
        raise FieldError.at("/query/cursor", "不是本接口给出的游标。", "Not a cursor of ours.")
    rows = list(enumerate(items))[start : start + query["limit"] + 1]
    found = page(rows, query["limit"], lambda row: (row[0] + 1,))
    return {**found, "items": [item for _, item in found["items"]]}
