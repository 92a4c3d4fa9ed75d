"""A wallet's months over random lives, the closing of months, and what happens when the books disagree."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.errors import NotFound
from backend.kit.ids import NIL
from backend.kit.personal import Leaving
from backend.ledger import service as ledger
from backend.ledger.errors import HoldClosed, NotEnoughPoints
from backend.ledger.models import transfers
from backend.statements import jobs, personal, rules, service
from backend.statements.errors import StatementUnproved
from backend.statements.models import ClosingRow, StatementRow
from tests.factories import accounts as people
from tests.ledger.helpers import hold, release

START = datetime(2027, 11, 20, tzinfo=UTC)
MINUTES = 60 * 24 * 130
ACTS = st.sampled_from(["award", "award", "ending", "hold", "release", "deduct", "expire", "reverse"])
MIDNIGHT = 11 * 1440 - 480
"""Minutes from START to the first instant of December in Shanghai."""
EDGE = st.sampled_from([-1, 0, 1, 719, 720, 721]).map(lambda by: MIDNIGHT + by)
LIVES = st.lists(st.tuples(st.one_of(EDGE, st.integers(0, MINUTES)), ACTS, st.integers(1, 30)), max_size=25)


class Life:
    """A resident to whom things happen at given instants."""

    def __init__(self, session: Session) -> None:
        self.session, self.id, self.issuer = session, uuid4(), uuid4()
        self.holds: list[ledger.Transfer] = []
        self.awards: list[ledger.Transfer] = []

    def live(self, at: datetime, act: str, points: int) -> None:
        with clock.at(at):
            ledger.grant_budget(self.session, self.issuer, clock.today(), points, None)
            try:
                getattr(self, f"_{act}")(points)
            except (NotEnoughPoints, HoldClosed):
                pass

    def _award(self, points: int, ends: date | None = None) -> None:
        given_ = ledger.award(
            self.session, self.id, self.issuer, points, "test.award", clock.now(), None, "发放", ends, "演示社区"
        )
        self.awards.append(given_)

    def _ending(self, points: int) -> None:
        self._award(points, clock.today() + timedelta(days=points))

    def _hold(self, points: int) -> None:
        self.holds.append(hold(self.session, self.id, points))

    def _release(self, _: int) -> None:
        if self.holds:
            release(self.session, self.holds.pop())

    def _deduct(self, points: int) -> None:
        ledger.deduct(self.session, self.id, self.issuer, points, "test.deduct", "扣减", "理由", uuid4(), uuid4())

    def _expire(self, _: int) -> None:
        ledger.expire_due(self.session, self.id, clock.today())

    def _reverse(self, _: int) -> None:
        if self.awards:
            ledger.reverse(self.session, self.id, self.awards.pop().id, uuid4(), "测试更正")

    def entries(self) -> list[ledger.Entry]:
        return list(reversed(ledger.entries(self.session, self.id, 1000)))


def check(session: Session, life: Life) -> list[service.Month]:
    """Every month, held against the plain list of entries."""
    entries = life.entries()
    found = list(reversed(service.months(session, life.id, 100)))
    told = []
    for month in found:
        whole = service.statement(session, life.id, month.month)
        lines = list(service.lines(session, life.id, whole.month))
        assert whole.month == month and len(lines) == month.entries > 0
        assert month.opening_points + sum(line.amount_points for line in lines) == month.closing_points
        assert month.opening_points == (told[-1].balance_after_points if told else 0)
        assert month.closing_points == lines[-1].balance_after_points
        assert month.opening_points + sum(t.in_points - t.out_points for t in whole.totals) == month.closing_points
        assert sum(points for _, points in whole.by_end) == month.closing_points
        told += lines
    shared = ("number", "id", "amount_points", "title", "at", "counterparty", "balance_after_points", "reason", "code")
    assert [[getattr(one, name) for name in shared] for one in told] == [
        [getattr(one, name) for name in shared] for one in entries
    ]
    assert all(one.last == following.after and one.month < following.month for one, following in pairwise(found))
    return found


@given(LIVES)
@settings(max_examples=40)
def test_opening_and_entries_come_to_closing_over_any_life(database: db.Database, life: Any) -> None:
    with database.engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            somebody = Life(session)
            for minutes, act, points in sorted(life):
                somebody.live(START + timedelta(minutes=minutes), act, points)
            found = check(session, somebody)
            for one in found:
                for line in service.lines(session, somebody.id, one):
                    assert rules.month_of(clock.shanghai_date(line.at)) == one.month
        outer.rollback()


@given(LIVES, st.integers(0, 25), st.dates(date(2027, 12, 1), date(2028, 4, 30)))
@settings(max_examples=40)
def test_closing_changes_no_month_and_a_closed_one_stays_whatever_the_clock_does(
    database: db.Database, life: Any, cut: int, day: date
) -> None:
    """The instants are not in order: a clock that moves back."""
    with database.engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            somebody = Life(session)
            for minutes, act, points in life[:cut]:
                somebody.live(START + timedelta(minutes=minutes), act, points)
            days = [clock.shanghai_date(one.at) for one in somebody.entries()]
            assert service.open_months(session, somebody.id) == rules.stretches(days)
            before = check(session, somebody)
            ends = {one.month: service.statement(session, somebody.id, one.month).by_end for one in before}
            through = rules.ended_month(day)
            closed = [one for one in before if one.month <= through]
            assert service.close_months(session, somebody.id, through) == len(closed)
            assert service.close_months(session, somebody.id, through) == 0
            assert [one._replace(made_at=None) for one in check(session, somebody)] == before
            for minutes, act, points in life[cut:]:
                somebody.live(START + timedelta(minutes=minutes), act, points)
            after = check(session, somebody)
            assert [one._replace(made_at=None) for one in after[: len(closed)]] == closed
            for one in after[: len(closed)]:
                assert one.made_at and service.statement(session, somebody.id, one.month).by_end == ends[one.month]
        outer.rollback()


def test_midnight_in_shanghai_parts_the_months(session: Session) -> None:
    life = Life(session)
    for at in (datetime(2028, 2, 29, 15, 59, 59, tzinfo=UTC), datetime(2028, 2, 29, 16, 0, tzinfo=UTC)):
        life.live(at, "award", 5)
    assert [(one.month, one.entries) for one in check(session, life)] == [(date(2028, 2, 1), 1), (date(2028, 3, 1), 1)]


def test_a_month_without_an_entry_has_no_statement(session: Session) -> None:
    life = Life(session)
    for month in (1, 4):
        life.live(datetime(2028, month, 10, tzinfo=UTC), "award", 5)
    assert [one.month.month for one in service.months(session, life.id, 10)] == [4, 1]
    for nothing in (date(2027, 12, 1), date(2028, 2, 1), date(2028, 5, 1)):
        with pytest.raises(NotFound):
            service.statement(session, life.id, nothing)
    with pytest.raises(NotFound):
        service.statement(session, uuid4(), date(2028, 1, 1))


def test_months_are_paged_over_closed_and_open_ones(session: Session) -> None:
    life = Life(session)
    for month in range(1, 8):
        life.live(datetime(2028, month, 10, tzinfo=UTC), "award", month)
    service.close_months(session, life.id, date(2028, 5, 1))
    whole = service.months(session, life.id, 10)
    assert [one.month.month for one in whole] == [7, 6, 5, 4, 3, 2, 1]
    assert [one.made_at is None for one in whole] == [True, True] + [False] * 5
    before, paged = None, []
    while page := service.months(session, life.id, 2, before):
        paged += page
        before = page[-1].month
    assert paged == whole


def test_the_opening_balance_is_one_read_and_sums_no_history(session: Session) -> None:
    life = Life(session)
    for month in (1, 2):
        for _ in range(20):
            life.live(datetime(2028, month, 10, tzinfo=UTC), "award", 1)
    service.close_months(session, life.id, date(2028, 1, 1))
    heard: list[tuple[str, Any]] = []

    def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        heard.append((statement, parameters))

    event.listen(session.connection(), "before_cursor_execute", hear)
    assert service.statement(session, life.id, date(2028, 2, 1)).month.opening_points == 20
    event.remove(session.connection(), "before_cursor_execute", hear)
    reads = [said for said, _ in heard if "wallet_balance_after_points" in said]
    assert len(reads) == 2 and all("entry_number =" in said and "sum" not in said.lower() for said in reads)
    summed = [told for said, told in heard if "sum(" in said.lower() and "GROUP BY ledger_transfers.kind" in said]
    assert len(summed) == 1 and {20, 40} <= set(summed[0].values() if isinstance(summed[0], dict) else summed[0])


@pytest.mark.parametrize("spoilt", [1, 3])
def test_nothing_is_given_where_the_books_disagree(session: Session, spoilt: int) -> None:
    life = Life(session)
    for _ in range(3):
        life.live(datetime(2028, 1, 10, tzinfo=UTC), "award", 5)
    this = (transfers.c.resident_id == life.id, transfers.c.entry_number == spoilt)
    session.execute(update(transfers).where(*this).values(wallet_balance_after_points=99))
    with pytest.raises(StatementUnproved):
        list(service.lines(session, life.id, service.statement(session, life.id, date(2028, 1, 1)).month))


# --- closing ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def residents(city: Any) -> list[UUID]:
    """Three people with an entry in each of two months, committed; nothing else of the database is unclosed."""
    made = []
    with db.transaction() as session:
        for _ in range(3):
            life = Life(session)
            life.id = people.resident(session).resident_id
            for at in (datetime(2029, 1, 10, tzinfo=UTC), datetime(2029, 2, 10, tzinfo=UTC)):
                life.live(at, "award", 5)
            made.append(life.id)
    return sorted(made)


@pytest.fixture(autouse=True)
def nothing_closed(database: db.Database) -> Any:
    yield
    with db.transaction() as session:
        session.execute(ClosingRow.__table__.delete())  # type: ignore[attr-defined]


def closed(resident_id: UUID) -> list[tuple[date, int, int]]:
    row = StatementRow
    with db.reading() as reader:
        rows = reader.execute(
            select(row.month, row.opening_points, row.closing_points)
            .where(row.resident_id == resident_id)
            .order_by(row.month)
        )
        return [(one[0], one[1], one[2]) for one in rows]


JANUARY, FEBRUARY = (date(2029, 1, 1), 0, 5), (date(2029, 2, 1), 5, 10)


def test_a_month_is_closed_on_the_second_day_of_the_next_and_not_before(residents: list[UUID]) -> None:
    jobs.close(date(2029, 2, 1))
    assert [closed(one) for one in residents] == [[], [], []]
    jobs.close(date(2029, 2, 2))
    assert [closed(one) for one in residents] == [[JANUARY]] * 3
    jobs.close(date(2029, 3, 1))
    assert [closed(one) for one in residents] == [[JANUARY]] * 3
    jobs.close(date(2029, 3, 2))
    assert [closed(one) for one in residents] == [[JANUARY, FEBRUARY]] * 3


def test_a_closing_that_broke_off_is_taken_up_where_it_stood(
    residents: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CLOSE_CHUNK", 1)
    real, seen = service.close_months, list[UUID]()

    def crash(session: Session, resident_id: UUID, through: date) -> int:
        if resident_id == residents[1] and resident_id not in seen:
            seen.append(resident_id)
            raise RuntimeError("the machine went down")
        seen.append(resident_id)
        return real(session, resident_id, through)

    monkeypatch.setattr(service, "close_months", crash)
    with pytest.raises(RuntimeError):
        jobs.close(date(2029, 3, 2))
    assert closed(residents[0]) == [JANUARY, FEBRUARY] and closed(residents[1]) == []
    with db.reading() as reader:
        stands = reader.execute(select(ClosingRow.after_id, ClosingRow.done_at)).one()
    assert NIL < stands.after_id < residents[1] and stands.done_at is None
    jobs.close(date(2029, 3, 3))
    assert [closed(one) for one in residents] == [[JANUARY, FEBRUARY]] * 3
    assert seen.count(residents[0]) == 1
    assert jobs.close(date(2029, 3, 4)) == "2029-02: 0 months closed, 0 unproved"


def test_one_wallet_that_disagrees_keeps_no_other_from_being_closed(residents: list[UUID]) -> None:
    with db.transaction() as session:
        this = (transfers.c.resident_id == residents[1], transfers.c.entry_number == 2)
        session.execute(update(transfers).where(*this).values(wallet_balance_after_points=77))
    assert jobs.close(date(2029, 3, 2)).endswith("1 unproved")
    assert [closed(one) for one in residents] == [[JANUARY, FEBRUARY], [JANUARY], [JANUARY, FEBRUARY]]
    with db.transaction() as session:
        session.execute(update(transfers).where(*this).values(wallet_balance_after_points=10))


def test_what_is_kept_of_a_person_is_shown_and_goes_with_her(residents: list[UUID]) -> None:
    jobs.close(date(2029, 3, 2))
    with db.transaction() as session:
        shown = personal.KEEPER.sections[0].page(session, residents[0], None).rows
        assert [row["closing_points"] for row in shown] == [5, 10]
        gone = personal.erase(session, Leaving(residents[0]))
        assert gone["wallet_statements"] == 2 and personal.erase(session, Leaving(residents[0])) == dict.fromkeys(
            gone, 0
        )
    assert closed(residents[0]) == [] and closed(residents[1]) == [JANUARY, FEBRUARY]
