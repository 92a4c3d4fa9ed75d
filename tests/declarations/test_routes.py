"""Declarations over HTTP: the whole way, who is let in, and what is said to whom."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.declarations import service
from backend.kit import db
from tests.checked_client import CheckedClient
from tests.community.pictures import picture
from tests.declarations.conftest import OF_LABOUR, SOURCE, body, certificate, credit_code, organisation
from tests.factories import accounts as people

V1 = "/api/v1"


def slug(answer: Any) -> str:
    return str(answer.get_json()["type"]).removeprefix("/problems/")


def signed_in(bound: bool = True) -> tuple[UUID, str]:
    with db.transaction() as session:
        if not bound:
            return uuid4(), people.unbound_token(session)
        who = people.resident(session)
        return who.resident_id, people.resident_token(session, who)


def staff_token(role: str, kind: str, name: str, code: str | None = None) -> str:
    with db.transaction() as session:
        return people.staff_token(session, people.staff(session, role, organisation(session, kind, name, code)))


def uploaded(client: CheckedClient, token: str) -> str:
    data = {"file": (picture(), "x.png")}
    answer = client.post(f"{V1}/files", token=token, data=data, content_type="multipart/form-data")
    assert answer.status_code == 201, answer.get_json()
    return str(answer.get_json()["id"])


def post(client: CheckedClient, token: str, path: str, sent: Any = None, key: object = None) -> Any:
    return client.post(f"{V1}{path}", token=token, key=key or uuid4(), **({} if sent is None else {"json": sent}))


def request_of(client: CheckedClient, token: str, item: str = "NP-QUA-01", **columns: Any) -> dict[str, Any]:
    """What a client makes of the public list and an upload."""
    offered = client.get(f"{V1}/catalogue/self-declarable").get_json()
    (wanted,) = [one for one in offered["items"] if one["code"] == item]
    told = {"declared_matter": "演示事项", **certificate(**columns)}
    fields = {one["name"]: told[one["name"]] for one in wanted["fields"] if one["name"] in told}
    (pledge,) = [one for one in offered["pledges"] if one["subject"] == wanted["subject"]]
    return {"item_code": item, "fields": fields, "pledge_version": pledge["version"],
            "photo_ids": [uploaded(client, token)]}  # fmt: skip


def test_from_the_public_list_to_the_archive_and_back(client: CheckedClient) -> None:
    _, token = signed_in()
    verifier = staff_token("data-officer", "department", OF_LABOUR)
    made = post(client, token, "/me/declarations", request_of(client, token)).get_json()
    assert (made["status"], made["self_declared"], made["record_id"]) == ("pending", True, None)
    assert client.get(f"{V1}/me/records", token=token).get_json()["items"] == []

    listed = client.get(f"{V1}/declarations/review-queue?limit=100", token=verifier).get_json()["items"]
    assert made["id"] in {one["id"] for one in listed}
    shown = client.get(f"{V1}/declarations/{made['id']}", token=verifier).get_json()
    assert shown["decisions"] == ["confirm", "reject"] and not shown["own"] and "真实" in shown["pledge_text"]
    photo = client.get(shown["photos"][0], token=verifier)
    assert (photo.status_code, photo.headers["Cache-Control"]) == (200, "no-store")

    sent, key = {"decision": "confirm", "reason": "与登记相符"}, uuid4()
    done = [post(client, verifier, f"/declarations/{made['id']}/decisions", sent, key) for _ in range(2)]
    assert done[0].status_code == 201 and done[0].get_json() == done[1].get_json()
    (record,) = client.get(f"{V1}/me/records", token=token).get_json()["items"]
    assert record["self_declared"] and record["declaration_id"] == made["id"]
    assert record["source"] == f"自主申报，{OF_LABOUR} 确认" and record["status"] == "active"
    (told,) = client.get(f"{V1}/me/messages", token=token).get_json()["items"]
    assert told["title"] == "自主申报已确认" and told["link"] == "/me/declarations"

    taken = post(client, token, f"/me/declarations/{made['id']}/withdrawal").get_json()
    assert taken["status_text"] == "已撤回" and taken["decision"]["decided_by"] == OF_LABOUR
    (record,) = client.get(f"{V1}/me/records", token=token).get_json()["items"]
    assert record["self_declared"] and record["status"] == "withdrawn"
    assert [one["id"] for one in client.get(f"{V1}/me/declarations", token=token).get_json()["items"]] == [made["id"]]
    again = post(client, token, f"/me/declarations/{made['id']}/withdrawal")
    assert (again.status_code, slug(again)) == (409, "declaration-not-open")


def test_a_declared_record_stays_marked_when_corrected_and_is_revoked_where_it_was_confirmed(
    client: CheckedClient,
) -> None:
    resident_id, token = signed_in()
    verifier = staff_token("data-officer", "department", OF_LABOUR)
    made = post(client, token, "/me/declarations", request_of(client, token)).get_json()
    decided = post(client, verifier, f"/declarations/{made['id']}/decisions", {"decision": "confirm", "reason": "属实"})
    path = f"{V1}/records/people/{resident_id}/records/{decided.get_json()['record_id']}"
    content = {"document_no": "演示证1号", "title": "演示证书", "decided_on": made["decided_on"], "reason": "名称有误",
               "fields": {"occupation": "演示职业", "current_status": "有效"}}  # fmt: skip
    assert client.put(path, json=content, token=verifier, key=uuid4()).status_code == 200
    (record,) = client.get(f"{V1}/me/records", token=token).get_json()["items"]
    assert record["self_declared"] and record["title"] == "演示证书"
    refused = client.post(f"{path}/withdrawal", json={"reason": "查无此证"}, token=verifier, key=uuid4())
    assert (refused.status_code, slug(refused)) == (409, "record-self-declared")
    assert refused.get_json()["declaration_id"] == made["id"]


def test_a_merchant_uploads_declares_and_is_told_with_whom_it_stands(client: CheckedClient) -> None:
    code = credit_code()
    token = staff_token("partner-manager", "partner", "演示商户", code)
    sent = request_of(client, token, "LE-SEL-01")
    made = post(client, token, "/declarations/own", sent)
    assert made.status_code == 201, made.get_json()
    one = f"{V1}/declarations/own/{made.get_json()['id']}"
    assert client.get(one, token=token).get_json() == made.get_json()
    verifier = staff_token("data-officer", "department", SOURCE)
    shown = client.get(f"{V1}/declarations/{made.get_json()['id']}", token=verifier).get_json()
    assert (shown["declarer"], shown["entity_code"], shown["id_number"]) == ("演示商户", code, None)
    assert client.get(shown["photos"][0], token=verifier).status_code == 200
    stranger = staff_token("partner-manager", "partner", "另一演示商户", credit_code())
    assert client.get(one, token=stranger).status_code == 404
    assert client.get(f"{V1}/files/{sent['photo_ids'][0]}", token=stranger).status_code == 404
    assert made.get_json()["id"] not in client.get(f"{V1}/declarations/own?limit=100", token=stranger).get_data(
        as_text=True
    )


@pytest.mark.parametrize("role", ["data-officer", "office", "community-worker", "auditor"])
def test_staff_who_declare_nothing_upload_nothing(client: CheckedClient, role: str) -> None:
    with db.transaction() as session:
        token = people.staff_token(session, people.staff(session, role))
    answer = client.post(f"{V1}/files", token=token, data={"file": (picture(), "x.png")})
    assert (answer.status_code, answer.get_json()["permission"]) == (403, "files.upload")


def test_what_staff_upload_is_their_accounts_own(client: CheckedClient) -> None:
    token = staff_token("partner-manager", "partner", "演示商户", credit_code())
    photo = uploaded(client, token)
    assert client.get(f"{V1}/files/{photo}", token=token).status_code == 200
    for other in (signed_in()[1], staff_token("partner-manager", "partner", "演示商户")):
        assert client.get(f"{V1}/files/{photo}", token=other).status_code == 404


def test_only_bound_adults_declare_and_for_nobody_else(client: CheckedClient) -> None:
    ours, token = signed_in()
    sent = request_of(client, token)
    _, unbound = signed_in(bound=False)
    assert slug(post(client, unbound, "/me/declarations", sent)) == "identity-not-bound"
    answer = client.post(
        f"{V1}/me/declarations", json=sent, token=token, key=uuid4(), headers={"On-Behalf-Of": str(ours)}
    )
    assert (answer.status_code, slug(answer)) == (403, "not-delegable")


@pytest.mark.parametrize(
    ("columns", "pointer"),
    [
        ({"Occupation": "x"}, "/fields"), ({"__proto__": "x"}, "/fields"), ({"职业": "x"}, "/fields"),
        *(({"occupation": wrong}, "/fields/occupation") for wrong in
          ({"a": 1}, ["x"], None, True, 1.5, "a\x00b", 10**400, "长" * 2001)),
        ({f"x{n}": "y" for n in range(61)}, "/fields"), ({}, "/fields/document_no"),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_columns_that_are_none_are_refused_by_their_names(
    client: CheckedClient, columns: dict[str, Any], pointer: str
) -> None:
    refused(client, {"fields": columns}, pointer)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"photo_ids": []}, "/photo_ids"), ({"photo_ids": [str(uuid4())] * 2}, "/photo_ids"),
        ({"photo_ids": [str(uuid4()) for _ in range(10)]}, "/photo_ids"), ({"item_code": "' OR 1=1"}, "/item_code"),
    ],
)  # fmt: skip
def test_what_cannot_be_declared_is_refused(client: CheckedClient, changes: dict[str, Any], pointer: str) -> None:
    refused(client, changes, pointer)


def refused(client: CheckedClient, changes: dict[str, Any], pointer: str) -> None:
    resident_id, token = signed_in()
    with db.transaction() as session:
        sent = body(session, service.resident(resident_id), "NP-QUA-01")
    answer = post(client, token, "/me/declarations", {**sent, **changes})
    assert (answer.status_code, slug(answer)) == (422, "invalid-request"), answer.get_json()
    assert answer.get_json()["errors"][0]["pointer"].startswith(pointer)
    assert client.get(f"{V1}/me/declarations", token=token).get_json()["items"] == []
