"""The report over real batches: what counts, for whom, in which month; and that nothing else is read."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, text

from backend.batches import figures
from backend.kit import clock, db
from backend.kit.errors import FieldError, NotFound
from backend.quality import rules, service
from backend.quality.report import Report
from backend.quality.rules import Counts, Month
from backend.quality.service import Wanted
from tests.quality.conftest import ABNORMAL, FARM, FARMS, GRADE, HONOUR, MARKET, TAX, Reporting, at, row

GOOD = "2026-10-10"


@pytest.fixture(scope="module")
def autumn(reporting: Reporting) -> Reporting:
    """Batches of two departments in three months, with a known number of everything."""
    known = row(GRADE, GOOD)
    wrong = {"统一社会信用代码": "92320115MA00000000"}
    reporting.push(TAX, GRADE, [known, *(row(GRADE, GOOD) for _ in range(5))], "2026-10-12 09:00")
    reporting.push(
        TAX, GRADE,
        [
            row(GRADE, "2026-10-13"), row(GRADE, "2026-08-03"), row(GRADE, GOOD, **wrong), row(GRADE, GOOD, 级别=None),
            dict(known, 主体名称="测试另一个名称", document_no="测〔2026〕再二号"), known,
            twice := row(GRADE, "2026-10-14"), twice,
            dict(known, document_no="测〔2026〕再一号", decided_on="2026-10-14"),
        ],
        "2026-10-20 23:30",
    )  # fmt: skip
    reporting.push(MARKET, ABNORMAL, [row(ABNORMAL, GOOD) for _ in range(3)], "2026-10-31 23:59:59.999999")
    reporting.push(MARKET, HONOUR, [row(HONOUR, "2026-10-30", honour_name="=1+1")], "2026-11-01 00:00:00")
    reporting.push(MARKET, ABNORMAL, [row(ABNORMAL, "同") for _ in range(4)], "2026-11-02 10:00", mode="check")
    reporting.withdraw(
        MARKET, reporting.push(MARKET, ABNORMAL, [row(ABNORMAL, GOOD, authority=None)] * 2, "2026-11-03 10:00")
    )
    reporting.push(TAX, GRADE, [dict(known, 级别="B")], "2026-11-05 10:00", mode="correction")
    return reporting


def report(first: str | None = "2026-09", last: str | None = "2026-11", mine: Any = None, **more: Any) -> Report:
    with clock.at(at("2026-11-28 12:00")), db.reading() as reader:
        return service.report(reader, mine, Wanted(first, last, **more))


def test_every_figure_is_what_the_batches_counted(autumn: Reporting) -> None:
    october = report("2026-10", "2026-10", organisation_id=autumn.ids[TAX])
    assert october.total() == Counts(
        batches=2, rows=15, judged=15, accepted=12, rejected=2, quarantined=1, added=10, on_time=9, corrected=0,
        unchanged=2, duplicates=1, related=3, bad_codes=2, cells_expected=15 * 7, cells_filled=15 * 7 - 1,
    )  # fmt: skip
    assert rules.rates(october.total()) == {
        "completeness": 9905, "validity": 8000, "timeliness": 9000, "duplication": 667, "relation": 2000,
        "bad_codes": 1333,
    }  # fmt: skip
    found = {(line.column_title, line.fault): line.rows for line in october.faults}
    assert found == {("统一社会信用代码", "bad-code"): 1, ("级别", "required"): 1}
    assert {line.said for line in october.faults if line.fault == "required"} == {"必填，不能为空"}


def test_a_month_begins_and_ends_at_midnight_in_shanghai(autumn: Reporting) -> None:
    told = dict(report(organisation_id=autumn.ids[MARKET]).by_month())
    assert [(told[m].batches, told[m].rows) for m in rules.months(Month(2026, 9), Month(2026, 11))] == [
        (0, 0), (1, 3), (1, 1)
    ]  # fmt: skip
    assert set(rules.rates(told[Month(2026, 9)]).values()) == {None}


def test_trials_withdrawn_and_unfinished_batches_are_told_apart_and_count_in_no_rate(autumn: Reporting) -> None:
    november = report("2026-11", "2026-11", organisation_id=autumn.ids[MARKET]).total()
    assert (november.batches, november.rows, november.rejected) == (1, 1, 1)
    assert (november.trials, november.withdrawn_batches, november.withdrawn_rows, november.unfinished) == (1, 1, 2, 0)
    assert {line.fault for line in report("2026-11", "2026-11").faults} == {"formula"}
    waiting = figures.Sums(uuid4(), FARM, 0, figures.UNFINISHED, 2, *[9] * 13)
    assert service.counts_of(waiting) == Counts(unfinished=2)


def test_a_correction_is_no_late_report(autumn: Reporting) -> None:
    total = report("2026-11", "2026-11", organisation_id=autumn.ids[TAX]).total()
    assert (total.corrected, total.added, total.on_time, rules.rates(total)["timeliness"]) == (1, 0, 0, None)


def test_the_last_working_day_is_in_time_and_the_next_is_not(reporting: Reporting) -> None:
    """The seven working days after 30 September 2026 end on 15 October: the holiday has a make-up Saturday."""
    for when, on_time in (("2026-10-15 23:59:59", 1), ("2026-10-16 00:00", 0)):
        before = report("2026-10", "2026-10", item_code=FARM).total()
        reporting.push(FARMS, FARM, [row(FARM, "2026-09-30")], when)
        after = report("2026-10", "2026-10", item_code=FARM).total()
        assert (after.added - before.added, after.on_time - before.on_time) == (1, on_time)


def test_what_the_office_releases_from_quarantine_is_as_late_as_it_came(reporting: Reporting) -> None:
    """Two rows under other names wait; one of them was decided in summer."""

    def told() -> tuple[int, ...]:
        total = report("2026-10", "2026-10", item_code=FARM).total()
        return (total.quarantined, total.bad_codes, total.added, total.on_time)

    known, before = row(FARM, "2026-09-28"), told()
    reporting.push(FARMS, FARM, [known], "2026-10-08 10:00")
    others = [dict(known, 主体名称="测试更名后的农场", document_no=f"测〔2026〕隔{n}号", decided_on=day)
              for n, day in enumerate(("2026-09-28", "2026-07-01"))]  # fmt: skip
    batch_id = reporting.push(FARMS, FARM, others, "2026-10-09 10:00")
    assert [now - was for now, was in zip(told(), before, strict=True)] == [2, 2, 1, 1]
    for number in (1, 2):
        reporting.release(batch_id, number)
    assert [now - was for now, was in zip(told(), before, strict=True)] == [0, 2, 3, 2]


def test_the_departments_add_up_to_the_city_and_the_city_to_its_batches(autumn: Reporting) -> None:
    city = report()
    counted = [b for b in autumn.batches() if b.status == "done" and b.mode != "check"]
    total = city.total()
    assert (total.batches, total.rows) == (len(counted), sum(b.rows_judged for b in counted))
    assert total.cells_filled == sum(b.cells_filled for b in counted)
    alone = [report(organisation_id=one).total() for one in autumn.ids.values()]
    assert rules.total(alone) == total
    assert rules.total(report(item_code=code).total() for code in city.items) == total
    assert rules.total(report(str(m), str(m)).total() for m in city.months) == total
    assert city.organisation_name(autumn.ids[FARMS]) == FARMS


def test_a_department_sees_its_own_and_another_is_not_found(autumn: Reporting) -> None:
    mine = report(mine=frozenset({autumn.ids[TAX]}))
    assert set(mine.organisations.values()) == {TAX} and {cell.item_code for cell in mine.cells} == {GRADE}
    with pytest.raises(NotFound):
        report(mine=frozenset({autumn.ids[TAX]}), organisation_id=autumn.ids[MARKET])
    with pytest.raises(NotFound):
        report(organisation_id=uuid4())
    nobody = report(mine=frozenset())
    assert nobody.total() == Counts() and not nobody.organisations and not nobody.faults


def test_open_months_reach_from_the_first_batch_to_this_month(autumn: Reporting) -> None:
    whole = report(None, None)
    assert (whole.first, whole.last, whole.since) == (Month(2026, 10), Month(2026, 11), Month(2026, 10))
    assert report(None, "2026-08").months == [Month(2026, 8)]
    for first, last in (("2026-11", "2026-10"), ("2027-01", None), ("2016-11", "2026-11")):
        with pytest.raises(FieldError):
            report(first, last)


def test_a_report_reads_only_the_batches_of_its_months(autumn: Reporting, own: db.Database) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM batches" in statement and "min(" not in statement:
            asked.append((statement, parameters))

    event.listen(own.reading_engine, "before_cursor_execute", note)
    try:
        report(), report(mine=frozenset({autumn.ids[TAX]}))
    finally:
        event.remove(own.reading_engine, "before_cursor_execute", note)
    assert len(asked) == 4
    with own.engine.connect() as connection:
        if own.dialect == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN " if own.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
        for statement, parameters in asked:
            plan = "\n".join(str(line) for line in connection.exec_driver_sql(explain + statement, parameters))
            assert "received_at" in plan and "Seq Scan on batches" not in plan and "SCAN batches" not in plan, plan
