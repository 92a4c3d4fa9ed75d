"""Rows into a table of the connection's own: what goes in comes out."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Date, Integer, String, select
from sqlalchemy.orm import Session

from backend.kit.staging import filled, staged

TABLE = staged("staging_test", Column("number", Integer), Column("text", String(200)), Column("day", Date()))
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=20)
ODD = st.sampled_from(
    ["\\N", "\\.", "\\", "\\\\t", "\t", "\r\n", '"', '{"a": "b\\"c\\n"}', "同上", " ", "\x01\x02", "'", ","]
)


@given(st.lists(st.tuples(st.none() | TEXTS | ODD, st.none() | st.dates()), min_size=1, max_size=30))
def test_whatever_a_text_holds_comes_as_it_was(session: Session, told: list[tuple[str | None, object]]) -> None:
    rows = [(number, text, day) for number, (text, day) in enumerate(told)]
    kinds = {"number": pl.Int64, "text": pl.String, "day": pl.Date}
    with session.begin_nested(), filled(session, TABLE, pl.DataFrame(rows, schema=kinds, orient="row")):
        assert [tuple(row) for row in session.execute(select(TABLE).order_by(TABLE.c.number))] == rows
