"""The door over HTTP: undo, reports, conflicts, and a device that was suspended a moment ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from backend.accounts import service as accounts
from backend.kit import clock, db
from backend.perks.models import Coupon
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.perks.test_routes import API, Stage

PRICED = {"price_points": 10, "settlement_price_fen": 800, "uses": 2}


def undo(stage: Stage, admission_id: str, key: object = None, token: str | None = None) -> Any:
    path = f"{API}/venue/admissions/{admission_id}/undo"
    return stage.client.post(path, token=token or stage.device, key=key or uuid4())


def batch(stage: Stage, *codes: str, ids: list[str] | None = None) -> Any:
    at = clock.now().isoformat()
    names = ids or [str(uuid4()) for _ in codes]
    rows = [{"id": name, "code": code, "at": at} for name, code in zip(names, codes, strict=True)]
    return stage.client.post(f"{API}/venue/admissions/batch", token=stage.device, json={"admissions": rows})


def manager_token(stage: Stage) -> str:
    with db.transaction() as session:
        return people.staff_token(session, people.staff(session, "partner-manager", stage.shop.partner_id, "partner"))


def office_token() -> str:
    with db.transaction() as session:
        return people.staff_token(session, people.staff(session, "office"))


def test_an_admission_is_undone_and_its_code_shown_again(client: CheckedClient) -> None:
    stage = Stage(client, points=10, **PRICED)
    code, key = stage.shown(), uuid4()
    done = stage.admit(code).get_json()
    answers = [undo(stage, done["id"], key), undo(stage, done["id"], key), undo(stage, done["id"])]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.get_data() for answer in answers}) == 1
    told = answers[0].get_json()
    assert (told["id"], told["verdict"], told["uses_left"]) == (done["id"], "undone", 2)
    assert [stage.admit(code).status_code for _ in range(3)] == [201, 201, 409]


def test_the_refusals_of_an_undo_say_why(client: CheckedClient) -> None:
    stage, other = Stage(client, points=20, **PRICED), Stage(client)
    done = stage.admit(stage.shown()).get_json()["id"]
    for answer in (undo(stage, done, token=other.device), undo(stage, str(uuid4()))):
        assert (answer.status_code, answer.get_json()["type"]) == (404, "/problems/not-found")
    with clock.shifted(timedelta(seconds=90)):
        late = undo(stage, done)
    assert (late.status_code, late.get_json()["type"]) == (409, "/problems/undo-too-late")
    assert late.get_json()["undo_seconds"] == 60
    conflict = batch(stage, stage.shown()).get_json()["items"]
    assert conflict[0]["verdict"] == "admitted"


def test_a_suspended_device_does_nothing_from_the_next_request_on(client: CheckedClient) -> None:
    stage = Stage(client, points=20, **PRICED)
    code = stage.shown()
    done = stage.admit(code).get_json()["id"]
    with db.transaction() as session:
        accounts.set_device_status(session, stage.shop.door.device_id, "suspended")
    answers = {
        "verify": stage.verify(code),
        "admit": stage.admit(code),
        "undo": undo(stage, done),
        "batch": batch(stage, code),
        "pack": client.get(f"{API}/venue/offline-pack", token=stage.device),
        "report": client.get(f"{API}/venue/report", token=stage.device),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 401)
    coupon = client.get(f"{API}/me/coupons", token=stage.token).get_json()["items"][0]
    assert coupon["uses_left"] == 1


def test_the_report_of_a_shift_as_figures_and_as_a_file(client: CheckedClient) -> None:
    stage = Stage(client, points=10, **PRICED)
    code = stage.shown()
    begun = clock.now() - timedelta(minutes=1)
    undo(stage, stage.admit(code).get_json()["id"])
    stage.admit(code)
    stage.admit("XY1:FORGED")
    today = client.get(f"{API}/venue/report", token=stage.device).get_json()
    [line, forged] = today["offers"]
    assert (line["admitted"], line["undone"], line["points"], line["settlement_fen"]) == (1, 1, 5, 800)
    assert forged["refused"] == [{"reason": "code-not-verified", "title": "二维码未通过验证", "count": 1}]
    assert (line["offer"]["title"], forged["offer"], today["total"]["admitted"]) == ("测试门票", None, 1)
    manager = manager_token(stage)
    query = {"since": begun.isoformat(), "venue": str(stage.shop.venue_id)}
    theirs = client.get(f"{API}/partner/report", token=manager, query_string=query).get_json()
    assert theirs["total"] == today["total"] and theirs["venue"]["name"] == "测试场所"
    for path, token in (("venue", stage.device), ("partner", manager)):
        answer = client.get(f"{API}/{path}/report.csv", token=token)
        assert (answer.status_code, answer.mimetype) == (200, "text/csv")
        assert answer.get_data().startswith(b"\xef\xbb\xbf") and "测试门票" in answer.get_data().decode()
    assert str(stage.person.resident_id) not in str(today) + str(theirs)


@pytest.mark.parametrize("query", [{"on": "2026-02-30"}, {"until": "2026-03-05T00:00:00Z"},
                                   {"since": "2026-03-05T00:00:00Z", "until": "2026-03-07T00:00:00Z"}])  # fmt: skip
def test_a_report_of_no_day_is_refused_by_its_field(client: CheckedClient, query: dict[str, str]) -> None:
    stage = Stage(client)
    answer = client.get(f"{API}/venue/report", token=stage.device, query_string=query)
    assert answer.status_code == 422 and answer.get_json()["errors"][0]["pointer"].startswith("/query/")


def test_another_partners_venue_is_not_found_in_a_report(client: CheckedClient) -> None:
    stage, other = Stage(client), Stage(client)
    query = {"venue": str(other.shop.venue_id)}
    answer = client.get(f"{API}/partner/report", token=manager_token(stage), query_string=query)
    assert answer.status_code == 404


def test_a_conflict_goes_from_the_door_to_the_partner_to_the_office(client: CheckedClient) -> None:
    stage = Stage(client, points=10, settlement_price_fen=800)
    code = stage.shown()
    stage.admit(code)
    [row] = batch(stage, code).get_json()["items"]
    assert (row["verdict"], row["reason"]) == ("conflict", "already-used")
    assert client.get(f"{API}/venue/report", token=stage.device).get_json()["open_conflicts"] == 1
    answer = undo(stage, row["admission_id"])
    assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/nothing-to-undo")
    manager, office = manager_token(stage), office_token()
    [shown] = client.get(f"{API}/partner/conflicts?step=open", token=manager).get_json()["items"]
    assert (shown["id"], shown["settlement_fen"], shown["reason"]) == (row["admission_id"], 800, "already-used")
    assert shown["title"] == "该券已使用"
    assert str(stage.person.resident_id) not in str(shown)
    path = f"{API}/partner/conflicts/{shown['id']}/claims"
    claimed = client.post(path, token=manager, key=uuid4(), json={"text": "演示：闸机有入场记录"})
    assert (claimed.status_code, claimed.get_json()["step"]) == (201, "claimed")
    listed = client.get(f"{API}/conflicts?limit=100", token=office).get_json()["items"]
    assert shown["id"] in [one["id"] for one in listed]
    body = {"accepted": True, "reason": "演示：已核对"}
    path = f"{API}/conflicts/{shown['id']}/decisions"
    decided = client.post(path, token=office, key=uuid4(), json=body)
    assert (decided.status_code, decided.get_json()["step"]) == (201, "accepted")
    again = client.post(path, token=office, key=uuid4(), json=body)
    assert (again.status_code, again.get_json()["step"]) == (409, "accepted")
    report = client.get(f"{API}/venue/report", token=stage.device).get_json()
    assert (report["total"]["settlement_fen"], report["open_conflicts"]) == (1600, 0)


def test_a_coupon_for_a_later_time_is_neither_shown_nor_admitted_before_it(client: CheckedClient) -> None:
    stage = Stage(client, uses=2)
    coupon_id = stage.coupon()
    code = stage.code(coupon_id).get_json()["code"]
    with db.transaction() as session:
        begins = clock.now() + timedelta(minutes=10)
        changed = update(Coupon).where(Coupon.resident_id == stage.person.resident_id).values(valid_from=begins)
        session.execute(changed)
    hidden = stage.code(coupon_id)
    assert (hidden.status_code, hidden.get_json()["type"]) == (409, "/problems/coupon-not-active")
    assert stage.verify(code).get_json()["reason"] == "coupon-not-yet"
    early = stage.admit(code)
    assert (early.status_code, early.get_json()["type"]) == (409, "/problems/coupon-not-yet")
    assert batch(stage, code).get_json()["items"][0]["reason"] == "coupon-not-yet"
    with clock.shifted(timedelta(minutes=10, seconds=1)):
        fresh = stage.code(coupon_id).get_json()["code"]
        assert stage.admit(fresh).status_code == 201
