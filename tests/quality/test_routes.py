"""The report by HTTP: who sees what, and that the workbook says what the interface says."""

from __future__ import annotations

import io
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
from flask import Flask

from backend.kit import clock, db
from backend.quality.rules import FIGURES, Month
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.quality.conftest import ABNORMAL, FARMS, GRADE, MARKET, TAX, Reporting, row

API = "/api/v1"
PATH = f"{API}/quality/report"
DAY = str(clock.today())
THIS = str(Month.of(clock.today()))


class Callers:
    """Tokens of those who may read the report, and of some who may not."""

    def __init__(self, reporting: Reporting) -> None:
        with db.transaction() as session:
            tokens = {name: people.staff_token(session, who) for name, who in reporting.officers.items()}
            self.tax, self.market = tokens[TAX], tokens[MARKET]
            self.office, self.auditor, self.clerk = (
                people.staff_token(session, people.staff(session, role))
                for role in ("office", "auditor", "counter-clerk")
            )
            self.resident = people.resident_token(session, people.resident(session))


@pytest.fixture(scope="module")
def who(reporting: Reporting, app: Flask) -> Callers:
    """And a batch of each of two departments, sent as a department sends it."""
    found, client = Callers(reporting), CheckedClient(app)
    rows = {item: [row(item, DAY) for _ in range(3)] for item in (GRADE, ABNORMAL)}
    rows[ABNORMAL] += [row(ABNORMAL, DAY, 统一社会信用代码="92320115MA00000000"), row(ABNORMAL, DAY, authority="")]
    for token, item in ((found.tax, GRADE), (found.market, ABNORMAL)):
        sent = client.post(
            f"{API}/batches", json={"rows": rows[item]}, query_string={"item_code": item}, token=token, key=uuid4()
        )
        assert sent.status_code == 201, sent.get_data(as_text=True)
    return found


def read(client: CheckedClient, token: str, **query: str) -> dict[str, Any]:
    answer = client.get(PATH, query_string=query, token=token)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def test_the_office_and_the_auditor_see_the_city_and_an_officer_her_department(
    client: CheckedClient, who: Callers
) -> None:
    for token in (who.office, who.auditor):
        told = read(client, token, **{"from": THIS})
        assert (told["from"], told["to"], told["since"]) == (THIS, THIS, THIS)
        assert {one["organisation"]: one["figures"]["rows"] for one in told["organisations"]} == {
            TAX: 3, MARKET: 5, FARMS: 0
        }  # fmt: skip
        assert [figures["rows"] for figures in (told["total"], told["months"][0]["figures"])] == [8, 8]
        assert {(one["organisation"], one["item_code"]) for one in told["sources"]} == {
            (TAX, GRADE),
            (MARKET, ABNORMAL),
        }
    mine = read(client, who.market)
    assert [one["organisation"] for one in mine["organisations"]] == [MARKET]
    assert [one["item_code"] for one in mine["catalogue_items"]] == [ABNORMAL] and mine["total"]["rows"] == 5


def test_rates_and_the_line_are_told_with_the_sums_they_come_from(client: CheckedClient, who: Callers) -> None:
    told = read(client, who.office, item_code=ABNORMAL)
    figures = told["total"]
    for one in told["definitions"]:
        assert figures[f"{one['name']}_per_10000"] == round(10_000 * figures[one["part"]] / figures[one["whole"]])
    assert (figures["bad_codes_per_10000"], figures["validity_per_10000"]) == (2000, 6000)
    assert told["line"]["permille"] == 1 and figures["keeps_to_line"] is False
    empty = next(one["figures"] for one in told["organisations"] if one["organisation"] == TAX)
    assert [empty[f"{one['name']}_per_10000"] for one in told["definitions"]] == [None] * len(FIGURES)
    assert empty["keeps_to_line"] is None
    assert [(one["column_title"], one["rows"]) for one in told["faults"]] == [("认定单位", 1), ("统一社会信用代码", 1)]
    assert told["notes"]


@pytest.mark.parametrize("form", ["", ".xlsx"])
def test_another_department_is_not_found_and_whoever_has_no_business_is_refused(
    client: CheckedClient, who: Callers, reporting: Reporting, form: str
) -> None:
    def status(token: str | None, **query: str) -> int:
        return client.get(PATH + form, query_string=query, token=token).status_code

    theirs = {"organisation_id": str(reporting.ids[MARKET])}
    assert (status(who.tax, **theirs), status(who.market, **theirs), status(who.office, **theirs)) == (404, 200, 200)
    assert status(who.office, organisation_id=str(uuid4())) == 404
    assert [status(token) for token in (None, who.clerk, who.resident)] == [401, 403, 403]
    for wrong in ({"from": "2026-13"}, {"from": "2026-1"}, {"from": "2026-11", "to": "2026-10"}, {"to": "1999-12"},
                  {"from": "2010-01"}, {"month": "2026-10"}, {"organisation_id": "x"}):  # fmt: skip
        assert status(who.office, **wrong) == 422, wrong


def test_the_workbook_says_what_the_interface_says(client: CheckedClient, who: Callers) -> None:
    told = read(client, who.office, **{"from": THIS})
    answer = client.get(f"{PATH}.xlsx", query_string={"from": THIS}, token=who.office)
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="quality-{THIS}-{THIS}.xlsx"'
    book = openpyxl.load_workbook(io.BytesIO(answer.get_data()))
    lines = [[cell.value for cell in line] for line in book["按单位"].iter_rows()]
    for one, line in zip(
        [*told["organisations"], {"organisation": "合计", "figures": told["total"]}], lines[1:], strict=True
    ):
        figures = one["figures"]
        rates = [figures[f"{figure.name}_per_10000"] for figure in FIGURES[:-1]]
        assert line[0] == one["organisation"]
        assert line[1 : len(FIGURES)] == ["—" if rate is None else rate / 10_000 for rate in rates]
        assert line[len(FIGURES) + 1] == {None: "—", True: "未超过", False: "超过"}[figures["keeps_to_line"]]
    faults = [[cell.value for cell in line] for line in book["问题明细"].iter_rows(min_row=2)]
    assert [(line[0], line[3], line[6]) for line in faults] == [
        (MARKET, "认定单位", 1), (MARKET, "统一社会信用代码", 1)
    ]  # fmt: skip
