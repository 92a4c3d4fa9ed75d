"""The SQL says what the reference says, number by number, whatever the policy and the archive."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.scores import models
from backend.scores.compiled import Act, Statements
from backend.scores.computing import text_version
from backend.scoring.rules import plan_of
from tests.scores import reference
from tests.scores.helpers import consent, file
from tests.scores.reference import Filed
from tests.scores.strategies import DAY, archives, policies

pytestmark = pytest.mark.usefixtures("city")
cases = policies().flatmap(
    lambda policy: st.tuples(st.just(policy), archives([raw["item"] for raw in policy["indicators"]] + ["NP-OTH-01"]))
)


def said(session: Session, content: dict[str, Any], archive: list[Filed], as_of: date) -> list[Any]:
    resident_id = uuid4()
    file(session, resident_id, archive)
    consent(session, resident_id)
    return read(session, content, resident_id, as_of)


def read(session: Session, content: dict[str, Any], resident_id: UUID, as_of: date) -> list[Any]:
    asked = {"resident": resident_id, "as_of": as_of, "text_version": text_version(session)}
    rows = compiled(session, content).today.rows(session, asked)
    return [row for row in rows if row.kind in ("reason", "clamp")]


def compiled(session: Session, content: dict[str, Any]) -> Statements:
    return Statements(plan_of("t", content), db.dialect_of(session))


def fresh(archive: list[Filed]) -> list[Filed]:
    """The same archive under new ids in the same order, so that it can be filed once more."""
    ids = sorted((uuid4() for _ in archive), key=lambda key: key.int)
    by_id = sorted(archive, key=lambda record: record.id.int)
    return [replace(record, id=key) for key, record in zip(ids, by_id, strict=True)]


@given(case=cases)
def test_the_statement_says_what_the_reference_says(session: Session, case: Any) -> None:
    content, archive = case[0], fresh(case[1])
    rows = said(session, content, archive, DAY)
    assert [(row.record_id, row.indicator_id, row.points) for row in rows] == reference.reasons(content, archive, DAY)
    assert all(type(row.points) is int for row in rows)


@given(case=cases)
def test_base_plus_reasons_is_within_the_scale_and_each_reason_says_until_when(session: Session, case: Any) -> None:
    content, archive = case[0], fresh(case[1])
    rows = said(session, content, archive, DAY)
    assert 0 <= content["scale"]["base"] + sum(row.points for row in rows) <= 100
    lasts = {raw["id"]: raw["lasts_days"] for raw in content["indicators"]}
    by_id = {record.id: record for record in archive}
    for row in rows:
        if row.indicator_id == "clamp":
            assert row.expires_on is None and row.record_id is None
            continue
        record = by_id[row.record_id]
        end = min(record.decided_on + timedelta(days=lasts[row.indicator_id]), record.counts_until_on)
        assert row.expires_on == end >= DAY < row.changes_on <= end + timedelta(days=1)
        assert row.decided_on == record.decided_on and row.record_title == "演示记录"


@given(case=cases, number=st.integers(0, 4), age=st.integers(0, 900))
def test_a_further_favourable_record_never_lowers_the_number(
    session: Session, case: Any, number: int, age: int
) -> None:
    content, archive = case[0], fresh(case[1])
    indicator = content["indicators"][number % len(content["indicators"])]
    decided_on = DAY - timedelta(days=age)
    further = Filed(uuid4(), indicator["item"], decided_on, DAY + timedelta(days=400))
    before = sum(row.points for row in said(session, content, archive, DAY))
    after = sum(row.points for row in said(session, content, [*fresh(archive), further], DAY))
    assert after >= before if indicator["points"] > 0 else after <= before


@given(case=cases)
def test_nothing_changes_before_the_day_that_is_named(session: Session, case: Any) -> None:
    content, archive = case[0], [record for record in fresh(case[1]) if record.decided_on <= DAY]
    rows = said(session, content, archive, DAY)
    named = min((row.changes_on for row in rows if row.changes_on), default=DAY + timedelta(days=2000))
    assert reference.value(content, archive, named - timedelta(days=1)) == reference.value(content, archive, DAY)


@settings(max_examples=15)
@given(policy=policies(), data=st.data())
def test_many_residents_at_once_are_each_scored_alone(session: Session, policy: Any, data: Any) -> None:
    codes = [raw["item"] for raw in policy["indicators"]]
    archive_of = {uuid4(): fresh(data.draw(archives(codes, most=6))) for _ in range(4)}
    for resident_id, archive in archive_of.items():
        file(session, resident_id, archive)
        consent(session, resident_id)
    act = Act(DAY, clock.now(), text_version(session), "request")
    assert compiled(session, policy).keep_list(session, list(archive_of), act).computed == 4
    for resident_id, archive in archive_of.items():
        rows = read(session, policy, resident_id, DAY)
        own = [(row.record_id, row.indicator_id, row.points) for row in rows]
        assert own == reference.reasons(policy, archive, DAY)
        kept = session.execute(select(models.scores).where(models.scores.c.resident_id == resident_id)).one()
        assert kept.value == reference.value(policy, archive, DAY)
        assert kept.next_change_on == min((row.changes_on for row in rows if row.changes_on), default=None)


def test_a_decayed_minus_is_cut_towards_zero(session: Session) -> None:
    content: dict[str, Any] = {
        "scale": {"min": 0, "base": 100, "max": 100},
        "levels": [{"id": "C", "name": "待提升", "from": 0}],
        "dimensions": [{"id": "d", "name": "维度", "cap_up": 99, "cap_down": 99}],
        "indicators": [
            {"id": "i", "dimension": "d", "title": "指标", "item": "NP-TST-00", "points": -15, "lasts_days": 30,
             "decay": [{"after_days": 10, "percent": 50}], "basis": "依据", "reason_template": "{title}"}
        ],
    }  # fmt: skip
    record = Filed(uuid4(), "NP-TST-00", DAY - timedelta(days=10), DAY + timedelta(days=90))
    assert [row.points for row in said(session, content, [record], DAY)] == [-7]


def test_leap_days_and_year_ends_fall_on_the_day_that_the_calendar_says(session: Session) -> None:
    content: dict[str, Any] = {
        "scale": {"min": 0, "base": 10, "max": 100},
        "levels": [{"id": "C", "name": "待提升", "from": 0}],
        "dimensions": [{"id": "d", "name": "维度", "cap_up": 99, "cap_down": 99}],
        "indicators": [
            {"id": "i", "dimension": "d", "title": "指标", "item": "NP-TST-00", "points": 9, "lasts_days": 366,
             "per_period_cap": 9, "period_days": 365, "basis": "依据", "reason_template": "{title}"}
        ],
    }  # fmt: skip
    until = date(2030, 1, 1)
    archive = [Filed(uuid4(), "NP-TST-00", day, until) for day in (date(2027, 12, 31), date(2028, 1, 1))]
    rows = said(session, content, archive, date(2028, 2, 29))
    assert [(row.points, row.expires_on) for row in rows] == [(9, date(2029, 1, 1)), (9, date(2028, 12, 31))]
    assert [row.changes_on for row in rows] == [date(2029, 1, 2), date(2029, 1, 1)]
