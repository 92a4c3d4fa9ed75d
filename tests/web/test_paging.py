"""Cursors: what we gave comes back as it was, and everything else is refused by its name."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.kit.errors import FieldError
from backend.web.paging import decode_cursor, encode_cursor, page, part_of
from backend.web.schemas import LARGEST_INTEGER
from tests.checked_client import CheckedClient

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1), timezones=offsets)
values = st.one_of(
    instants, st.dates(), st.uuids(), st.integers(-LARGEST_INTEGER, LARGEST_INTEGER),
    st.text(st.characters(categories=["L", "N", "P"]), max_size=30),
)  # fmt: skip


@given(st.lists(values, min_size=1, max_size=4))
def test_a_cursor_comes_back_as_it_was(position: list[Any]) -> None:
    again = decode_cursor(encode_cursor(*position), *(type(value) for value in position))
    assert again == tuple(position)
    assert all(value.tzinfo is UTC for value in again if isinstance(value, datetime))


@given(st.lists(instants | st.dates() | st.uuids() | st.integers(0, LARGEST_INTEGER), min_size=1, max_size=4))
def test_a_cursor_fits_the_limit_and_an_address(position: list[Any]) -> None:
    cursor = encode_cursor(*position)
    assert len(cursor) <= 400 and cursor.isascii() and not set(cursor) & set("+/=")


def refused(cursor: str, *kinds: type) -> bool:
    with pytest.raises(FieldError) as caught:
        decode_cursor(cursor, *kinds)
    return bool(caught.value.members["errors"][0]["pointer"] == "/query/cursor")


@given(
    st.one_of(st.text(max_size=400), st.binary(max_size=300).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
)
def test_garbage_is_no_cursor(garbage: str) -> None:
    assert refused(garbage, datetime, UUID)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from("tdup"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2), max_leaves=8,
)  # fmt: skip


@given(anything)
def test_json_that_is_not_ours_is_no_cursor(value: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    try:
        found = decode_cursor(cursor, int)
    except FieldError:
        return
    assert found is not None and type(found[0]) is int and abs(found[0]) <= LARGEST_INTEGER


@given(values, values)
def test_a_cursor_of_another_list_is_refused(first: Any, second: Any) -> None:
    if type(first) is not type(second):
        assert refused(encode_cursor(first), type(second))
    assert refused(encode_cursor(first, second), type(first))
    assert refused(encode_cursor(first), type(first), type(second))


@pytest.mark.parametrize("value", [10**30, -(10**30), True, 1.5, None, "a\x00b", {"a": 1}])
def test_what_no_list_is_ordered_by_is_refused(value: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps([["p", value]]).encode()).decode().rstrip("=")
    assert refused(cursor, int) and refused(cursor, str)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-05T08:30:00"])
def test_an_instant_without_a_place_in_time_is_refused(text: str) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps([["t", text]]).encode()).decode().rstrip("=")
    assert refused(cursor, datetime)


def test_no_cursor_is_the_beginning() -> None:
    assert decode_cursor(None, date) is None


@given(st.lists(st.integers(), max_size=30), st.integers(1, 10))
def test_pages_together_are_the_list(rows: list[int], limit: int) -> None:
    seen: list[int] = []
    start = 0
    while True:
        shown = page(list(enumerate(rows))[start : start + limit + 1], limit, lambda row: (row[0] + 1,))
        seen += [value for _, value in shown["items"]]
        if shown["next_cursor"] is None:
            break
        assert len(shown["items"]) == limit
        (start,) = decode_cursor(shown["next_cursor"], int) or (0,)
    assert seen == rows


@given(st.lists(st.integers(), max_size=30), st.integers(1, 10))
def test_parts_of_a_short_list_together_are_the_list(items: list[int], limit: int) -> None:
    seen: list[int] = []
    query: dict[str, Any] = {"limit": limit, "cursor": None}
    while True:
        shown = part_of(items, query)
        seen += shown["items"]
        if shown["next_cursor"] is None:
            break
        query["cursor"] = shown["next_cursor"]
    assert seen == items


@pytest.mark.parametrize("place", [-1, 4, 10**15])
def test_a_place_outside_a_short_list_is_refused(place: int) -> None:
    with pytest.raises(FieldError):
        part_of([1, 2, 3], {"limit": 1, "cursor": encode_cursor(place)})


@pytest.mark.parametrize("path", ["/api/v1/communities", "/api/v1/perks/scenes"])
def test_short_lists_keep_to_the_limit_too(client: CheckedClient, path: str) -> None:
    whole = client.get(path).get_json()["items"]
    first = client.get(f"{path}?limit=1").get_json()
    rest = client.get(f"{path}?limit=100&cursor={first['next_cursor']}").get_json()
    assert len(first["items"]) == 1 and first["items"] + rest["items"] == whole and rest["next_cursor"] is None
    assert client.get(f"{path}?limit=0").status_code == 422
