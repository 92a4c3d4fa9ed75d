"""Strict fields: a value is exactly of its kind, or it is refused; what is let in is safe to keep."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields, post_dump

from backend.web.schemas import (
    LARGEST_INTEGER,
    Day,
    Flag,
    Instant,
    Key,
    QueryFlag,
    QueryWhole,
    Request,
    Text,
    View,
    Whole,
    one_of,
)

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=40)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def taken(field: fields.Field, value: Any) -> Any:
    """What the field makes of a value, or the refusal."""
    try:
        return field.deserialize(value)
    except ValidationError as refusal:
        return refusal


@given(anything)
def test_a_text_is_text_without_control_characters(value: Any) -> None:
    found = taken(Text(most=30), value)
    if isinstance(found, str):
        assert isinstance(value, str) and 1 <= len(found) <= 30 and found == unicodedata.normalize("NFC", found).strip()
        assert not any(unicodedata.category(c) in ("Cs",) or (ord(c) < 32 and c not in "\t\n\r") for c in found)
        found.encode()
    else:
        assert isinstance(found, ValidationError)


@given(st.text(st.characters(categories=["L", "N", "So"]), min_size=1, max_size=30))
def test_letters_numbers_and_emoji_are_text(value: str) -> None:
    found = taken(Text(most=120), value)
    assert found == unicodedata.normalize("NFC", value)


@pytest.mark.parametrize("value", ["a\x00b", "\x1b[31m", "\x7f", "a\ud800", "", "   ", "x" * 31, b"x", 1, None])
def test_a_text_that_is_none_is_refused(value: Any) -> None:
    assert isinstance(taken(Text(most=30), value), ValidationError)


@given(anything)
def test_a_whole_number_is_one_and_within_its_bounds(value: Any) -> None:
    good = type(value) is int and 1 <= value <= LARGEST_INTEGER
    found = taken(Whole(least=1), value)
    assert (found == value and type(found) is int) if good else isinstance(found, ValidationError)


@given(st.text(max_size=20) | st.integers().map(str))
def test_a_number_in_a_query_is_plain_digits(value: str) -> None:
    found = taken(QueryWhole(least=1, most=100), value)
    if isinstance(found, int):
        assert value.isascii() and value.lstrip("0") == str(found) and 1 <= found <= 100
    else:
        assert not (value.isascii() and value.isdigit() and len(value) < 17 and 1 <= int(value) <= 100)


@given(anything)
def test_a_flag_is_true_or_false(value: Any) -> None:
    assert (
        taken(Flag(), value) is value if isinstance(value, bool) else isinstance(taken(Flag(), value), ValidationError)
    )
    assert isinstance(taken(QueryFlag(), value), ValidationError) or value in ("true", "false")


@given(st.uuids(), st.sampled_from([str.lower, str.upper]))
def test_an_id_is_a_uuid_in_36_characters(value: UUID, case: Any) -> None:
    assert taken(Key(), case(str(value))) == value
    for other in (value.hex, value.urn, f"{{{value}}}", f" {value}", f"{value}\n", value.bytes, value.int):
        assert isinstance(taken(Key(), other), ValidationError)


@given(st.datetimes(datetime(1901, 1, 1), datetime(2199, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_an_instant_has_its_offset_and_becomes_utc(value: datetime, minutes: int) -> None:
    assume(minutes != 0)
    sign = "-" if minutes < 0 else "+"
    text = f"{value.isoformat()}{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    found = taken(Instant(), text)
    assert found == datetime.fromisoformat(text) and found.tzinfo is UTC
    assert isinstance(taken(Instant(), value.isoformat()), ValidationError)
    told = Instant()._serialize(found, "at", None)
    assert told is not None and told.endswith("Z") and taken(Instant(), told) == found


@given(anything)
def test_an_instant_is_nothing_else(value: Any) -> None:
    assert isinstance(taken(Instant(), value), ValidationError)


@given(st.dates() | st.text(max_size=12))
def test_a_day_is_four_two_and_two_digits(value: date | str) -> None:
    found = taken(Day(), value.isoformat() if isinstance(value, date) else value)
    assert found == value if isinstance(value, date) else isinstance(found, ValidationError | date)


@pytest.mark.parametrize("value", ["2026-02-30", "20260305", "2026-3-5", "2026-W10-4", "２０２６-03-05", 20260305])
def test_a_day_that_is_none_is_refused(value: Any) -> None:
    assert isinstance(taken(Day(), value), ValidationError)


class Inner(Request):
    kind = fields.String(required=True, validate=one_of("a", "b"))


class Outer(Request):
    name = Text(most=5, required=True)
    inner = fields.Nested(Inner, required=True)
    rows = fields.List(fields.Nested(Inner), load_default=list)


@given(st.text(max_size=10), st.sampled_from(["", "inner", "rows"]))
def test_an_unknown_field_is_refused_wherever_it_stands(name: str, where: str) -> None:
    assume(name not in ("name", "inner", "rows", "kind"))
    body: dict[str, Any] = {"name": "x", "inner": {"kind": "a"}, "rows": [{"kind": "b"}]}
    Outer().load(body)
    holder = {"": body, "inner": body["inner"], "rows": body["rows"][0]}[where]
    holder[name] = 1
    with pytest.raises(ValidationError) as caught:
        Outer().load(body)
    told: Any = caught.value.messages
    told = {"": told, "inner": told.get("inner"), "rows": told.get("rows", {}).get(0)}[where]
    assert told == {name: ["Unknown field."]}


class ShownInner(View):
    name = fields.String()
    count = fields.Integer(as_string=True)


class Shown(View):
    """One of everything that the rooms' views use."""

    id = fields.UUID(required=True)
    text = fields.String(attribute="said")
    renamed = fields.Integer(data_key="number")
    flag = fields.Boolean()
    at = Instant(allow_none=True)
    on = fields.Date()
    inner = fields.Nested(ShownInner, allow_none=True)
    many = fields.List(fields.Nested(ShownInner))
    deep = fields.String(attribute="inner.name")
    table = fields.Dict(keys=fields.String())
    fixed = fields.String(dump_default="so")
    price = fields.Float()


class Loud(Shown):
    @post_dump
    def shout(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "loud": True}


class Bag:
    """An object with attributes."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


ANYTHING_TOLD = st.fixed_dictionaries(
    {"id": st.uuids()},
    optional={
        "said": st.text() | st.integers() | st.none(), "renamed": st.integers() | st.booleans() | st.none(),
        "flag": st.booleans() | st.sampled_from([0, 1, None]), "on": st.dates(), "price": st.integers(),
        "at": st.datetimes(timezones=st.just(UTC)) | st.none(), "table": st.dictionaries(st.text(), st.integers()),
        "inner": st.none() | st.fixed_dictionaries({"name": st.text()}, optional={"count": st.integers()}),
        "many": st.lists(st.fixed_dictionaries({"name": st.text(), "items": st.integers()})), "items": st.integers(),
    },
)  # fmt: skip


@given(ANYTHING_TOLD, st.booleans())
def test_a_view_writes_what_marshmallow_would(told: dict[str, Any], as_object: bool) -> None:
    obj = Bag(**told) if as_object else told
    for view in (Shown(), Loud()):
        assert view.dump(obj) == Schema.dump(view, obj)
        assert view.dump([obj, obj], many=True) == Schema.dump(view, [obj, obj], many=True)
