"""Consents and the access log over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from backend.consents import service
from backend.kit import db
from tests.checked_client import CheckedClient
from tests.factories import accounts as make

API = "/api/v1"


def slug(response: Any) -> str:
    return str(response.get_json(force=True)["type"]).removeprefix("/problems/")


@pytest.fixture
def resident(app: Any) -> make.Resident:
    with db.transaction() as session:
        return make.resident(session)


@pytest.fixture
def token(resident: make.Resident) -> str:
    with db.transaction() as session:
        return make.resident_token(session, resident)


def listed(client: CheckedClient, token: str) -> dict[str, dict[str, Any]]:
    answer = client.get(f"{API}/me/consents", token=token)
    assert answer.status_code == 200
    assert answer.get_json()["next_cursor"] is None
    return {item["purpose"]: item for item in answer.get_json()["items"]}


def put(client: CheckedClient, token: str, purpose: str = "score", **body: Any) -> Any:
    return client.put(f"{API}/me/consents/{purpose}", json=body, token=token)


def test_each_purpose_is_shown_with_the_text_in_force(client: CheckedClient, token: str) -> None:
    score = listed(client, token)["score"]
    assert score["granted"] is False and score["granted_at"] is None
    assert score["text_version"] and "撤回" in score["text"]


def test_consent_is_given_and_withdrawn(client: CheckedClient, token: str) -> None:
    version = listed(client, token)["score"]["text_version"]
    given = put(client, token, granted=True, text_version=version)
    assert given.status_code == 200 and given.get_json() == listed(client, token)["score"]
    assert given.get_json()["granted"] is True and given.get_json()["granted_at"].endswith("Z")
    again = put(client, token, granted=True, text_version=version)
    assert again.get_json() == given.get_json()
    assert put(client, token, granted=False, text_version=version).get_json()["granted"] is False
    assert put(client, token, granted=False).status_code == 200


def test_an_earlier_text_is_refused_naming_the_present_one(client: CheckedClient, token: str) -> None:
    refused = put(client, token, granted=True, text_version="1999.1")
    assert (refused.status_code, slug(refused)) == (409, "consent-text-changed")
    assert refused.get_json(force=True)["text_version"] == listed(client, token)["score"]["text_version"]
    assert put(client, token, granted=True).status_code == 409


@pytest.mark.parametrize("granted", ["true", 1, None])
def test_granted_is_true_or_false_and_nothing_like_it(client: CheckedClient, token: str, granted: Any) -> None:
    assert put(client, token, granted=granted, text_version="2026.1").status_code == 422


def test_an_unknown_purpose_is_not_found(client: CheckedClient, token: str) -> None:
    assert put(client, token, "marketing", granted=True, text_version="2026.1").status_code == 404


def test_a_minor_has_no_score(client: CheckedClient) -> None:
    with db.transaction() as session:
        token = make.resident_token(session, make.resident(session, date(2015, 5, 5)))
    version = listed(client, token)["score"]["text_version"]
    refused = put(client, token, granted=True, text_version=version)
    assert (refused.status_code, slug(refused)) == (403, "adults-only")
    refused = put(client, token, "community", granted=True, text_version=version)
    assert (refused.status_code, slug(refused)) == (403, "guardian-needed")


def test_whoever_is_not_bound_has_nothing_to_agree_to(client: CheckedClient) -> None:
    with db.transaction() as session:
        token = make.unbound_token(session)
    for path in ("consents", "access-log"):
        refused = client.get(f"{API}/me/{path}", token=token)
        assert (refused.status_code, slug(refused)) == (403, "identity-not-bound")
    assert put(client, token, granted=True, text_version="2026.1").status_code == 403


@pytest.mark.parametrize("path", ["consents", "access-log"])
def test_these_pages_are_residents_own(client: CheckedClient, path: str) -> None:
    with db.transaction() as session:
        tokens = [make.staff_token(session, make.staff(session)), make.device_token(session, make.device(session))]
    assert [client.get(f"{API}/me/{path}", token=token).status_code for token in tokens] == [403, 403]


def test_consents_can_be_paged(client: CheckedClient, token: str) -> None:
    first = client.get(f"{API}/me/consents?limit=1", token=token).get_json()
    rest = client.get(f"{API}/me/consents?limit=100&cursor={first['next_cursor']}", token=token).get_json()
    assert [item["purpose"] for item in first["items"] + rest["items"]] == list(listed(client, token))
    for wrong in ("abc", "W1sicCIsIC0xXV0", "W1sicCIsdHJ1ZV1d"):
        assert client.get(f"{API}/me/consents?cursor={wrong}", token=token).status_code == 422


def test_the_access_log_is_paged_and_shows_only_ones_own(
    client: CheckedClient, resident: make.Resident, token: str
) -> None:
    with db.transaction() as session:
        staff, other = make.staff(session), make.resident(session)
        for who in (resident, resident, resident, other):
            service.record_look(
                session, who.resident_id, staff.staff_id, "auditor", "审计抽查", ["score"], "审计计划",
                authorisation="document:审2026-3",
            )  # fmt: skip
    first = client.get(f"{API}/me/access-log?limit=2", token=token).get_json()
    rest = client.get(f"{API}/me/access-log?limit=2&cursor={first['next_cursor']}", token=token).get_json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert first["items"][0]["role"] == "审计人员" and first["items"][0]["fields"] == ["信用分"]
    assert first["items"][0]["authorisation"] == "审2026-3"
    assert first["items"][0]["authorisation_id"] == "document:审2026-3"
    assert client.get(f"{API}/me/access-log?cursor=zzz", token=token).status_code == 422
