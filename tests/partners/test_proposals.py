"""What partners propose: in their own name alone, held against every rule at once, decided by others."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from backend.accounts.models import MembershipRow
from backend.kit import db
from tests.factories import accounts as people
from tests.partners.conftest import API, Desk, offer_of, told, venue


@pytest.fixture
def two(desk: Desk) -> tuple[tuple[dict[str, Any], str], tuple[dict[str, Any], str]]:
    return desk.partner(), desk.partner()


def test_nobody_proposes_for_another_partner_or_at_its_venues(
    desk: Desk, two: tuple[tuple[dict[str, Any], str], tuple[dict[str, Any], str]]
) -> None:
    (mine, token), (other, others) = two
    theirs = offer_of(other)
    made = desk.post("/partner/offer-proposals", others, {"offer": theirs}).get_json()
    as_other = desk.post("/partner/offer-proposals", token, {"offer": theirs})
    assert told(as_other) == (422, "invalid-request")
    there = {**offer_of(mine), "venues": theirs["venues"]}
    refused = desk.post("/partner/offer-proposals", token, {"offer": there})
    assert told(refused) == (422, "proposal-refused") and any("不属于" in one for one in refused.get_json()["problems"])
    same_slug = {**offer_of(mine), "slug": theirs["slug"]}
    taken = desk.post("/partner/offer-proposals", token, {"offer": same_slug})
    assert told(taken) == (422, "invalid-request") and made["id"] not in taken.text
    door = other["venues"][0]
    moved = {"venue": venue(slug=door["slug"])}
    assert told(desk.post("/partner/venue-proposals", token, moved)) == (422, "invalid-request")
    for method, act, body in (("GET", "", None), ("PUT", "", {"offer": offer_of(mine)}), ("POST", "/withdrawal", None)):
        path = f"{API}/partner/proposals/{made['id']}{act}"
        assert told(desk.client.open(path, method=method, json=body, token=token)) == (404, "not-found")
    listed = desk.get("/partner/proposals", token).get_json()["items"]
    assert {one["organisation_id"] for one in listed} <= {mine["id"]}
    assert told(desk.get("/partner", token, organisation_id=other["id"])) == (404, "not-found")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"basic_public_service": True, "price_points": 5}, "基本公共服务不得以积分换取"),
        ({"basic_public_service": True, "stock_total": 5}, "基本公共服务不得限量"),
        ({"level_floor": "A"}, "取得本人授权"), ({"hidden_rule": 1}, "不认识的字段 hidden_rule"),
        ({"benefit": {"type": "free_ticket", "persons": -1}}, "benefit.persons"), ({"scene": "nowhere"}, "没有场景"),
        ({"starts_on": "2026-13-01"}, "starts_on 应为日期"), ({"price_points": "同"}, "price_points"),
    ],
)  # fmt: skip
def test_the_linter_names_the_rule_that_is_broken(desk: Desk, changes: dict[str, Any], rule: str) -> None:
    partner, token = desk.partner()
    refused = desk.post("/partner/offer-proposals", token, {"offer": offer_of(partner, **changes)})
    assert told(refused) == (422, "proposal-refused")
    assert any(rule in one for one in refused.get_json()["problems"]), refused.get_json()["problems"]
    assert desk.get("/partner/proposals", token).get_json()["items"] == []


def test_junk_in_an_offer_is_refused(desk: Desk) -> None:
    partner, token = desk.partner()
    good = offer_of(partner)
    deep: Any = 1
    for _ in range(50):
        deep = {"x": deep}
    for bad in ({**good, "summary": "长" * 30_000}, {**good, "benefit": deep}, {**good, "title": "=1+1"},
                {**good, "title": "<img src=x>"}, {**good, "slug": 7}, {**good, "slug": "../x"}, {}, [], "x",
                {**good, "title": "a\x00b"}):  # fmt: skip
        answer = desk.post("/partner/offer-proposals", token, {"offer": bad})
        assert answer.status_code == 422, (str(bad)[:60], answer.get_json())


def test_one_proposal_at_a_time_about_an_offer_and_a_returned_one_is_corrected(desk: Desk) -> None:
    partner, token = desk.partner()
    offer = offer_of(partner)
    made = desk.post("/partner/offer-proposals", token, {"offer": offer}).get_json()
    again = desk.post("/partner/offer-proposals", token, {"offer": offer})
    assert told(again) == (409, "proposal-open") and again.get_json()["proposal_id"] == made["id"]
    path = f"{API}/partner/proposals/{made['id']}"
    body = {"offer": {**offer, "title": "另一个名目"}}
    assert told(desk.client.put(path, json=body, token=token)) == (409, "case-decided")
    desk.weigh(made["id"], "returned", missing=["有效期"])
    assert desk.client.get(path, token=token).get_json()["missing"] == ["有效期"]
    elsewhere = {"offer": offer_of(partner)}
    assert told(desk.client.put(path, json=elsewhere, token=token)) == (422, "invalid-request")
    corrected = desk.client.put(path, json=body, token=token)
    assert (corrected.status_code, corrected.get_json()["content"]["title"]) == (200, "另一个名目")
    withdrawn = desk.client.post(f"{path}/withdrawal", token=token)
    assert withdrawn.get_json()["status"] == "withdrawn"
    assert told(desk.weigh(made["id"])) == (409, "case-decided")
    assert desk.post("/partner/offer-proposals", token, {"offer": offer}).status_code == 201


def test_several_new_venues_are_proposed_at_once(desk: Desk) -> None:
    _, token = desk.partner()
    made = [desk.post("/partner/venue-proposals", token, {"venue": venue(name=name)}) for name in ("南门", "北门")]
    assert [one.status_code for one in made] == [201, 201]
    assert len({one.get_json()["slug"] for one in made}) == 2


def test_whoever_is_of_the_partner_neither_confirms_nor_approves(desk: Desk) -> None:
    partner, token = desk.partner()
    made = desk.post("/partner/offer-proposals", token, {"offer": offer_of(partner)}).get_json()
    with db.transaction() as session:
        both = people.staff(session)
        told_of = {"staff_id": both.staff_id, "organisation_id": UUID(partner["id"]), "role": "partner-manager"}
        session.execute(insert(MembershipRow).values(**told_of))
        insider = people.staff_token(session, both)
    assert told(desk.weigh(made["id"], token=insider)) == (403, "concerns-yourself")
    approval = desk.weigh(made["id"]).get_json()["approval"]["id"]
    assert told(desk.approve(approval, insider)) == (403, "concerns-yourself")
    assert desk.approve(approval).status_code == 201


def test_a_policy_that_changed_meanwhile_stops_an_approval_and_the_office_renews_it(desk: Desk) -> None:
    partner, token = desk.partner()
    made = desk.post("/partner/offer-proposals", token, {"offer": offer_of(partner)}).get_json()
    approval = desk.weigh(made["id"]).get_json()["approval"]["id"]
    desk.admitted()
    late = desk.approve(approval)
    assert (told(late), late.get_json()["because"]) == ((409, "execution-refused"), "approval-outdated")
    renewed = desk.weigh(made["id"]).get_json()["approval"]["id"]
    assert renewed != approval and desk.approve(renewed).status_code == 201


def test_the_auditor_reads_and_decides_nothing(desk: Desk) -> None:
    partner, token = desk.partner()
    made = desk.post("/partner/offer-proposals", token, {"offer": offer_of(partner)}).get_json()
    assert desk.get(f"/partners/proposals/{made['id']}", desk.auditor).get_json()["changes"]
    assert made["id"] in desk.get("/partners/proposals", desk.auditor, status="submitted").text
    assert told(desk.weigh(made["id"], token=desk.auditor)) == (403, "not-allowed")
    assert told(desk.weigh(made["id"], token=token)) == (403, "not-allowed")


def test_a_request_for_a_colleague_is_void_when_whoever_asked_is_no_manager_any_more(desk: Desk) -> None:
    partner, token = desk.partner()
    wish = {"username": f"c{uuid4().hex[:10]}", "display_name": "演示同事", "reason": "两班倒"}
    made = desk.post("/partner/staff-requests", token, wish).get_json()
    with db.transaction() as session:
        session.execute(MembershipRow.__table__.delete().where(MembershipRow.organisation_id == UUID(partner["id"])))
    late = desk.approve(made["approval_id"])
    assert (told(late), late.get_json()["because"]) == ((409, "execution-refused"), "appointment-outdated")
