from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from backend.kit import clock, db
from backend.kit.trail import TrailRow
from backend.ledger import service
from tests.checked_client import CheckedClient
from tests.factories import accounts as factories
from tests.ledger.helpers import award, hold, issuer, settle

SLUG = "/problems/"


@pytest.fixture
def resident(client: CheckedClient) -> tuple[UUID, str]:
    """A bound resident and a token."""
    with db.transaction() as session:
        who = factories.resident(session)
        return who.resident_id, factories.resident_token(session, who)


@pytest.fixture
def office(client: CheckedClient) -> str:
    with db.transaction() as session:
        return factories.staff_token(session, factories.staff(session, "office"))


@pytest.fixture
def community(client: CheckedClient) -> UUID:
    with db.transaction() as session:
        return factories.organisation(session, "community", "测试社区")


def test_read_wallet_says_what_can_be_spent_and_what_ends_when(
    client: CheckedClient, resident: tuple[UUID, str]
) -> None:
    who, token = resident
    today = clock.today()
    with db.transaction() as session:
        given = issuer(session)
        award(session, who, given, 30, today)
        award(session, who, given, 5)
        award(session, who, given, 7, today.replace(year=today.year - 1, day=1))
        hold(session, who, 10)
    answer = client.get("/api/v1/me/wallet", token=token)
    assert answer.status_code == 200
    assert answer.get_json() == {
        "balance_points": 25,
        "expiring": [{"points": 20, "expires_on": today.isoformat()}],
    }


def test_list_wallet_entries_pages_from_the_newest(client: CheckedClient, resident: tuple[UUID, str]) -> None:
    who, token = resident
    with db.transaction() as session:
        given = issuer(session)
        for points in (1, 2, 3):
            award(session, who, given, points)
        settle(session, hold(session, who, 4))
    first = client.get("/api/v1/me/wallet/entries?limit=3", token=token).get_json()
    assert [row["amount_points"] for row in first["items"]] == [-4, 3, 2]
    assert set(first["items"][0]) == {
        "id", "amount_points", "code", "title", "at", "counterparty", "balance_after_points", "reason",
    }  # fmt: skip
    assert first["items"][0] | {"id": "", "at": ""} == {
        "id": "", "amount_points": -4, "code": "test.hold", "title": "兑换", "at": "", "counterparty": "某场馆",
        "balance_after_points": 2, "reason": "",
    }  # fmt: skip
    rest = client.get(f"/api/v1/me/wallet/entries?limit=3&cursor={first['next_cursor']}", token=token).get_json()
    assert [row["amount_points"] for row in rest["items"]] == [1] and rest["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["x", "W1sicCIsMF1d", "W1sicCIsIDk5OTk5OTk5OTk5OTk5XV0", "W1sicCIsdHJ1ZV1d"])
def test_list_wallet_entries_refuses_a_made_up_cursor(
    client: CheckedClient, resident: tuple[UUID, str], cursor: str
) -> None:
    answer = client.get(f"/api/v1/me/wallet/entries?cursor={cursor}", token=resident[1])
    assert (answer.status_code, answer.get_json()["type"]) == (422, SLUG + "invalid-request")


@pytest.mark.parametrize("path", ["/api/v1/me/wallet", "/api/v1/me/wallet/entries"])
def test_a_wallet_is_its_owners_alone(client: CheckedClient, office: str, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, token=office).status_code == 403
    with db.transaction() as session:
        unbound = factories.unbound_token(session)
    refused = client.get(path, token=unbound)
    assert (refused.status_code, refused.get_json()["type"]) == (403, SLUG + "identity-not-bound")


def test_grant_budget_happens_once_per_key(client: CheckedClient, office: str, community: UUID) -> None:
    body = {"organisation_id": str(community), "month": "2026-03", "points": 500, "reason": "文件一号"}
    key = uuid4()
    first = client.post("/api/v1/ledger/budgets", json=body, token=office, key=key)
    again = client.post("/api/v1/ledger/budgets", json=body, token=office, key=key)
    assert first.status_code == again.status_code == 201
    assert first.get_json() == again.get_json()
    assert first.get_json() | {"id": ""} == {
        "id": "", "organisation_id": str(community), "month": "2026-03", "granted_points": 500, "spent_points": 0,
    }  # fmt: skip
    more = client.post("/api/v1/ledger/budgets", json=body, token=office, key=uuid4())
    assert more.get_json()["granted_points"] == 1000
    other = client.post("/api/v1/ledger/budgets", json=body | {"points": 1}, token=office, key=key)
    assert (other.status_code, other.get_json()["type"]) == (409, SLUG + "idempotency-conflict")
    with db.reading() as reader:
        noted = reader.execute(select(TrailRow.action).where(TrailRow.subject_id == str(community))).scalars().all()
    assert noted == ["ledger.budget", "ledger.budget"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"points": 0}, "/points"), ({"points": "5"}, "/points"), ({"month": "2026-13"}, "/month"),
        ({"month": "2026-03-01"}, "/month"), ({"organisation_id": "x"}, "/organisation_id"), ({"by": "me"}, "/by"),
    ],
)  # fmt: skip
def test_grant_budget_names_the_field_it_refuses(
    client: CheckedClient, office: str, community: UUID, change: dict[str, object], pointer: str
) -> None:
    body = {"organisation_id": str(community), "month": "2026-03", "points": 5} | change
    answer = client.post("/api/v1/ledger/budgets", json=body, token=office, key=uuid4())
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.get_json()["errors"]} == {pointer}


def test_grant_budget_does_not_know_an_organisation_that_does_not_exist(client: CheckedClient, office: str) -> None:
    body = {"organisation_id": str(uuid4()), "month": "2026-03", "points": 5}
    assert client.post("/api/v1/ledger/budgets", json=body, token=office, key=uuid4()).status_code == 404


REVERSALS = "/api/v1/approvals/points-reversals"


def approved(client: CheckedClient, proposal: Any) -> Any:
    """What comes of it when another member of an office approves."""
    with db.transaction() as session:
        other = factories.staff_token(session, factories.staff(session))
    made = proposal.get_json()
    body = {"decision": "approve", "reason": "已核对", "digest": made["digest"]}
    return client.post(f"/api/v1/approvals/{made['id']}/decisions", json=body, token=other, key=uuid4())


def test_a_correction_by_two_corrects_once(client: CheckedClient, office: str, resident: tuple[UUID, str]) -> None:
    who, token = resident
    with db.transaction() as session:
        wrong = award(session, who, issuer(session), 30)
        settle(session, hold(session, who, 10))
    body = {"resident_id": str(who), "transfer_id": str(wrong.id), "reason": "发错了人"}
    first = client.post(REVERSALS, json=body, token=office, key=uuid4())
    second = client.post(REVERSALS, json=body, token=office, key=uuid4())
    assert first.status_code == second.status_code == 201
    assert f"居民编号 {who}" in first.get_json()["summary"] and "发放，30 积分" in first.get_json()["summary"][1]
    assert client.get("/api/v1/me/wallet", token=token).get_json()["balance_points"] == 20, "nothing is done by one"
    done = approved(client, first)
    assert done.status_code == 201 and done.get_json()["result"]["points"] == 30
    late = approved(client, second)
    assert (late.status_code, late.get_json()["because"]) == (409, "already-reversed")
    third = client.post(REVERSALS, json=body, token=office, key=uuid4())
    assert (third.status_code, third.get_json()["type"]) == (409, SLUG + "already-reversed")
    assert third.get_json()["reversal_id"] == done.get_json()["result"]["transfer_id"]
    entries = client.get("/api/v1/me/wallet/entries", token=token).get_json()["items"]
    assert [row["amount_points"] for row in entries] == [-30, 10, -10, 30] and entries[0]["reason"] == "发错了人"
    with db.reading() as reader:
        assert service.balance(reader, who, clock.today()) == 0


def test_a_correction_refuses_holds_and_knows_nothing_of_other_ids(
    client: CheckedClient, office: str, resident: tuple[UUID, str]
) -> None:
    who, _ = resident
    with db.transaction() as session:
        award(session, who, issuer(session), 30)
        held = hold(session, who, 10)
    body = {"resident_id": str(who), "transfer_id": str(held.id), "reason": "不行"}
    refused = client.post(REVERSALS, json=body, token=office, key=uuid4())
    assert (refused.status_code, refused.get_json()["type"]) == (409, SLUG + "not-reversible")
    stranger = body | {"resident_id": str(uuid4())}
    assert client.post(REVERSALS, json=stranger, token=office, key=uuid4()).status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/ledger/budgets", REVERSALS])
def test_only_the_office_orders(client: CheckedClient, resident: tuple[UUID, str], path: str) -> None:
    assert client.post(path, json={}, key=uuid4()).status_code == 401
    assert client.post(path, json={}, token=resident[1], key=uuid4()).status_code == 403
    with db.transaction() as session:
        worker = factories.staff_token(session, factories.staff(session, "community-worker", kind="community"))
        device = factories.device_token(session, factories.device(session))
    for token in (worker, device):
        assert client.post(path, json={}, token=token, key=uuid4()).status_code == 403


def test_orders_need_a_key(client: CheckedClient, office: str, community: UUID) -> None:
    body = {"organisation_id": str(community), "month": "2026-03", "points": 5}
    refused = client.post("/api/v1/ledger/budgets", json=body, token=office)
    assert (refused.status_code, refused.get_json()["type"]) == (400, SLUG + "idempotency-key-missing")
