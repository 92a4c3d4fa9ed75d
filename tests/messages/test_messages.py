"""The inbox, and WeChat's subscribe messages against the stand-in: one acceptance, one message, nothing said twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from backend.consents import service as consents
from backend.identity import service as identity
from backend.kit import clock, db, outbox
from backend.kit.outbox import OutboxRow
from backend.messages import inbox, jobs, rules, service
from backend.messages.models import AcceptanceRow, DeliveryRow, MessageRow
from tests.accounts.test_routes import API, slug, wechat_sign_in
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.wechat_server import WechatServer, synthetic_phone
from tests.wechat_server.world import Fault

SEND = "/cgi-bin/message/subscribe/send"
TEMPLATE_ID = "demo-template-account"


class Reader:
    """A bound resident with a WeChat, who may have agreed to be told through it."""

    def __init__(self, client: CheckedClient, wechat: WechatServer) -> None:
        self.client, self.wechat = client, wechat
        with db.transaction() as session:
            self.who = make.resident(session)
            self.token = make.resident_token(session, self.who)
        self.id = self.who.resident_id

    def agree(self) -> None:
        with db.transaction() as session:
            version = consents.purpose_called(session, "messages").text_version
            consents.set_consent(session, self.id, "messages", True, version)

    def accept(self, result: str = "accept", key: UUID | None = None, template: str = "account") -> Any:
        body = {"template": template, "result": result}
        if result == "accept":
            self.wechat.world.accept_messages(self.who.openid, TEMPLATE_ID, 1)
        path = f"{API}/me/messages/acceptances"
        return self.client.post(path, json=body, token=self.token, key=key or uuid4())

    def tell(self, kind: str = "pause-lifted") -> UUID:
        with db.transaction() as session:
            made = inbox.write(session, self.id, kind)
        assert made is not None
        return made

    def sent(self) -> list[dict[str, Any]]:
        return [one for one in self.wechat.world.messages() if one["touser"] == self.who.openid]

    def outcome(self, message_id: UUID) -> str | None:
        with db.reading() as reader:
            this = (DeliveryRow.recipient_id == self.id, DeliveryRow.message_id == message_id)
            return reader.execute(select(DeliveryRow.outcome).where(*this)).scalar()

    def unspent(self) -> int:
        items = self.client.get(f"{API}/me/messages/templates", token=self.token).get_json()["items"]
        return next(int(one["unspent"]) for one in items if one["template"] == "account")


@pytest.fixture
def reader(client: CheckedClient, wechat: WechatServer) -> Iterator[Reader]:
    deliver_all()
    yield Reader(client, wechat)
    wechat.world.faults.clear()


def deliver_all() -> None:
    while outbox.deliver():
        pass


def told(reader: Reader) -> list[str]:
    items = reader.client.get(f"{API}/me/messages", token=reader.token).get_json()["items"]
    return [one["kind"] for one in items]


# --- the inbox ---------------------------------------------------------------------------------------------------


def test_the_inbox_is_paged_counts_what_is_unread_and_marks_it_once(client: CheckedClient, reader: Reader) -> None:
    ids = [reader.tell() for _ in range(3)]
    first = client.get(f"{API}/me/messages?limit=2", token=reader.token).get_json()
    rest = client.get(f"{API}/me/messages?limit=2&cursor={first['next_cursor']}", token=reader.token).get_json()
    assert [one["id"] for one in first["items"] + rest["items"]] == [str(i) for i in reversed(ids)]
    assert first["unread"] == 3 and rest["next_cursor"] is None
    path = f"{API}/me/messages/{ids[0]}/read"
    read = client.post(path, token=reader.token).get_json()
    assert read["read_at"] and client.post(path, token=reader.token).get_json() == read
    assert client.get(f"{API}/me/messages", token=reader.token).get_json()["unread"] == 2


def test_anothers_message_is_not_there(client: CheckedClient, wechat: WechatServer, reader: Reader) -> None:
    theirs = Reader(client, wechat).tell()
    for message_id in (theirs, uuid4()):
        answer = client.post(f"{API}/me/messages/{message_id}/read", token=reader.token)
        assert (answer.status_code, slug(answer)) == (404, "not-found")


@pytest.mark.parametrize("kind", sorted(rules.KINDS))
def test_a_text_fits_its_columns_and_its_template(kind: str) -> None:
    day, until = "2026年12月31日", "2026年12月31日 23:59"
    facts = {"pause": f"为防冒领，{until} 前不能兑换；", "who": "窗口工作人员", "until": until, "day": day}
    facts |= {"times": "999", "points": "9999", "left": "今天是最后一天", "title": "长" * 80, "reason": "因" * 100}
    facts |= {"partner_name": "长" * 80, "amount": "99999999.99 元", "due": until, "perk": "先享后付"}
    facts |= {"slot": f"{day} 23:30–23:59", "cost": "用去 999999 积分", "back": f"{until} 以前可以取消，积分退回"}
    facts |= {"days": "366", "count": "99", "strikes": "99", "pause_days": "366", "plate": "苏AD12345"}
    title, body, link = rules.text(kind, facts)
    assert len(title) <= rules.THING and len(body) <= 400 and len(link) <= 120
    assert "分" not in body.replace("积分", "").replace("身份", "") and rules.KINDS[kind].template in rules.TEMPLATES


# --- through WeChat ------------------------------------------------------------------------------------------------


def test_one_acceptance_sends_one_message_and_the_inbox_has_both(reader: Reader) -> None:
    reader.agree()
    assert reader.accept().get_json() == {"template": "account", "unspent": 1}
    first, second = reader.tell(), reader.tell()
    deliver_all()
    (message,) = reader.sent()
    assert message["data"]["thing1"]["value"] == "兑换已恢复" and message["template_id"] == TEMPLATE_ID
    assert {reader.outcome(first), reader.outcome(second)} == {"sent", "not-accepted"}
    assert told(reader) == ["pause-lifted", "pause-lifted"] and reader.unspent() == 0


def test_without_the_consent_nothing_goes_out_and_nothing_is_spent(reader: Reader) -> None:
    reader.accept()
    message = reader.tell()
    deliver_all()
    assert reader.sent() == [] and reader.outcome(message) is None and reader.unspent() == 1


def test_a_withdrawn_consent_stops_what_was_waiting(reader: Reader) -> None:
    reader.agree()
    reader.accept()
    reader.tell()
    with db.transaction() as session:
        consents.set_consent(session, reader.id, "messages", False)
    deliver_all()
    assert reader.sent() == []


def test_a_delivery_that_is_repeated_sends_nothing_again(reader: Reader) -> None:
    reader.agree()
    reader.accept()
    reader.accept()
    message = reader.tell()
    payload = {"recipient_id": str(reader.id), "message_id": str(message), "person": str(reader.id)}
    deliver_all()
    service.deliver(payload)
    assert len(reader.sent()) == 1 and reader.unspent() == 1


def test_a_replayed_acceptance_counts_once_and_ten_are_the_most(reader: Reader) -> None:
    key = uuid4()
    for _ in range(3):
        assert reader.accept(key=key).get_json()["unspent"] == 1
    for _ in range(15):
        left = reader.accept().get_json()["unspent"]
    assert left == rules.MOST_UNSPENT


@pytest.mark.parametrize(("result", "left"), [("reject", 1), ("filter", 1), ("ban", 0)])
def test_what_else_the_dialogue_says_is_no_acceptance(reader: Reader, result: str, left: int) -> None:
    reader.accept()
    assert reader.accept(result).get_json()["unspent"] == left


def test_an_unknown_template_is_refused(reader: Reader) -> None:
    answer = reader.accept("reject", template="no-such-template")
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")


@pytest.mark.parametrize(
    ("errcode", "outcome", "left"),
    [
        (43101, "not-subscribed", 0),  # WeChat counts none: ours are stale, all of them
        (40003, "openid-invalid", 0),  # nothing will ever reach this openid
        (47003, "message-invalid", 2),  # our template is wrong; the acceptances are still good
        (48001, None, 2),  # we may not send yet: tried again later
        (45009, None, 2),  # the day's quota
    ],
)
def test_wechats_refusals_are_handled_by_their_meaning(
    reader: Reader, errcode: int, outcome: str | None, left: int
) -> None:
    reader.agree()
    reader.accept()
    reader.accept()
    reader.wechat.world.faults[:] = [Fault(SEND, times=1, errcode=errcode)]
    message = reader.tell()
    outbox.deliver()
    assert reader.sent() == [] and told(reader) == ["pause-lifted"]
    assert reader.outcome(message) == outcome and reader.unspent() == left
    with clock.shifted(timedelta(hours=2)):
        deliver_all()
    assert len(reader.sent()) == (outcome is None)


def test_a_page_that_is_not_released_is_left_out(reader: Reader) -> None:
    reader.agree()
    reader.accept()
    reader.wechat.world.faults[:] = [Fault(SEND, times=1, errcode=41030)]
    message = reader.tell()
    deliver_all()
    (sent,) = reader.sent()
    assert "page" not in sent and reader.outcome(message) == "sent"


def test_where_no_answer_came_it_may_have_arrived_and_is_not_sent_again(reader: Reader) -> None:
    reader.agree()
    reader.accept()
    reader.wechat.world.faults[:] = [Fault(SEND, times=1, drop=True)]
    message = reader.tell()
    deliver_all()
    with clock.shifted(timedelta(hours=2)):
        deliver_all()
    assert reader.outcome(message) == "unknown" and reader.unspent() == 0 and reader.sent() == []


def test_what_is_queued_names_nobody(reader: Reader) -> None:
    reader.tell()
    with db.reading() as reading:
        rows = reading.execute(select(OutboxRow.payload).where(OutboxRow.shard_id == reader.id)).scalars().all()
    assert rows and all(set(row) == {"recipient_id", "message_id", "person"} for row in rows)


# --- what is told --------------------------------------------------------------------------------------------------


def test_a_recovery_is_told_to_the_old_wechat_and_to_the_new_one(
    client: CheckedClient, wechat: WechatServer, reader: Reader
) -> None:
    reader.agree()
    reader.accept()
    openid = make.openid()
    entry = identity.DirectoryEntry(reader.who.name, reader.who.id_number, synthetic_phone(openid))
    with db.transaction() as session:
        identity.add_to_directory(session, [entry])
    token = wechat_sign_in(client, wechat, openid)["access_token"]
    body = {"name": reader.who.name, "id_number": reader.who.id_number,
            "proof": {"kind": "wechat_phone", "value": wechat.world.make_code("phone", openid)}}  # fmt: skip
    new = client.post(f"{API}/me/recovery", json=body, token=token).get_json()["access_token"]
    deliver_all()
    (sent,) = reader.sent()
    assert sent["data"]["thing1"]["value"] == "账号已在另一个微信找回"
    old = wechat_sign_in(client, wechat, reader.who.openid)["access_token"]
    at_old = client.get(f"{API}/me/messages", token=old).get_json()
    at_new = client.get(f"{API}/me/messages", token=new).get_json()
    assert [one["kind"] for one in at_old["items"]] == ["account-moved"]
    assert [one["kind"] for one in at_new["items"]] == ["account-recovered"]
    assert "前不能兑换" in at_new["items"][0]["body"]
    for secret in (reader.who.name, reader.who.id_number, str(reader.id), openid):
        assert secret not in str(at_old)


def test_a_decided_submission_is_told(client: CheckedClient, reader: Reader) -> None:
    with db.transaction() as session:
        for decision, points in (("approve", 5), ("reject", 0)):
            news = {"resident_id": str(reader.id), "decision": decision, "points": points, "submission_id": "x"}
            outbox.tell(session, "community.reviewed", news)
    assert service.on_reviewed in outbox._within["community.reviewed"]
    items = client.get(f"{API}/me/messages", token=reader.token).get_json()["items"]
    assert [one["kind"] for one in items] == ["submission-rejected", "submission-approved"]
    assert "5 积分" in items[1]["body"]


def test_looks_are_told_once_a_day_and_once(client: CheckedClient, reader: Reader) -> None:
    with clock.shifted(timedelta(days=-1)), db.transaction() as session:
        for _ in range(3):
            consents.record_look(
                session, reader.id, uuid4(), "office", "办理异议", ["name"], "测试依据", authorisation="case:测1"
            )
    for _ in range(2):
        jobs.tell_of_looks(clock.today())
    items = client.get(f"{API}/me/messages", token=reader.token).get_json()["items"]
    assert [one["kind"] for one in items] == ["looked-at"] and "3 次" in items[0]["body"]


def test_old_messages_and_what_became_of_them_are_deleted(reader: Reader) -> None:
    def kept() -> list[int]:
        with db.reading() as reading:
            return [
                reading.execute(select(func.count()).select_from(table).where(column == key)).scalar_one()
                for table, column, key in (
                    (MessageRow, MessageRow.recipient_id, reader.id),
                    (DeliveryRow, DeliveryRow.recipient_id, reader.id),
                    (AcceptanceRow, AcceptanceRow.account_id, reader.who.account_id),
                )
            ]

    reader.agree()
    with clock.shifted(timedelta(days=-181)):
        with db.transaction() as session:
            reader.token = make.resident_token(session, reader.who)
        reader.accept()
        reader.tell()
        deliver_all()
    assert kept() == [1, 1, 1]
    jobs.forget_old_messages(clock.today() - timedelta(days=3))
    assert kept() == [1, 1, 1]
    jobs.forget_old_messages(clock.today())
    assert kept() == [0, 0, 0]


@pytest.mark.parametrize(
    ("templates", "problems"),
    [
        ({}, 0), ([], 1), ({"spam": {"id": "x"}}, 1),
        ({"account": {"id": "x", "title_key": "thing1", "time_key": "time2"}}, 0),
        ({"account": {"id": "", "title_key": "thing1", "time_key": "time2"}}, 1),
        ({"account": {"id": "x", "title_key": "title", "time_key": 2, "page": "/pages/x"}}, 3),
    ],
)  # fmt: skip
def test_a_citys_templates_are_checked(templates: Any, problems: int) -> None:
    assert len(rules.lint_templates(templates)) == problems
