"""What the auditor reads, and what anybody may keep."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.codes import service as codes
from backend.consents import service as consents
from backend.kit import clock, db, trail
from backend.oversight import service
from backend.web.callers import PERMISSIONS
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.factories.world import METHOD_OF, PERMISSION_OF
from tests.house.test_looks import SHOWS_NOBODY

API = "/api/v1/oversight"


@pytest.fixture
def auditor(client: CheckedClient) -> str:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
        return make.staff_token(session, make.staff(session, "auditor"))


@pytest.fixture
def looked(client: CheckedClient) -> tuple[make.Resident, make.Staff]:
    """Five looks at one person by one clerk, an hour apart."""
    with db.transaction() as session:
        resident, staff = make.resident(session), make.staff(session)
        for hour in range(5):
            with clock.shifted(timedelta(hours=-hour)):
                consents.record_look(
                    session, resident.resident_id, staff.staff_id, "office", f"第{hour}次", ["name"], "异议申请",
                    staff.organisation_id, authorisation="case:1",
                )  # fmt: skip
    return resident, staff


def ask(client: CheckedClient, token: str, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{API}/{path}", query_string=query, token=token)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return dict(answer.get_json())


def test_looks_are_found_by_whoever_looked_where_why_and_when(
    client: CheckedClient, auditor: str, looked: tuple[make.Resident, make.Staff]
) -> None:
    resident, staff = looked
    mine = {"actor_id": str(staff.staff_id)}
    found = ask(client, auditor, "looks", **mine)["items"]
    assert [item["purpose"] for item in found] == [f"第{hour}次" for hour in range(5)]
    assert {item["resident_id"] for item in found} == {str(resident.resident_id)}
    assert {item["authorisation"] for item in found} == {"case:1"}
    assert len(ask(client, auditor, "looks", organisation_id=str(staff.organisation_id))["items"]) == 5
    assert len(ask(client, auditor, "looks", resident_id=str(resident.resident_id))["items"]) == 5
    assert len(ask(client, auditor, "looks", purpose="第3次", **mine)["items"]) == 1
    since, until = found[2]["at"], found[1]["at"]
    assert [i["purpose"] for i in ask(client, auditor, "looks", from_at=since, until_at=until, **mine)["items"]] == [
        "第2次"
    ]
    assert ask(client, auditor, "looks", actor_id=str(uuid4()))["items"] == []


def test_the_auditor_sees_nobodys_name(
    client: CheckedClient, auditor: str, looked: tuple[make.Resident, make.Staff]
) -> None:
    resident, staff = looked
    text = json.dumps(ask(client, auditor, "looks", actor_id=str(staff.staff_id)), ensure_ascii=False)
    for secret in (resident.name, resident.id_number, resident.openid, "测试工作人员", staff.username):
        assert secret not in text


def test_looks_are_paged_without_gap_or_repeat(
    client: CheckedClient, auditor: str, looked: tuple[make.Resident, make.Staff]
) -> None:
    query: dict[str, Any] = {"actor_id": str(looked[1].staff_id), "limit": 2}
    seen: list[str] = []
    while True:
        page = ask(client, auditor, "looks", **query)
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 5


def test_each_search_is_noted_without_the_words_that_were_searched_for(client: CheckedClient, auditor: str) -> None:
    actor = str(uuid4())
    ask(client, auditor, "looks", actor_id=actor, purpose="张三的事", from_at="2026-01-01T00:00:00Z")
    noted = ask(client, auditor, "trail", action="oversight.search-looks")["items"][0]
    assert noted["role"] == "auditor"
    assert noted["detail"] == {
        "actor_id": actor, "purpose": "(given)", "from_at": "2026-01-01T00:00:00.000000+00:00", "further_page": False,
    }  # fmt: skip
    again = ask(client, auditor, "trail", action="oversight.search-trail")["items"][0]
    assert again["detail"]["action"] == "(given)" and again["id"] != noted["id"]


def test_acts_are_found_by_who_what_and_on_what(client: CheckedClient, auditor: str) -> None:
    actor, subject = uuid4(), uuid4()
    with db.transaction() as session:
        for number in range(3):
            trail.note(session, actor, "office", f"test.act-{number}", "thing", subject, {"n": number})
    assert len(ask(client, auditor, "trail", actor_id=str(actor))["items"]) == 3
    assert len(ask(client, auditor, "trail", subject_kind="thing", subject_id=str(subject))["items"]) == 3
    [one] = ask(client, auditor, "trail", actor_id=str(actor), action="test.act-1")["items"]
    assert one["detail"] == {"n": 1} and one["batch"] is None
    first = ask(client, auditor, "trail", actor_id=str(actor), limit=2)
    rest = ask(client, auditor, "trail", actor_id=str(actor), limit=2, cursor=first["next_cursor"])
    assert len(first["items"] + rest["items"]) == 3 and rest["next_cursor"] is None


@pytest.mark.parametrize(
    "query",
    ["actor_id=x", "from_at=2026-01-01", "limit=0", "limit=101", "cursor=x", "nonsense=1", "purpose=" + "x" * 121,
     "resident_id=' OR 1=1", "from_at=2026-01-01T00:00:00"],
)  # fmt: skip
def test_a_search_that_makes_no_sense_is_refused(client: CheckedClient, auditor: str, query: str) -> None:
    assert client.get(f"{API}/looks?{query}", token=auditor).status_code == 422


def test_the_newest_seal_is_anybodys_to_keep_and_to_check(client: CheckedClient, auditor: str) -> None:
    with db.transaction() as session:
        trail.note(session, uuid4(), "office", "test.act", "thing", "")
    service.seal_all()
    answer = client.get("/.well-known/trail-seal")
    told = answer.get_json()
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    statement = {name: value for name, value in told.items() if name not in ("seal", "signature")}
    content = b"xinyi-trail-seal-v1\n" + json.dumps(
        statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()  # fmt: skip
    key = next(k for k in client.get("/.well-known/jwks.json").get_json()["keys"] if k["kid"] == told["kid"])
    assert key["purpose"] == "seal"
    Ed25519PublicKey.from_public_bytes(_unbase64(key["x"])).verify(_unbase64(told["signature"]), content)


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_chain_is_listed_with_what_waits(client: CheckedClient, auditor: str) -> None:
    for _ in range(3):
        with db.transaction() as session:
            trail.note(session, uuid4(), "office", "test.act", "thing", "")
        service.seal_all()
    first = ask(client, auditor, "seals", limit=2)
    rest = ask(client, auditor, "seals", limit=1, cursor=first["next_cursor"])
    numbers = [item["number"] for item in first["items"] + rest["items"]]
    assert numbers == [numbers[0], numbers[0] - 1, numbers[0] - 2]
    assert first["items"][0]["previous"] == first["items"][1]["seal"]
    ask(client, auditor, "trail")
    assert ask(client, auditor, "seals")["waiting"]["rows"] >= 1


@pytest.mark.once
def test_the_auditor_may_change_nothing() -> None:
    """Separated duties: no permission that guards a changing method names the auditor, but for her own account."""
    changing = {PERMISSION_OF[name] for name, method in METHOD_OF.items() if method not in ("GET", "HEAD")}
    hers = {name for name in changing - {"public"} if "auditor" in PERMISSIONS[name].roles}
    assert hers == {"credentials.set"} and PERMISSIONS["credentials.set"].whose == "本人"
    reading = {name for name, permission in PERMISSIONS.items() if "auditor" in permission.roles}
    assert {"oversight.looks", "oversight.trail", "oversight.seals"} <= reading


@pytest.mark.once
def test_the_auditor_reads_no_personal_data_that_residents_own() -> None:
    """What she shares with others shows nobody, by test_looks, or is her own; the rest is an auditor's alone."""
    shared = {name for name, one in PERMISSIONS.items() if "auditor" in one.roles and one.roles != {"auditor"}}
    assert shared == {
        "approvals.read", "policies.read", "scoring.read", "quality.read", "credentials.read", "credentials.set",
        "settlement.read", "partners.read",
    }  # fmt: skip
    routes = {name for name, permission in PERMISSION_OF.items() if permission in shared}
    assert routes <= set(SHOWS_NOBODY)
