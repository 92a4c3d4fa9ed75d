"""Data officers and the office at the archives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from backend.kit import clock, db
from backend.kit.trail import TrailRow
from backend.records import service
from backend.records.service import NewRecord
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories.record_calls import CONTENT, ENTITY_NAME, SOURCE, correction, honour
from tests.merchants.conftest import entity_code


class Desk:
    """A data officer of the source, one of another department, and the office; an entity with a record of each."""

    def __init__(self) -> None:
        with db.transaction() as session:
            self.source = people.organisation(session, "department", SOURCE)
            places = {"officer": self.source, "other": people.organisation(session, "department", "区司法局"),
                      "namesake": people.organisation(session, "partner", SOURCE)}  # fmt: skip
            self.staff = {label: people.staff(session, "data-officer", where) for label, where in places.items()}
            self.staff["office"] = people.staff(session, "office")
            self.tokens = {label: people.staff_token(session, who) for label, who in self.staff.items()}
            self.code, self.batch_id = entity_code(), uuid4()
            add = service.add_entity_record
            self.record_id = add(session, self.code, ENTITY_NAME, honour("LE-HON-02"), batch_id=self.batch_id)
            self.listing_id = add(session, self.code, ENTITY_NAME, listing())


def listing() -> NewRecord:
    """A record of an item that the officer's department does not report."""
    return NewRecord(
        item_code="LE-ABN-01", source_name="区市场监督管理局", document_no=f"演示{uuid4().hex}",
        title="列入经营异常名录", decided_on=clock.today() - timedelta(days=3), fields={"listing_reason": "演示"},
    )  # fmt: skip


@pytest.fixture
def desk(client: CheckedClient) -> Desk:
    return Desk()


def send(client: CheckedClient, method: str, path: str, token: str, body: Any = None, key: UUID | None = None) -> Any:
    headers = {"Idempotency-Key": str(key or uuid4())} if method != "GET" else {}
    return client.open(f"/api/v1{path}", method=method, token=token, headers=headers, json=body)


def test_each_sees_the_items_that_are_its_own_and_the_office_what_is_not_private(
    client: CheckedClient, desk: Desk
) -> None:
    def seen(label: str) -> set[str]:
        answer = send(client, "GET", f"/records/entities/{desk.code.lower()}", desk.tokens[label])
        assert (answer.status_code, answer.get_json()["name"]) == (200, ENTITY_NAME)
        return {record["id"] for record in answer.get_json()["items"]}

    assert seen("officer") == {str(desk.record_id)}
    assert seen("office") == {str(desk.record_id), str(desk.listing_id)}
    assert seen("other") == seen("namesake") == set()
    for code in (entity_code(), "x", "91110000600037341M"):
        assert send(client, "GET", f"/records/entities/{code}", desk.tokens["office"]).status_code == 404


def test_an_officer_corrects_once_and_the_lineage_says_who_and_which_batch(client: CheckedClient, desk: Desk) -> None:
    path, key = f"/records/entities/{desk.code}/records/{desk.record_id}", uuid4()
    body = correction("LE-HON-02")
    first = send(client, "PUT", path, desk.tokens["officer"], body, key)
    again = send(client, "PUT", path, desk.tokens["officer"], body, key)
    assert first.status_code == again.status_code == 200 and first.get_json() == again.get_json()
    found = first.get_json()
    assert (found["title"], found["version"], found["source"]) == (body["title"], 2, SOURCE)
    versions = send(client, "GET", f"{path}/versions", desk.tokens["officer"]).get_json()["items"]
    officer = str(desk.staff["officer"].staff_id)
    assert [(v["version"], v["batch_id"], v["changed_by"]) for v in versions] == [
        (1, str(desk.batch_id), None), (2, None, officer)
    ]  # fmt: skip
    assert versions[0]["replaced_at"] == versions[1]["changed_at"] and versions[1]["replaced_at"] is None
    one = client.get(f"/api/v1{path}/versions?limit=1", token=desk.tokens["office"]).get_json()
    rest = client.get(f"/api/v1{path}/versions?cursor={one['next_cursor']}", token=desk.tokens["office"]).get_json()
    assert [v["version"] for v in one["items"] + rest["items"]] == [1, 2] and rest["next_cursor"] is None
    with db.reading() as reader:
        acts = reader.execute(select(TrailRow.action).where(TrailRow.subject_id == str(desk.record_id))).scalars().all()
    assert acts == ["records.correct"]


def test_another_department_s_record_is_not_there_and_a_namesake_is_no_department(
    client: CheckedClient, desk: Desk
) -> None:
    path = f"/records/entities/{desk.code}/records/{desk.record_id}"
    for label in ("other", "namesake"):
        assert send(client, "PUT", path, desk.tokens[label], correction("LE-HON-02")).status_code == 404
        assert send(client, "POST", f"{path}/withdrawal", desk.tokens[label], {"reason": "不是我的"}).status_code == 404
        assert send(client, "GET", f"{path}/versions", desk.tokens[label]).status_code == 404
    listed = f"/records/entities/{desk.code}/records/{desk.listing_id}"
    assert send(client, "PUT", listed, desk.tokens["officer"], correction("LE-HON-02")).status_code == 404


def test_what_the_catalogue_does_not_admit_is_refused_with_every_reason(client: CheckedClient, desk: Desk) -> None:
    path = f"/records/entities/{desk.code}/records/{desk.record_id}"
    body = {**correction("LE-HON-02"), "fields": {"blood_type": "A"}}
    refused = send(client, "PUT", path, desk.tokens["officer"], body)
    assert (refused.status_code, refused.get_json()["type"]) == (422, "/problems/record-refused")
    assert len(refused.get_json()["problems"]) == 2
    for wrong in ({"honour_level": 1.5}, {"honour_level": ["区级"]}, {"称号": "x"}, {"honour_level": True}):
        answer = send(client, "PUT", path, desk.tokens["officer"], {**body, "fields": wrong})
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/fields")


def test_a_withdrawn_record_is_final_and_leaves_the_public_page(client: CheckedClient, desk: Desk) -> None:
    path = f"/records/entities/{desk.code}/records/{desk.record_id}"
    done = send(client, "POST", f"{path}/withdrawal", desk.tokens["officer"], {"reason": "报错了主体"}).get_json()
    assert (done["status"], done["change_reason"]) == ("withdrawn", "报错了主体")
    with db.reading() as reader:
        shown = service.entity_records_of(reader, desk.code, clock.today())
    assert {record.id for record in shown} == {desk.listing_id}
    refused = send(client, "PUT", path, desk.tokens["officer"], correction("LE-HON-02"))
    assert (refused.status_code, refused.get_json()["type"]) == (409, "/problems/record-status-not-possible")


def test_a_person_s_record_is_corrected_without_being_shown(client: CheckedClient, desk: Desk) -> None:
    with db.transaction() as session:
        who = people.resident(session)
        mine = service.add_record(session, who.resident_id, honour("NP-HON-01"))
        other = people.resident(session).resident_id
        token = people.resident_token(session, who)
    path = f"/records/people/{who.resident_id}/records/{mine}"
    body = {**correction("NP-HON-01"), "fields": {**CONTENT["NP-HON-01"], "honour_level": "市级"}}
    answer = send(client, "PUT", path, desk.tokens["officer"], body)
    assert (answer.status_code, answer.get_json()["version"], answer.get_json()["status"]) == (200, 2, "active")
    told = answer.get_data(as_text=True)
    assert not any(text in told for text in ("演示表彰", body["document_no"], "市级", str(who.resident_id)))
    wrong = f"/records/people/{other}/records/{mine}"
    assert send(client, "PUT", wrong, desk.tokens["officer"], body).status_code == 404
    assert send(client, "PUT", path, desk.tokens["other"], body).status_code == 404
    versions = client.get(f"/api/v1/me/records/{mine}/versions", token=token).get_json()["items"]
    assert [(v["version"], v["title"], v["change_reason"]) for v in versions] == [
        (1, "演示表彰", ""), (2, "演示表彰（更正）", "文书号有误")
    ]  # fmt: skip
    gone = send(client, "POST", f"{path}/withdrawal", desk.tokens["officer"], {"reason": "报错了人"})
    assert gone.get_json()["status"] == "withdrawn"


def test_a_renamed_entity_takes_records_under_its_new_name(client: CheckedClient, desk: Desk) -> None:
    path, body = f"/records/entities/{desk.code}/name", {"name": "演示新名称", "reason": "登记机关准予变更名称"}
    assert send(client, "PUT", path, desk.tokens["officer"], body).status_code == 403
    done, key = None, uuid4()
    for _ in range(2):
        done = send(client, "PUT", path, desk.tokens["office"], body, key)
        assert (done.status_code, done.get_json()["name"]) == (200, "演示新名称")
    with db.transaction() as session:
        service.add_entity_record(session, desk.code, "演示新名称", honour("LE-HON-02"))
