"""Obligations over HTTP: the whole way, who sees what, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.accounts import service as accounts
from backend.kit import clock, db
from backend.obligations import service
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories import guardians
from tests.obligations.conftest import DUE_HOURS, HOUR, Owed, admitted, owed

V1 = "/api/v1"


@dataclass(frozen=True)
class Street:
    """A resident, a partner with two venues, another partner, and the office; tokens by name."""

    one: Owed
    who: people.Resident
    tokens: dict[str, str]


@pytest.fixture
def street(client: CheckedClient) -> Street:
    with db.transaction() as session:
        who, other = people.resident(session), people.resident(session)
        one = owed(session, who=who.resident_id)
        elsewhere = people.organisation(session, "partner")
        staff = {
            "manager": people.staff(session, "partner-manager", one.partner_id),
            "other manager": people.staff(session, "partner-manager", elsewhere),
            "office": people.staff(session, "office"),
        }
        devices = {
            "device": people.device(session, one.partner_id, one.venue_id),
            "next door": people.device(session, one.partner_id, uuid4()),
            "nowhere": people.device(session, one.partner_id),
        }
        tokens = {"resident": people.resident_token(session, who), "neighbour": people.resident_token(session, other)}
        tokens |= {name: people.staff_token(session, each) for name, each in staff.items()}
        tokens |= {name: people.device_token(session, each) for name, each in devices.items()}
    return Street(one, who, tokens)


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True)["type"]).removeprefix("/problems/")


def post(client: CheckedClient, token: str, path: str, sent: Any = None, key: object = None) -> Any:
    return client.post(f"{V1}{path}", token=token, key=key or uuid4(), **({} if sent is None else {"json": sent}))


def at_desk(one: Owed, what: str = "") -> str:
    return f"/partner/obligations/{one.id}{what}"


BILL = {"amount_fen": 1_234, "reason": "演示事由"}


def test_from_the_door_to_the_last_fen(client: CheckedClient, street: Street) -> None:
    resident, device = street.tokens["resident"], street.tokens["device"]
    with db.transaction() as session:
        terms = {"kind": "deposit_free", "up_to_fen": 900, "due_hours": 72, "remind_hours_before": [24],
                 "title": "演示客房", "partner_name": "演示旅馆"}  # fmt: skip
        news = {**admitted(street.who.resident_id, terms), "partner_id": str(street.one.partner_id),
                "venue_id": str(street.one.venue_id)}  # fmt: skip
        service.on_admitted(session, news)
    newest = client.get(f"{V1}/me/obligations?limit=1", token=resident).get_json()
    (mine,) = newest["items"]
    assert (mine["state"], mine["title"], mine["amount_fen"]) == ("open", "演示客房", None) and newest["next_cursor"]
    assert "免交了押金" in mine["explanation"] and "不影响信用分" in mine["explanation"]
    path = f"/partner/obligations/{mine['id']}"
    charged = post(client, device, f"{path}/charges", {"amount_fen": 900, "reason": "演示损坏"})
    assert charged.status_code == 201 and charged.get_json()["acts"] == ["pay", "withdraw"]
    seen = client.get(f"{V1}/me/obligations/{mine['id']}", token=resident).get_json()
    assert (seen["state"], seen["charge_reason"], seen["may_dispute"]) == ("charged", "演示损坏", True)
    assert "9.00 元" in seen["explanation"] and "本平台不收款" in seen["explanation"]
    assert post(client, device, f"{path}/payments", {}).get_json()["state"] == "settled"
    seen = client.get(f"{V1}/me/obligations/{mine['id']}", token=resident).get_json()
    assert (seen["state"], seen["may_dispute"]) == ("settled", False) and seen["paid_at"] == seen["ended_at"]
    inbox = client.get(f"{V1}/me/messages", token=resident).get_json()["items"]
    assert [each["kind"] for each in inbox] == ["obligation-settled", "obligation-charged"]
    assert "9.00 元" in inbox[1]["body"] and inbox[1]["link"] == "/me/obligations"


def test_the_partner_and_its_device_never_learn_whose_it_is(client: CheckedClient, street: Street) -> None:
    post(client, street.tokens["manager"], at_desk(street.one, "/charges"), BILL)
    post(client, street.tokens["resident"], f"/me/obligations/{street.one.id}/disputes", {"text": "演示异议"})
    for name in ("manager", "device"):
        for path in ("/partner/obligations", at_desk(street.one)):
            answer = client.get(f"{V1}{path}", token=street.tokens[name])
            body = answer.get_data(as_text=True)
            assert answer.status_code == 200 and str(street.one.id) in body
            for secret in (street.who.resident_id, street.who.account_id, street.who.name, "演示异议", "演示事由"):
                assert str(secret) not in body


@pytest.mark.parametrize("name", ["other manager", "next door", "nowhere"])
def test_whose_desk_it_is_not_finds_nothing(client: CheckedClient, street: Street, name: str) -> None:
    token = street.tokens[name]
    assert client.get(f"{V1}/partner/obligations", token=token).get_json()["items"] == []
    assert client.get(f"{V1}{at_desk(street.one)}", token=token).status_code == 404
    for what, sent in (("/charges", BILL), ("/payments", {}), ("/release", None), ("/withdrawal", None)):
        assert (post(client, token, at_desk(street.one, what), sent).status_code) == 404


def test_the_list_goes_by_the_state_of_now_and_in_pages(client: CheckedClient, street: Street) -> None:
    token = street.tokens["manager"]
    with db.transaction() as session:
        for _ in range(2):
            owed(session, partner_id=street.one.partner_id)
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"{V1}/partner/obligations?state=open&limit=2{cursor}", token=token).get_json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 3 and seen[-1] == str(street.one.id)
    assert client.get(f"{V1}/partner/obligations?state=arrears", token=token).get_json()["items"] == []
    wrong = client.get(f"{V1}/partner/obligations?state=late", token=token)
    assert (wrong.status_code, wrong.get_json()["errors"][0]["pointer"]) == (422, "/query/state")


def test_what_is_not_possible_names_the_state(client: CheckedClient, street: Street) -> None:
    token = street.tokens["manager"]
    refused = post(client, token, at_desk(street.one, "/payments"), {})
    assert (refused.status_code, slug(refused)) == (409, "obligation-not-possible")
    told = refused.get_json(force=True)
    assert (told["obligation_state"], told["act"]) == ("open", "pay") and "待结算" in told["detail"]
    too_much = post(client, token, at_desk(street.one, "/charges"), {**BILL, "amount_fen": 10_001})
    assert (too_much.status_code, too_much.get_json(force=True)["errors"][0]["pointer"]) == (422, "/amount_fen")
    assert post(client, token, at_desk(street.one, "/release")).get_json()["state"] == "released"
    late = post(client, token, at_desk(street.one, "/charges"), BILL)
    assert (late.status_code, late.get_json(force=True)["obligation_state"]) == (409, "released")


def test_a_lost_answer_is_given_again(client: CheckedClient, street: Street) -> None:
    key, token = uuid4(), street.tokens["manager"]
    first, again = (post(client, token, at_desk(street.one, "/charges"), BILL, key) for _ in range(2))
    assert first.status_code == again.status_code == 201 and first.get_json() == again.get_json()
    other = post(client, token, at_desk(street.one, "/charges"), {**BILL, "amount_fen": 1}, key)
    assert (other.status_code, slug(other)) == (409, "idempotency-conflict")


def test_a_dispute_goes_to_the_office_and_back(client: CheckedClient, street: Street) -> None:
    tokens = street.tokens
    post(client, tokens["manager"], at_desk(street.one, "/charges"), BILL)
    mine = f"/me/obligations/{street.one.id}"
    assert post(client, tokens["neighbour"], f"{mine}/disputes", {"text": "不是我的"}).status_code == 404
    sent = post(client, tokens["resident"], f"{mine}/disputes", {"text": "演示异议"})
    assert (sent.status_code, sent.get_json()["state"]) == (201, "disputed")
    (waiting,) = [
        each
        for each in client.get(f"{V1}/obligations/disputes?limit=100", token=tokens["office"]).get_json()["items"]
        if each["id"] == str(street.one.id)
    ]
    assert str(street.who.resident_id) not in str(waiting) and len(waiting["pseudonym"]) == 12
    path = f"/obligations/disputes/{street.one.id}"
    shown = client.get(f"{V1}{path}", token=tokens["office"]).get_json()
    assert (shown["text"], shown["charge_reason"], shown["own"]) == ("演示异议", "演示事由", False)
    looks = client.get(f"{V1}/me/access-log", token=tokens["resident"]).get_json()["items"]
    assert "先享后付" in looks[0]["purpose"] and len(looks) == 1
    decided = post(client, tokens["office"], f"{path}/decisions", {"decision": "upheld", "reason": "单据相符"})
    assert (decided.status_code, decided.get_json()["state"]) == (201, "charged")
    seen = client.get(f"{V1}{mine}", token=tokens["resident"]).get_json()
    assert seen["dispute"]["reason"] == "单据相符" and not seen["may_dispute"]
    again = post(client, tokens["resident"], f"{mine}/disputes", {"text": "再提一次"})
    assert (again.status_code, slug(again)) == (409, "obligation-dispute-decided")


def test_the_office_sees_nothing_that_nobody_disputed(client: CheckedClient, street: Street) -> None:
    assert client.get(f"{V1}/obligations/disputes/{street.one.id}", token=street.tokens["office"]).status_code == 404


def test_arrears_are_shown_at_the_very_time_though_no_job_has_run(client: CheckedClient, street: Street) -> None:
    post(client, street.tokens["manager"], at_desk(street.one, "/charges"), BILL)
    with db.transaction() as session, clock.shifted((DUE_HOURS + 1) * HOUR):
        tokens = {
            "resident": people.resident_token(session, street.who),
            "device": accounts.open_session(session, "device", _device(session, street.one)).access_token,
        }
    with clock.shifted((DUE_HOURS + 1) * HOUR):
        seen = client.get(f"{V1}/me/obligations/{street.one.id}", token=tokens["resident"]).get_json()
        assert seen["state"] == "arrears" and "只暂停" in seen["explanation"] and seen["may_dispute"]
        late = client.get(f"{V1}/partner/obligations?state=arrears", token=tokens["device"]).get_json()
        assert [each["id"] for each in late["items"]] == [str(street.one.id)]
        assert post(client, tokens["device"], at_desk(street.one, "/payments"), {}).get_json()["state"] == "cured"


def _device(session: Any, one: Owed) -> UUID:
    return people.device(session, one.partner_id, one.venue_id).device_id


def test_a_guardian_reads_and_disputes_for_her_ward(client: CheckedClient, street: Street) -> None:
    with db.transaction() as session:
        guardian = people.resident(session)
        guardians.guardian(session, guardian, street.who, kind="ward")
        token = people.resident_token(session, guardian)
    post(client, street.tokens["manager"], at_desk(street.one, "/charges"), BILL)
    headers = {"On-Behalf-Of": str(street.who.resident_id)}
    (seen,) = client.get(f"{V1}/me/obligations", token=token, headers=headers).get_json()["items"]
    assert seen["id"] == str(street.one.id)
    sent = client.post(
        f"{V1}/me/obligations/{street.one.id}/disputes", json={"text": "代她提出"}, token=token, key=uuid4(),
        headers=headers,
    )  # fmt: skip
    assert (sent.status_code, sent.get_json()["state"]) == (201, "disputed")
