from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from backend.community import submissions
from backend.kit import clock, db, files
from backend.ledger import service as ledger
from backend.web.callers import Caller
from tests.checked_client import CheckedClient
from tests.community.conftest import (
    DONGSHAN,
    HENGXI,
    act,
    activity_now,
    join,
    neighbour,
    staff_caller,
    worker_of,
    worker_token,
)
from tests.community.pictures import picture
from tests.factories import accounts as factories

TokenFor = Callable[[Caller], str]
V1 = "/api/v1"


@pytest.fixture
def resident(client: CheckedClient) -> tuple[UUID, str]:
    """Someone who agreed to community points, and her token."""
    return signed_in()


@pytest.fixture
def member(client: CheckedClient) -> tuple[UUID, str]:
    """A member of 东山, and her token."""
    return signed_in(DONGSHAN)


def signed_in(*communities: UUID, consented: bool = True) -> tuple[UUID, str]:
    with db.transaction() as session:
        who = factories.resident(session)
        join(session, who.resident_id, *communities, consented=consented)
        return who.resident_id, factories.resident_token(session, who)


@pytest.fixture
def worker(client: CheckedClient) -> str:
    """The token of a worker of 东山."""
    with db.transaction() as session:
        return worker_token(session, DONGSHAN)


@pytest.fixture
def stranger(client: CheckedClient) -> str:
    """The token of a worker of 横溪."""
    with db.transaction() as session:
        return worker_token(session, HENGXI)


def deed(**changes: Any) -> dict[str, Any]:
    told = {"behaviour": "elder-care", "happened_at": clock.now().isoformat(), "text": "陪邻居去医院"}
    return {**told, "photo_ids": [], **changes}


def slug(response: Any) -> str:
    return str(response.get_json()["type"]).removeprefix("/problems/")


def hand_in(client: CheckedClient, token: str, **changes: Any) -> dict[str, Any]:
    response = client.post(f"{V1}/community/submissions", json=deed(**changes), token=token, key=uuid4())
    assert response.status_code == 201, response.get_json()
    view: dict[str, Any] = response.get_json()
    return view


def test_anyone_reads_communities_covenants_and_activities(client: CheckedClient) -> None:
    listed = client.get(f"{V1}/communities").get_json()["items"]
    assert {item["id"] for item in listed} == {str(DONGSHAN), str(HENGXI)}
    assert {"points": 2, "daily_cap_points": 10}.items() <= listed[0]["behaviours"][0].items()
    covenant = client.get(f"{V1}/communities/{DONGSHAN}/covenant").get_json()
    assert covenant["version"] == "2026.1" and covenant["signed_at"] is None
    assert client.get(f"{V1}/community/activities").status_code == 200
    assert client.get(f"{V1}/communities/{uuid4()}/covenant").status_code == 404


def test_sign_covenant_and_repeat_it(client: CheckedClient, resident: tuple[UUID, str]) -> None:
    url, key = f"{V1}/communities/{DONGSHAN}/covenant/signatures", uuid4()
    first = client.post(url, json={"version": "2026.1"}, token=resident[1], key=key)
    again = client.post(url, json={"version": "2026.1"}, token=resident[1], key=key)
    assert first.status_code == again.status_code == 201 and first.get_json() == again.get_json()
    other = client.post(url, token=resident[1], key=uuid4())
    assert (other.status_code, slug(other)) == (409, "covenant-already-signed")
    conflict = client.post(url, token=resident[1], key=key)
    assert slug(conflict) == "idempotency-conflict"
    assert client.get(f"{V1}/communities/{DONGSHAN}/covenant", token=resident[1]).get_json()["signed_at"]


def test_sign_covenant_needs_a_bound_resident_a_key_and_the_consent(client: CheckedClient) -> None:
    url = f"{V1}/communities/{DONGSHAN}/covenant/signatures"
    assert slug(client.post(url, key=uuid4())) == "not-signed-in"
    with db.transaction() as session:
        unbound = factories.unbound_token(session)
    assert slug(client.post(url, token=unbound, key=uuid4())) == "identity-not-bound"
    _, shy = signed_in(consented=False)
    assert slug(client.post(url, token=shy)) == "idempotency-key-missing"
    assert slug(client.post(url, token=shy, key=uuid4())) == "consent-missing"


def test_announce_show_code_and_check_in(
    client: CheckedClient, member: tuple[UUID, str], worker: str, stranger: str
) -> None:
    begun = clock.now() - timedelta(minutes=5)
    plan = {
        "community_id": str(DONGSHAN), "title": "议事会", "place": "议事厅", "behaviour": "assembly",
        "starts_at": begun.isoformat(), "ends_at": (begun + timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    refused = client.post(f"{V1}/community/activities", json=plan, token=stranger, key=uuid4())
    assert refused.status_code == 404
    made = client.post(f"{V1}/community/activities", json=plan, token=worker, key=uuid4())
    assert made.status_code == 201
    at = f"{V1}/community/activities/{made.get_json()['id']}"
    shown = client.get(f"{at}/check-in-code?qr=svg", token=worker).get_json()
    assert shown["code"].startswith("XY1:") and shown["qr_svg"].startswith("<svg")
    assert client.get(f"{at}/check-in-code", token=stranger).status_code == 404
    assert client.get(f"{at}/check-in-code", token=member[1]).status_code == 403
    key = uuid4()
    there = client.post(f"{at}/check-ins", json={"code": shown["code"]}, token=member[1], key=key)
    assert there.status_code == 201 and there.get_json()["points"] == 10
    again = client.post(f"{at}/check-ins", json={"code": shown["code"]}, token=member[1], key=key)
    assert again.get_json() == there.get_json()
    second = client.post(f"{at}/check-ins", json={"code": shown["code"]}, token=member[1], key=uuid4())
    assert (second.status_code, slug(second)) == (409, "already-checked-in")
    listed = client.get(f"{V1}/community/activities?community_id={DONGSHAN}&limit=100", token=member[1]).get_json()
    assert [item["checked_in_at"] for item in listed["items"] if item["id"] == made.get_json()["id"]] != [None]


def test_a_forged_or_stale_code_does_not_check_in(client: CheckedClient, member: tuple[UUID, str], worker: str) -> None:
    with db.transaction() as session:
        at = f"{V1}/community/activities/{activity_now(session)}"
    code = client.get(f"{at}/check-in-code", token=worker).get_json()["code"]
    for text in ("XY1:NONSENSE", code[:-4] + "AAAA"):
        refused = client.post(f"{at}/check-ins", json={"code": text}, token=member[1], key=uuid4())
        assert (refused.status_code, slug(refused)) == (422, "code-not-verified")
    with clock.shifted(timedelta(seconds=50)):
        stale = client.post(f"{at}/check-ins", json={"code": code}, token=member[1], key=uuid4())
    assert (stale.status_code, slug(stale)) == (410, "code-expired")


def test_submit_review_and_see_the_points(client: CheckedClient, member: tuple[UUID, str], worker: str) -> None:
    view = hand_in(client, member[1])
    assert (view["status"], view["behaviour"], view["warnings"]) == ("pending", "elder-care", [])
    waiting = client.get(f"{V1}/community/review-queue?limit=100", token=worker).get_json()["items"]
    item = next(item for item in waiting if item["id"] == view["id"])
    assert item["text"] == "陪邻居去医院" and item["resident_name"].startswith("测*")
    url, key = f"{V1}/community/submissions/{view['id']}/reviews", uuid4()
    body = {"decision": "approve", "reason": "邻居证实"}
    decided = client.post(url, json=body, token=worker, key=key)
    assert decided.status_code == 201 and decided.get_json()["points"] == 10
    assert client.post(url, json=body, token=worker, key=key).get_json() == decided.get_json()
    again = client.post(url, json=body, token=worker, key=uuid4())
    assert (again.status_code, slug(again)) == (409, "already-reviewed")
    (mine,) = client.get(f"{V1}/me/submissions", token=member[1]).get_json()["items"]
    assert (mine["status"], mine["review"]["reason"], mine["review"]["points"]) == ("approved", "邻居证实", 10)
    with db.reading() as reader:
        assert ledger.balance(reader, member[0], clock.today()) == 10


def test_submit_says_what_is_wrong_with_which_field(client: CheckedClient, member: tuple[UUID, str]) -> None:
    def pointers(**changes: Any) -> list[str]:
        response = client.post(
            f"{V1}/community/submissions", json=deed(**changes), token=member[1], key=uuid4()
        )  # fmt: skip
        assert (response.status_code, slug(response)) == (422, "invalid-request")
        return [error["pointer"] for error in response.get_json()["errors"]]

    assert pointers(behaviour="patrol") == ["/behaviour"]
    assert pointers(behaviour="nothing") == ["/behaviour"]
    assert pointers(happened_at="2199-01-01T00:00:00Z") == ["/happened_at"]
    assert pointers(happened_at="2020-01-01T00:00:00Z") == ["/happened_at"]
    assert pointers(behaviour="waste-sorting", text="") == ["/photo_ids"]
    assert pointers(text="") == ["/text"]
    assert pointers(photo_ids=[str(uuid4())]) == ["/photo_ids"]
    assert pointers(photo_ids=[str(uuid4())] * 2) == ["/photo_ids"]
    assert pointers(photo_ids=[str(uuid4()) for _ in range(10)]) == ["/photo_ids"]
    assert pointers(activity_id=str(uuid4())) == ["/activity_id"]
    assert pointers(points=100) == ["/points"]


def test_photos_are_for_the_communitys_workers_only(
    client: CheckedClient, member: tuple[UUID, str], worker: str, stranger: str
) -> None:
    with db.transaction() as session:
        photo = files.save_image(session, member[0], picture(), max_bytes=10**6, max_pixels=10**6)
    view = hand_in(client, member[1], behaviour="waste-sorting", photo_ids=[str(photo)])
    url = f"{V1}/community/submissions/{view['id']}/photos/{photo}"
    shown = client.get(url, token=worker)
    assert (shown.status_code, shown.mimetype) == (200, "image/webp")
    assert shown.headers["Cache-Control"] == "no-store"
    assert client.get(url, token=stranger).status_code == 404
    assert client.get(url, token=member[1]).status_code == 403
    assert client.get(url).status_code == 401


def test_another_communitys_worker_cannot_review(
    client: CheckedClient, member: tuple[UUID, str], stranger: str
) -> None:
    view = hand_in(client, member[1])
    url = f"{V1}/community/submissions/{view['id']}/reviews"
    refused = client.post(url, json={"decision": "approve", "reason": "属实"}, token=stranger, key=uuid4())
    assert refused.status_code == 404
    waiting = client.get(f"{V1}/community/review-queue?limit=100", token=stranger).get_json()["items"]
    assert view["id"] not in [item["id"] for item in waiting]
    assert client.get(f"{V1}/community/review-queue", token=member[1]).status_code == 403


def test_a_review_needs_a_reason_and_a_decision(client: CheckedClient, worker: str) -> None:
    url = f"{V1}/community/submissions/{uuid4()}/reviews"
    for body in ({"decision": "approve"}, {"decision": "approve", "reason": "是"}, {"reason": "属实"},
                 {"decision": "maybe", "reason": "属实"}):  # fmt: skip
        assert client.post(url, json=body, token=worker, key=uuid4()).status_code == 422
    unknown = client.post(url, json={"decision": "approve", "reason": "属实"}, token=worker, key=uuid4())
    assert unknown.status_code == 404


def test_a_worker_does_not_review_what_she_did_herself(
    client: CheckedClient, member: tuple[UUID, str], as_caller: TokenFor
) -> None:
    with db.transaction() as session:
        herself = as_caller(staff_caller(worker_of(session, DONGSHAN, member[0])))
    view = hand_in(client, member[1])
    url = f"{V1}/community/submissions/{view['id']}/reviews"
    refused = client.post(url, json={"decision": "approve", "reason": "属实"}, token=herself, key=uuid4())
    assert (refused.status_code, slug(refused)) == (403, "own-submission")


def test_my_submissions_page_by_page_and_are_mine_alone(client: CheckedClient, member: tuple[UUID, str]) -> None:
    with db.transaction() as session:
        other = neighbour(session, DONGSHAN)
        for resident_id in (member[0], other, member[0], member[0]):
            new = submissions.NewSubmission("elder-care", clock.now(), "买菜")
            submissions.submit(session, resident_id, new, act(resident_id))
    first = client.get(f"{V1}/me/submissions?limit=2", token=member[1]).get_json()
    rest = client.get(f"{V1}/me/submissions?limit=2&cursor={first['next_cursor']}", token=member[1]).get_json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert client.get(f"{V1}/me/submissions?cursor=nonsense", token=member[1]).status_code == 422


def test_the_review_queue_pages(client: CheckedClient, app: Flask, member: tuple[UUID, str], worker: str) -> None:
    made = [hand_in(client, member[1])["id"] for _ in range(2)]
    seen, cursor = [], ""
    while True:
        answer = client.get(f"{V1}/community/review-queue?limit=1{cursor}", token=worker).get_json()
        seen += [item["id"] for item in answer["items"]]
        if not answer["next_cursor"]:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert [one for one in seen if one in made] == made and len(seen) == len(set(seen))


def test_uploads_end_before_the_disk_does(
    client: CheckedClient, member: tuple[UUID, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_A_DAY", 1)
    answers = [
        client.post(
            f"{V1}/files", data={"file": (picture(), "x.png")}, content_type="multipart/form-data", token=member[1]
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 429] and slug(answers[1]) == "too-many-images"
