"""Settlement over HTTP: who sees what, the files, and every way from proposal to close."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID, uuid4

import openpyxl
import pypdfium2
import pytest

from backend.kit import clock, db
from backend.settlement import jobs, rules, service
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories.perks import Shop, shop
from tests.settlement.months import PRICE, in_month, last_month, visit

V1 = "/api/v1/settlement"


class Stage:
    """A partner with three visits last month, its manager and the office, the statement prepared."""

    def __init__(self, client: CheckedClient, title: str = "测试门票") -> None:
        self.client, self.month = client, last_month()
        with db.transaction() as session:
            self.shop: Shop = shop(session, **PRICE, title=title)
            for hours in (1, 2, 3):
                visit(session, self.shop, in_month(self.month, hours))
            self.manager = self._token(session, "partner-manager", self.shop.partner_id)
            self.stranger = self._token(session, "partner-manager", people.organisation(session, "partner"))
            self.office = self._token(session, "office", people.organisation(session, "office"))
        body = {"partner_id": str(self.shop.partner_id), "month": f"{self.month:%Y-%m}"}
        made = self.post("/statements", self.office, body)
        assert made.status_code == 202 and made.get_json()["state"] == "preparing"
        self.id = made.get_json()["id"]
        jobs.write_lines(lambda: False)

    @staticmethod
    def _token(session: Any, role: str, where: UUID) -> str:
        return people.staff_token(session, people.staff(session, role, where))

    def post(self, path: str, token: str, body: Any = None) -> Any:
        headers = {"Idempotency-Key": str(uuid4())}
        return self.client.post(f"{V1}{path}", token=token, headers=headers, **({"json": body} if body else {}))

    def get(self, path: str, token: str) -> Any:
        return self.client.get(f"{V1}{path}", token=token)

    def statement(self) -> Any:
        return self.get(f"/statements/{self.id}", self.manager).get_json()


@pytest.fixture
def stage(client: CheckedClient) -> Stage:
    return Stage(client)


def slug(response: Any) -> str:
    return str(response.get_json()["type"]).removeprefix("/problems/")


def test_a_month_goes_from_proposal_over_a_dispute_to_its_close(stage: Stage) -> None:
    told = stage.statement()
    assert (told["state"], told["lines"], told["total_fen"]) == ("proposed", 3, 3750)
    assert [(one["lines"], one["due_fen"]) for one in told["sums"]] == [(3, 3750)]
    dispute = stage.post(
        f"/statements/{stage.id}/disputes", stage.manager, {"line": 2, "wanted_fen": 1300, "text": "另有约定"}
    )
    assert dispute.status_code == 201
    refused = stage.post(f"/statements/{stage.id}/closing", stage.office)
    assert refused.status_code == 409 and refused.get_json()["why"] == "disputed"
    decided = stage.post(
        f"/statements/{stage.id}/disputes/{dispute.get_json()['id']}/decision", stage.office,
        {"outcome": "upheld", "due_fen": 1300, "reason": "合同第三条"},
    )  # fmt: skip
    assert decided.get_json()["state"] == "upheld"
    assert slug(stage.post(f"/statements/{stage.id}/closing", stage.office)) == "statement-not-ready"
    assert stage.post(f"/statements/{stage.id}/agreement", stage.manager).get_json()["state"] == "agreed"
    closed = stage.post(f"/statements/{stage.id}/closing", stage.office).get_json()
    assert (closed["state"], closed["total_fen"]) == ("closed", 3800)
    assert slug(stage.post(f"/statements/{stage.id}/agreement", stage.manager)) == "statement-closed"
    with db.reading() as reader:
        assert service.problems(reader) == []


def test_lines_come_page_by_page_and_say_what_stands_behind_them(stage: Stage) -> None:
    first = stage.get(f"/statements/{stage.id}/lines?limit=2", stage.manager).get_json()
    rest = stage.get(f"/statements/{stage.id}/lines?limit=2&cursor={first['next_cursor']}", stage.manager).get_json()
    numbers = [line["number"] for line in [*first["items"], *rest["items"]]]
    assert numbers == [1, 2, 3] and rest["next_cursor"] is None
    assert all(line["admission_id"] and line["transfer_id"] and line["points"] == 7 for line in first["items"])
    assert not any("resident" in key for line in first["items"] for key in line)


def test_the_workbook_holds_the_same_figures_and_runs_nothing(client: CheckedClient) -> None:
    stage = Stage(client, title="=1+1 门票")
    answer = stage.get(f"/statements/{stage.id}/statement.xlsx", stage.manager)
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    lines = list(book["逐笔明细"].iter_rows(min_row=2, values_only=True))
    assert len(lines) == 3 and sum(line[10] for line in lines) == 37.5
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"] and any("1+1" in str(cell.value) for cell in cells)


def test_the_printed_statement_says_its_total_and_is_the_same_each_time(stage: Stage) -> None:
    stage.post(f"/statements/{stage.id}/agreement", stage.manager)
    stage.post(f"/statements/{stage.id}/closing", stage.office)
    answers = [stage.get(f"/statements/{stage.id}/statement.pdf", stage.manager).data for _ in range(2)]
    assert answers[0] == answers[1]
    text = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(answers[0]))
    assert "应付 37.50 元" in text and stage.statement()["digest"][:20] in text.replace("\r\n", "")


def test_another_partner_finds_nothing_and_the_office_sees_all(stage: Stage) -> None:
    for path in ("", "/lines", "/disputes", "/statement.xlsx", "/statement.pdf"):
        assert stage.get(f"/statements/{stage.id}{path}", stage.stranger).status_code == 404
        assert stage.get(f"/statements/{stage.id}{path}", stage.office).status_code == 200
    assert stage.get(f"/statements?partner_id={stage.shop.partner_id}", stage.stranger).get_json()["items"] == []
    assert stage.post(f"/statements/{stage.id}/closing", stage.manager).status_code == 403
    assert stage.get(f"/running?partner_id={stage.shop.partner_id}", stage.stranger).status_code == 404


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({"line": 9}, "/line"), ({"line": "1"}, "/line"), ({"line": 0}, "/line"), ({"wanted_fen": -1}, "/wanted_fen"),
        ({"wanted_fen": 1.5}, "/wanted_fen"), ({"wanted_fen": 3 * 10**9}, "/wanted_fen"), ({"text": ""}, "/text"),
    ],
)  # fmt: skip
def test_a_bad_dispute_is_named(stage: Stage, body: dict[str, Any], at: str) -> None:
    answer = stage.post(
        f"/statements/{stage.id}/disputes", stage.manager, {"line": 1, "wanted_fen": 1, "text": "测试", **body}
    )
    assert answer.status_code == 422 and answer.get_json()["errors"][0]["pointer"] == at


@pytest.mark.parametrize("month", ["同", "2026-13", "202611", "2026-11-01"])
def test_a_month_that_is_none_is_named(stage: Stage, month: str) -> None:
    assert stage.get(f"/statements?month={month}", stage.office).status_code == 422
    body = {"partner_id": str(stage.shop.partner_id), "month": month}
    assert stage.post("/statements", stage.office, body).status_code == 422


def test_a_month_that_goes_on_is_refused_with_its_day(stage: Stage) -> None:
    body = {"partner_id": str(stage.shop.partner_id), "month": f"{clock.today():%Y-%m}"}
    answer = stage.post("/statements", stage.office, body)
    assert slug(answer) == "month-not-over" and answer.get_json()["prepared_from_on"] > f"{clock.today()}"


def test_the_daily_job_prepares_each_partner_once(stage: Stage) -> None:
    with db.transaction() as session:
        another = shop(session, **PRICE)
        visit(session, another, in_month(stage.month))
    day = rules.next_month(stage.month).replace(day=2)
    assert jobs.prepare_month(day) != "0 statements"
    assert jobs.prepare_month(day) == "0 statements"
    with db.reading() as reader:
        assert service.statement(reader, None, rules.statement_id(another.partner_id, stage.month)).lines == 1
