from __future__ import annotations

from backend.kit import clock, db
from backend.merchants import service
from tests.checked_client import CheckedClient
from tests.merchants.conftest import entity_code, punish, registered

V1 = "/api/v1"


def test_anyone_reads_a_badge(client: CheckedClient) -> None:
    code = entity_code()
    with db.transaction() as session:
        made = registered(session, unified_social_credit_code=code)
        punish(session, code)
    response = client.get(f"{V1}/merchants/{made.public_code}")
    badge = response.get_json()
    assert response.status_code == 200 and response.headers["ETag"]
    assert badge["grade"] == {"id": "B", "name": "良好", "colour": "#1D5FBF"}
    assert 70 + sum(reason["points"] for reason in badge["reasons"]) == badge["score"]
    assert [one["violation"] for one in badge["penalties"]] == ["价格违法"]
    assert badge["as_of"] == clock.today().isoformat()
    again = client.get(f"{V1}/merchants/{made.public_code}", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


def test_a_code_is_read_as_people_type_it(client: CheckedClient) -> None:
    with db.transaction() as session:
        made = registered(session)
    assert client.get(f"{V1}/merchants/{made.public_code.lower()}").get_json()["public_code"] == made.public_code


def test_an_unknown_or_malformed_code_is_not_found(client: CheckedClient) -> None:
    for code in ("AAAAAAAAAA", "x", "%E4%BD%A0%E5%A5%BD", "a" * 300):
        response = client.get(f"{V1}/merchants/{code}")
        assert (response.status_code, response.get_json()["type"]) == (404, "/problems/merchant-code-unknown")


def test_a_revoked_code_is_gone_and_says_when(client: CheckedClient) -> None:
    with db.transaction() as session:
        made = registered(session)
        service.revoke_code(session, made.public_code, "码牌遗失")
    response = client.get(f"{V1}/merchants/{made.public_code}")
    problem = response.get_json()
    assert (response.status_code, problem["type"]) == (410, "/problems/merchant-code-revoked")
    assert problem["revoked_at"] and problem["reason"] == "码牌遗失"
