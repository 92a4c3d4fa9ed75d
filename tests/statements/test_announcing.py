"""Points that end soon are announced once by each rule, to the day, whatever day the job missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from backend.accounts.models import PersonRow
from backend.consents import service as consents
from backend.kit import clock, db, outbox
from backend.kit.personal import Leaving
from backend.ledger import service as ledger
from backend.messages import acceptances
from backend.messages.models import MessageRow
from backend.statements import announcing, jobs, personal
from backend.statements.models import NoticeRow
from tests.factories import accounts as people
from tests.factories.perks import act
from tests.wechat_server import WechatServer

DAY = date(2028, 2, 29)
pytestmark = pytest.mark.usefixtures("city")


@pytest.fixture(autouse=True)
def nobody_elses_points(database: db.Database) -> Iterator[None]:
    """Days far ahead of the other tests' lots; what stays of these is taken out of the way."""
    yield
    with db.transaction() as session:
        session.execute(NoticeRow.__table__.delete())  # type: ignore[attr-defined]


class Holder:
    """A resident with points."""

    def __init__(self) -> None:
        with db.transaction() as session:
            self.who = people.resident(session)
        self.id = self.who.resident_id

    def gets(self, points: int, ends: date | None, issuer: UUID | None = None) -> None:
        with db.transaction() as session:
            issuer = issuer or uuid4()
            ledger.grant_budget(session, issuer, clock.today(), points, None)
            ledger.award(session, self.id, issuer, points, "test.award", clock.now(), None, "发放", ends)

    def spends(self, points: int) -> None:
        with db.transaction() as session:
            ledger.hold(session, self.id, points, uuid4(), "test.hold", uuid4(), "兑换", "某场馆")

    def told(self) -> list[str]:
        """What the inbox says of points, oldest first."""
        with db.reading() as reader:
            rows = reader.execute(
                select(MessageRow.body)
                .where(MessageRow.recipient_id == self.id, MessageRow.kind == "points-ending")
                .order_by(MessageRow.created_at, MessageRow.id)
            )
            return [row[0] for row in rows]

    def notices(self) -> list[tuple[date, int, int]]:
        with db.reading() as reader:
            columns = (NoticeRow.expires_on, NoticeRow.days_before, NoticeRow.points)
            rows = reader.execute(select(*columns).where(NoticeRow.resident_id == self.id))
            return sorted((row[0], row[1], row[2]) for row in rows)


def run(*days: date) -> None:
    for day in days:
        jobs.announce(day)


def on(left: int, ends: date = DAY) -> date:
    return ends - timedelta(days=left)


def test_points_are_announced_thirty_and_seven_days_before_and_on_no_other_day() -> None:
    one = Holder()
    one.gets(12, DAY)
    said = {}
    for left in range(33, -3, -1):
        before = len(one.told())
        run(on(left))
        if new := one.told()[before:]:
            said[left] = new
    assert set(said) == {30, 7}
    assert said[30] == ["您有 12 积分可用到 2028年2月29日（含当日），还有 30 天，过后失效。可在“优惠”里换物品和服务。"]
    assert "还有 7 天" in said[7][0]


def test_a_run_twice_on_a_day_says_nothing_twice() -> None:
    one = Holder()
    one.gets(5, DAY)
    run(on(30), on(30), on(29), on(30))
    assert len(one.told()) == 1


def test_missed_days_are_made_good_with_the_true_number_of_days_left() -> None:
    one = Holder()
    one.gets(5, DAY)
    run(on(31), on(27), on(26), on(4), on(3))
    assert [words in text for words, text in zip(("还有 27 天", "还有 4 天"), one.told(), strict=True)] == [True, True]
    assert one.notices() == [(DAY, 7, 5), (DAY, 30, 5)]


def test_the_last_good_day_itself_is_named() -> None:
    one = Holder()
    one.gets(5, DAY)
    run(DAY)
    assert len(one.told()) == 1 and "今天是最后一天" in one.told()[0]
    run(DAY + timedelta(days=1))
    assert len(one.told()) == 1


def test_lots_of_several_issuers_that_end_on_one_day_are_one_message_each_day_its_own() -> None:
    one = Holder()
    for points in (3, 4):
        one.gets(points, DAY)
    one.gets(9, DAY + timedelta(days=1))
    one.gets(100, None)
    run(on(30), on(29))
    assert one.notices() == [(DAY, 30, 7), (DAY + timedelta(days=1), 30, 9)]
    assert len(one.told()) == 2


def test_points_that_came_late_are_announced_once_by_the_nearest_rule() -> None:
    one, other = Holder(), Holder()
    one.gets(5, DAY)
    run(on(5), on(4))
    other.gets(6, DAY)
    run(on(20), on(19))
    assert one.notices() == [(DAY, 7, 5), (DAY, 30, 5)] and "还有 5 天" in one.told()[0]
    assert other.notices() == [(DAY, 30, 6)] and "还有 20 天" in other.told()[0]


def test_what_is_spent_is_not_announced() -> None:
    one, other = Holder(), Holder()
    one.gets(5, DAY)
    one.spends(5)
    other.gets(5, DAY)
    other.spends(2)
    run(on(30))
    assert one.told() == [] and other.notices() == [(DAY, 30, 3)]


def test_who_has_left_is_not_told() -> None:
    one = Holder()
    one.gets(5, DAY)
    with db.transaction() as session:
        session.execute(PersonRow.__table__.update().where(PersonRow.resident_id == one.id).values(status="erased"))  # type: ignore[attr-defined]
    run(on(30))
    assert one.told() == [] and one.notices() == []


def test_a_job_that_broke_off_goes_on_and_tells_nobody_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "CHUNK", 1)
    holders = sorted((Holder() for _ in range(3)), key=lambda holder: holder.id)
    for holder in holders:
        holder.gets(5, DAY)
    real, told = outbox.tell, [0]

    def crash(session: Any, topic: str, payload: dict[str, Any], **more: Any) -> None:
        if topic == announcing.ENDING and payload["resident_id"] == str(holders[1].id) and told[0] == 0:
            told[0] = 1
            raise RuntimeError("the machine went down")
        real(session, topic, payload, **more)

    monkeypatch.setattr(outbox, "tell", crash)
    with pytest.raises(RuntimeError):
        run(on(30))
    assert [len(holder.told()) for holder in holders] == [1, 0, 0]
    assert holders[1].notices() == []
    run(on(30))
    assert [len(holder.told()) for holder in holders] == [1, 1, 1]


def test_a_repeated_run_with_nothing_new_writes_nothing(database: db.Database) -> None:
    one = Holder()
    one.gets(5, DAY)
    run(on(30))
    written: list[str] = []

    def hear(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        written.append(statement)

    event.listen(database.engine, "before_cursor_execute", hear)
    run(on(30))
    event.remove(database.engine, "before_cursor_execute", hear)
    assert not [statement for statement in written if "INSERT" in statement.upper()]


@given(
    ends=st.lists(st.dates(date(2028, 1, 25), date(2028, 3, 5)), min_size=1, max_size=3, unique=True),
    absent=st.sets(st.integers(0, 70), max_size=60),
)
@settings(max_examples=12)
def test_every_rule_speaks_once_on_the_first_day_on_which_anybody_was_there(
    database: db.Database, ends: list[date], absent: set[int]
) -> None:
    one = Holder()
    for points, end in enumerate(ends, start=1):
        one.gets(points, end)
    days = [date(2027, 12, 27) + timedelta(days=n) for n in range(71) if n not in absent]
    run(*days)
    expected = []
    for points, end in enumerate(ends, start=1):
        for latest, rule in ((8, 30), (0, 7)):
            if reached := [(end - day).days for day in days if latest <= (end - day).days <= rule]:
                expected.append((end, rule, points, max(reached)))
    assert one.notices() == sorted(row[:3] for row in expected)
    assert len(one.told()) == len(expected)
    for end, _, points, left in expected:
        words = f"还有 {left} 天" if left else "今天是最后一天"
        said = f"您有 {points} 积分可用到 {end.year}年{end.month}月{end.day}日（含当日），{words}，"
        assert sum(text.startswith(said) for text in one.told()) == 1


def test_wechat_tells_whoever_agreed_and_accepted_and_the_inbox_tells_everybody(wechat: WechatServer) -> None:
    one, other = Holder(), Holder()
    with db.transaction() as session:
        version = consents.purpose_called(session, "messages").text_version
        for holder in (one, other):
            consents.set_consent(session, holder.id, "messages", True, version)
        acceptances.accept(session, one.who.account_id, "points", "accept", act(one.who.account_id))
    wechat.world.accept_messages(one.who.openid, "demo-template-points", 1)
    for holder in (one, other):
        holder.gets(5, DAY)
    run(on(30))
    while outbox.deliver():
        pass
    sent = [message for message in wechat.world.messages() if message["touser"] in (one.who.openid, other.who.openid)]
    assert [(message["touser"], message["template_id"]) for message in sent] == [
        (one.who.openid, "demo-template-points")
    ]
    assert sent[0]["data"]["thing1"]["value"] == "积分即将到期" and "5" not in sent[0]["data"]["thing1"]["value"]
    assert len(one.told()) == len(other.told()) == 1


def test_what_was_told_is_shown_to_her_forgotten_in_time_and_goes_with_her() -> None:
    one, other = Holder(), Holder()
    for holder in (one, other):
        holder.gets(5, DAY)
    run(on(30))
    with db.transaction() as session:
        (row,) = personal.KEEPER.sections[1].page(session, one.id, None).rows
        assert (row["expires_on"], row["days_before"], row["points"]) == (DAY, 30, 5)
        assert personal.erase(session, Leaving(one.id)) == {"wallet_statements": 0, "points_notices": 1}
    jobs.forget_notices(DAY + timedelta(days=jobs.KEPT_DAYS))
    assert one.notices() == [] and len(other.notices()) == 1
    jobs.forget_notices(DAY + timedelta(days=jobs.KEPT_DAYS + 1))
    assert other.notices() == []


def test_the_citys_own_days_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "days_before", lambda _reader, _day: [3, 90])
    one = Holder()
    one.gets(5, DAY)
    run(*(on(left) for left in range(95, -1, -1)))
    assert one.notices() == [(DAY, 3, 5), (DAY, 90, 5)]
