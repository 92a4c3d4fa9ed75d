"""Statements over HTTP: months, a month in pages, and the file to keep, read back."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pypdfium2
import pytest

from backend.kit import clock, db
from backend.kit.ids import new_id
from backend.ledger import service as ledger
from backend.ledger.models import allocations, budgets, lots, transfers, wallets
from backend.statements import rules, service
from tests.accounts.test_routes import API, slug
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories import guardians

PATH = f"{API}/me/wallet/statements"


class Saver:
    """A resident with points got and spent over several months."""

    def __init__(self) -> None:
        with db.transaction() as session:
            self.who = people.resident(session)
            self.token = people.resident_token(session, self.who)
        self.id, self.issuer = self.who.resident_id, uuid4()

    def gets(self, at: datetime, points: int, title: str = "发放", ends: date | None = None) -> ledger.Transfer:
        with clock.at(at), db.transaction() as session:
            ledger.grant_budget(session, self.issuer, clock.today(), points, None)
            return ledger.award(
                session, self.id, self.issuer, points, "test.award", clock.now(), None, title, ends, "东山街道演示社区"
            )

    def closes(self, through: date) -> None:
        with db.transaction() as session:
            service.close_months(session, self.id, through)


def at(month: int, day: int, hour: int = 4) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.fixture
def saver(client: CheckedClient) -> Saver:
    made = Saver()
    wrong = made.gets(at(2, 27), 30, "清理楼道", date(2026, 12, 31))
    made.gets(at(2, 28, 16), 12, "陪邻居去医院")  # the first instant of March in Shanghai
    with clock.at(at(3, 10)), db.transaction() as session:
        ledger.hold(session, made.id, 8, uuid4(), "perks.redeem", uuid4(), "兑换：演示门票", "演示场馆")
    with clock.at(at(3, 11)), db.transaction() as session:
        ledger.reverse(session, made.id, wrong.id, uuid4(), "重复发放")
    made.closes(date(2026, 3, 1))
    made.gets(at(4, 1), 7, "签到")
    return made


def words(pdf: bytes) -> tuple[str, list[str]]:
    """All the text without its line ends, and that of each page."""
    document = pypdfium2.PdfDocument(pdf)
    pages = [document[n].get_textpage().get_text_range() for n in range(len(document))]
    return "".join(pages).replace("\r\n", ""), pages


def test_months_are_listed_the_latest_first_with_what_each_opened_and_closed_with(
    client: CheckedClient, saver: Saver
) -> None:
    first = client.get(f"{PATH}?limit=2", token=saver.token).get_json()
    rest = client.get(f"{PATH}?limit=2&cursor={first['next_cursor']}", token=saver.token).get_json()
    rows = first["items"] + rest["items"]
    assert [(one["month"], one["entries"], one["opening_points"], one["closing_points"]) for one in rows] == [
        ("2026-04", 1, 4, 11), ("2026-03", 3, 30, 4), ("2026-02", 1, 0, 30),
    ]  # fmt: skip
    assert rest["next_cursor"] is None and [one["made_at"] is None for one in rows] == [True, False, False]


def test_a_month_tells_its_sums_and_its_entries_page_by_page(client: CheckedClient, saver: Saver) -> None:
    whole = client.get(f"{PATH}/2026-03", token=saver.token).get_json()
    assert (whole["opening_points"], whole["closing_points"], whole["entries"]) == (30, 4, 3)
    assert whole["opening_points"] + sum(one["amount_points"] for one in whole["items"]) == whole["closing_points"]
    assert next((one["title"], one["kind"]) for one in whole["items"]) == ("陪邻居去医院", "award")
    sums = {one["kind"]: (one["title"], one["entries"], one["in_points"], one["out_points"]) for one in whole["totals"]}
    assert sums["award"] == ("发放", 1, 12, 0) and sums["hold"] == ("兑换冻结", 1, 0, 8)
    assert sums["reversal"] == ("更正", 1, 0, 30) and len(sums) == 3
    assert whole["by_end"] == [{"expires_on": None, "points": 4}]
    items, cursor = [], ""
    while cursor is not None:
        page = client.get(f"{PATH}/2026-03?limit=2{cursor and '&cursor=' + cursor}", token=saver.token).get_json()
        items, cursor = items + page["items"], page["next_cursor"]
    assert items == whole["items"]


def test_the_file_tells_all_of_it_and_is_the_same_each_time(client: CheckedClient, saver: Saver) -> None:
    answer = client.get(f"{PATH}/2026-03.pdf", token=saver.token)
    assert answer.content_type == "application/pdf" and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="points-2026-03.pdf"'
    with clock.shifted(timedelta(days=40)):
        late = people_token(saver)
        assert client.get(f"{PATH}/2026-03.pdf", token=late).data == answer.data
    text, pages = words(answer.data)
    for said in (
        "信易+·江宁", "社区积分月结单 2026年03月", str(saver.id), "已结账，内容不再变动", "制作时间：",
        "不是货币，不换现金", "不含姓名和证件号", "陪邻居去医院", "兑换：演示门票", "演示场馆", "东山街道演示社区",
        "（理由：重复发放）", "2026-03-01 00:00:00", "第 1 页，共", "1 页", "长期有效", "以上共 3 笔，期末余额 4 积分",
    ):  # fmt: skip
        assert said in text, (said, text)
    assert re.search(r"期初余额 30 ＋ 收入 12 － 支出 38 ＝ 期末余额 4", text)
    assert len(pages) == 1
    for hidden in (saver.who.name, saver.who.id_number, saver.who.openid):
        assert hidden not in text


def people_token(saver: Saver) -> str:
    with db.transaction() as session:
        return people.resident_token(session, saver.who)


def test_a_month_that_is_not_closed_says_so(client: CheckedClient, saver: Saver) -> None:
    text, _ = words(client.get(f"{PATH}/2026-04.pdf", token=saver.token).data)
    assert "本月尚未结账，这里是截至此时的情况" in text and "签到" in text


@pytest.mark.parametrize("month", ["2026-01", "2026-05", "2026-13", "0000-00", "2026-3", "x", "2026-03.pdf.pdf"])
def test_a_month_that_has_no_entry_or_is_none_is_not_there(client: CheckedClient, saver: Saver, month: str) -> None:
    for path in (f"{PATH}/{month}", f"{PATH}/{month}.pdf"):
        answer = client.get(path, token=saver.token)
        assert (answer.status_code, slug(answer)) == (404, "not-found"), path


@pytest.mark.parametrize("cursor", ["abc", "W1sicCIsOTk5XV0", "W1sicCIsMF1d", "W1sicCIsLTVdXQ"])
def test_a_made_up_cursor_is_named(client: CheckedClient, saver: Saver, cursor: str) -> None:
    for path in (PATH, f"{PATH}/2026-03"):
        answer = client.get(f"{path}?cursor={cursor}", token=saver.token)
        assert answer.status_code == 422 and answer.get_json()["errors"][0]["pointer"] == "/query/cursor"


def test_nobody_else_sees_them_but_a_guardian(client: CheckedClient, saver: Saver) -> None:
    with db.transaction() as session:
        parent, child = people.resident(session), people.resident(session, date(2016, 5, 4), bound=False)
        token, stranger = (
            people.resident_token(session, parent),
            people.resident_token(session, people.resident(session)),
        )
        guardians.guardian(session, parent, child)
        ledger.grant_budget(session, saver.issuer, clock.today(), 5, None)
        ledger.award(session, child.resident_id, saver.issuer, 5, "test.award", clock.now(), None, "发放", None)
    month = f"{clock.today():%Y-%m}"
    for path in (f"{PATH}/{month}", f"{PATH}/{month}.pdf"):
        acting = {"On-Behalf-Of": str(child.resident_id)}
        assert client.get(path, token=token, headers=acting).status_code == 200
        assert client.get(path, token=token).status_code == 404
        assert client.get(path, token=stranger, headers=acting).status_code in (403, 404)
    assert client.get(PATH, token=stranger).get_json()["items"] == []


def many(resident_id: UUID, count: int) -> None:
    """That many awards of one point in June, written as the ledger writes them, at once."""
    issuer, lot = uuid4(), new_id()
    begin, account = at(6, 2), ledger.account_id("budget", issuer)
    rows = [
        dict(resident_id=resident_id, id=new_id(), kind="award", entry_number=n, debit_account_id=account,
             credit_account_id=resident_id, amount_points=1, code="test.award", title=f"第 {n} 件善行：清理楼道和单车",
             counterparty="东山街道演示社区", event_at=begin, created_at=begin + timedelta(seconds=n), reason="",
             budget_month=date(2026, 6, 1), wallet_balance_after_points=n)
        for n in range(1, count + 1)
    ]  # fmt: skip
    with db.transaction() as session:
        ledger.grant_budget(session, issuer, date(2026, 6, 1), count, None)
        session.execute(budgets.update().where(budgets.c.organisation_id == issuer).values(spent_points=count))
        session.execute(wallets.insert(), dict(resident_id=resident_id, balance_points=count, entries=count))
        session.execute(lots.insert(), dict(resident_id=resident_id, id=lot, issuer_id=issuer,
                                            expires_on=date(2027, 1, 1), remaining_points=count))  # fmt: skip
        session.execute(transfers.insert(), rows)
        session.execute(
            allocations.insert(),
            [dict(resident_id=resident_id, transfer_id=row["id"], lot_id=lot, delta_points=1) for row in rows],
        )


def test_ten_thousand_entries_fit_one_file_and_one_request(client: CheckedClient) -> None:
    one, count = Saver(), 10_000
    many(one.id, count)
    begun = time.process_time()
    answer = client.get(f"{PATH}/2026-06.pdf", token=one.token)
    assert answer.status_code == 200 and time.process_time() - begun < 15
    text, pages = words(answer.data)
    numbers = [int(found) for found in re.findall(r"第 (\d+) 件善行", text)]
    assert numbers == list(range(1, count + 1))
    assert f"第 {len(pages)} 页，共" in pages[-1] and f"{len(pages)} 页" in pages[0]
    page: Any = client.get(f"{PATH}/2026-06?limit=100", token=one.token).get_json()
    assert len(page["items"]) == 100 and page["entries"] == count


def test_a_month_too_long_for_one_file_is_refused_and_read_in_pages(
    client: CheckedClient, saver: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_PRINTED", 2)
    answer = client.get(f"{PATH}/2026-03.pdf", token=saver.token)
    assert (answer.status_code, slug(answer)) == (409, "statement-too-long")
    assert (answer.get_json()["entries"], answer.get_json()["most_entries"]) == (3, 2)
    assert client.get(f"{PATH}/2026-03", token=saver.token).status_code == 200


def test_books_that_disagree_give_no_statement(client: CheckedClient, saver: Saver) -> None:
    with db.transaction() as session:
        this = (transfers.c.resident_id == saver.id, transfers.c.entry_number == 3)
        session.execute(transfers.update().where(*this).values(wallet_balance_after_points=999))
    for path in (f"{PATH}/2026-03", f"{PATH}/2026-03.pdf"):
        answer = client.get(path, token=saver.token)
        assert (answer.status_code, slug(answer)) == (503, "statement-unproved")
