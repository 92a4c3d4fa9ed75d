"""From a stranger's application to a resident's coupon, by the API alone."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from backend.codes import service as codes
from backend.kit import db
from tests.factories import accounts as people
from tests.partners.conftest import API, Desk, offer_of, told, venue


def test_a_partner_goes_from_application_to_an_offer_that_a_resident_redeems(desk: Desk) -> None:
    made = desk.applied()
    assert desk.follow(made).get_json()["status"] == "submitted"

    returned = desk.judge(made, "returned", missing=["营业执照上的全称"])
    assert returned.status_code == 201
    seen = desk.follow(made).get_json()
    assert (seen["status"], seen["missing"]) == ("returned", ["营业执照上的全称"])
    assert told(desk.judge(made)) == (409, "case-decided")

    said = {name: value for name, value in made["body"].items() if name != "statement_of_truth"}
    corrected = desk.follow(
        made, "PUT", json={**said, "name": "演示停车有限公司", "venues": [venue(), venue(name="西门")]}
    )
    assert (corrected.status_code, corrected.get_json()["status"]) == (200, "submitted")

    judged = desk.judge(made, slug=f"yanshi-{uuid4().hex[:8]}").get_json()
    assert (judged["status"], judged["approval"]["state"]) == ("proposed", "proposed")
    assert told(desk.follow(made, "POST", "/invitation")) == (409, "invitation-not-due")
    assert told(desk.approve(judged["approval"]["id"], desk.first)) == (403, "own-proposal")
    done = desk.approve(judged["approval"]["id"])
    assert done.status_code == 201, done.get_json()
    assert done.get_json()["result"]["version"] == desk.follow(made).get_json()["policy_version"]

    token = desk.manager(made)
    assert told(desk.follow(made, "POST", "/invitation")) == (409, "invitation-used")
    partner = desk.get("/partner", token).get_json()
    assert partner["is_partner"] and [one["name"] for one in partner["venues"]] == ["演示停车场东门", "西门"]

    gated = offer_of(partner, basic_public_service=True, level_floor="A", consents=["score"])
    refused = desk.post("/partner/offer-proposals", token, {"offer": gated})
    assert told(refused) == (422, "proposal-refused")
    assert any("基本公共服务不得以信用等级为门槛" in one for one in refused.get_json()["problems"])
    assert len(refused.get_json()["problems"]) >= 2  # all of them at once

    offer = offer_of(partner, stock_total=3)
    proposed = desk.post("/partner/offer-proposals", token, {"offer": offer})
    assert proposed.status_code == 201, proposed.get_json()
    weighed = desk.weigh(proposed.get_json()["id"])
    assert weighed.status_code == 201, weighed.get_json()
    published = desk.approve(weighed.get_json()["approval"]["id"])
    assert published.status_code == 201, published.get_json()

    after = desk.get("/partner", token).get_json()
    assert [one["slug"] for one in after["offers"]] == [offer["slug"]]
    assert after["policy_version"] == published.get_json()["result"]["version"] != partner["policy_version"]
    _redeemed(desk, after["offers"][0]["id"])


def _redeemed(desk: Desk, offer_id: str) -> None:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
        resident = people.resident_token(session, people.resident(session))
    shown = desk.client.get(f"{API}/perks/offers/{offer_id}", token=resident)
    assert shown.status_code == 200 and shown.get_json()["stock_left"] == 3
    coupon = desk.client.post(f"{API}/perks/offers/{offer_id}/redemptions", token=resident, key=uuid4())
    assert coupon.status_code == 201, coupon.get_json()


def changed(desk: Desk, token: str, path: str, body: Any, **more: Any) -> str:
    """Propose, confirm, approve: the version that it became."""
    proposed = desk.post(path, token, body)
    assert proposed.status_code == 201, proposed.get_json()
    weighed = desk.weigh(proposed.get_json()["id"], **more)
    assert weighed.status_code == 201, weighed.get_json()
    done = desk.approve(weighed.get_json()["approval"]["id"])
    assert done.status_code == 201, done.get_json()
    return str(done.get_json()["result"]["version"])


def test_every_change_of_an_offer_is_a_version_and_its_partner_reads_them(desk: Desk) -> None:
    partner, token = desk.partner()
    offer = offer_of(partner)
    first = changed(desk, token, "/partner/offer-proposals", {"offer": offer})
    second = changed(desk, token, "/partner/offer-proposals", {"offer": {**offer, "title": "新的名目"}})
    elsewhere = changed(desk, token, "/partner/venue-proposals", {"venue": venue(name="北门")})
    last = changed(desk, token, "/partner/offer-proposals", {"close": offer["slug"]})
    assert len({first, second, elsewhere, last}) == 4
    (shown,) = desk.get("/partner", token).get_json()["offers"]
    assert shown["status"] == "closed"
    path = f"/partner/offers/{shown['id']}/versions"
    found = desk.get(path, token).get_json()["items"]
    assert [(one["version"], one["act"]) for one in found] == [(last, "changed"), (second, "changed"), (first, "added")]
    assert {one["proposed_by"] for one in found} == {"partner"} and all(one["proposer"] for one in found)
    assert found[1]["changes"] == [{"path": "title", "before": "测试门票", "after": "新的名目"}]
    page = desk.get(path, token, limit=1).get_json()
    assert [one["version"] for one in page["items"]] == [last]
    rest = desk.get(path, token, cursor=page["next_cursor"]).get_json()["items"]
    assert [one["version"] for one in rest] == [second, first]


def test_what_the_partner_asks_to_be_paid_the_office_confirms_or_sets(desk: Desk) -> None:
    partner, token = desk.partner()
    offer = offer_of(partner, settlement_price_fen=900, funding_account="office")
    made = desk.post("/partner/offer-proposals", token, {"offer": offer}).get_json()
    silent = desk.weigh(made["id"])
    assert told(silent) == (422, "invalid-request") and silent.get_json()["errors"][0]["pointer"] == "/settlement"
    nobody = {"settlement_price_fen": 500, "funding_account": "nobody-there"}
    assert told(desk.weigh(made["id"], settlement=nobody)) == (422, "invalid-request")
    account = partner["slug"]
    weighed = desk.weigh(made["id"], settlement={"settlement_price_fen": 500, "funding_account": account})
    assert weighed.status_code == 201, weighed.get_json()
    approval = desk.get(f"/approvals/{weighed.get_json()['approval']['id']}", desk.second).get_json()
    (item,) = [one for one in approval["changes"] if one["path"].startswith("offers[")]
    assert '"settlement_price_fen": 500' in item["after"] and account in item["after"]
    assert desk.approve(approval["id"]).status_code == 201
    (shown,) = desk.get("/partner", token).get_json()["offers"]
    assert (shown["item"]["settlement_price_fen"], shown["item"]["funding_account"]) == (500, account)
    # what stands is not lost by a change that asks for nothing else
    again = changed(desk, token, "/partner/offer-proposals", {"offer": {**shown["item"], "title": "另一个名目"}})
    (shown,) = desk.get("/partner", token).get_json()["offers"]
    assert again and (shown["title"], shown["item"]["settlement_price_fen"]) == ("另一个名目", 500)


def test_a_managers_colleague_comes_in_by_the_offices_word(desk: Desk) -> None:
    partner, token = desk.partner()
    wish = {"username": f"c{uuid4().hex[:10]}", "display_name": "演示同事", "reason": "两班倒"}
    made = desk.post("/partner/staff-requests", token, wish).get_json()
    assert (made["status"], made["invitation"]) == ("proposed", "none")
    link = f"/partner/staff-requests/{made['id']}/invitation"
    assert told(desk.post(link, token)) == (409, "invitation-not-due")
    assert desk.approve(made["approval_id"], desk.first).status_code == 201
    drawn = desk.post(link, token).get_json()["link"]
    renewed = desk.post(link, token).get_json()["link"]
    dead = {"token": drawn.partition("#join=")[2]}
    assert desk.client.post(f"{API}/auth/staff/invitations", json=dead).status_code >= 400
    colleague = desk.come_in(renewed)
    assert told(desk.post(link, token)) == (409, "invitation-used")
    assert desk.get("/partner", colleague).get_json()["slug"] == partner["slug"]
    (shown,) = desk.get("/partner/staff-requests", colleague).get_json()["items"]
    assert (shown["status"], shown["invitation"]) == ("approved", "used")
