"""Strangers apply: floods, guesses, repeats, junk; and what is kept of whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, text

from backend.kit import city as cities
from backend.kit import clock, db, trail
from backend.kit.city import PolicyRow
from backend.kit.clock import shifted
from backend.offers import service as offers
from backend.partners import jobs, models
from backend.web import limits
from tests.factories import accounts as people
from tests.partners.conftest import API, Desk, application, slug, told, venue


def test_one_application_at_a_time_for_a_code(desk: Desk) -> None:
    made = desk.applied()
    code = made["body"]["unified_social_credit_code"]
    assert told(desk.apply(application(unified_social_credit_code=code))) == (409, "application-open")
    assert desk.judge(made, "refused").status_code == 201
    assert desk.apply(application(unified_social_credit_code=code)).status_code == 201


def test_who_is_a_partner_already_does_not_apply(desk: Desk) -> None:
    made = desk.admitted()
    code = made["unified_social_credit_code"]
    assert told(desk.apply(application(unified_social_credit_code=code))) == (409, "already-a-partner")


def test_a_repeat_of_the_request_gets_the_same_token_and_no_other_request_does(desk: Desk) -> None:
    body, key = application(), uuid4()
    first, again = desk.apply(body, key), desk.apply(body, key)
    assert first.get_json() == again.get_json() and first.status_code == again.status_code == 201
    other = desk.apply({**body, "intends": "另一种打算"}, key)
    assert told(other) == (409, "idempotency-conflict") and first.get_json()["follow_token"] not in other.text


def test_nobody_follows_an_application_by_its_id_or_by_another_token(desk: Desk) -> None:
    made, other = desk.applied(), desk.applied()
    bad = ["x", "pf1.", other["follow_token"], made["follow_token"][:-1], made["follow_token"] + "A",
           made["follow_token"].swapcase(), "pf1." + "A" * 43]  # fmt: skip
    for token in bad:
        for method, act, body in (("GET", "", None), ("PUT", "", correction(made)), ("POST", "/withdrawal", None),
                                  ("POST", "/invitation", None)):  # fmt: skip
            answer = desk.follow(made, method, act, token, json=body)
            assert told(answer) == (404, "not-found"), (token, method)
    unknown = desk.follow({**made, "id": str(uuid4())})
    assert unknown.status_code == 404
    wrong = desk.follow(made, token="pf1." + "A" * 43)
    shown = [{k: v for k, v in one.get_json().items() if k != "instance"} for one in (unknown, wrong)]
    assert shown[0] == shown[1], "a wrong id and a wrong token look the same"


def correction(made: dict[str, Any], **changes: Any) -> dict[str, Any]:
    said = {name: value for name, value in made["body"].items() if name != "statement_of_truth"}
    return {**said, **changes}


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"venues": [venue(lat="同")]}, "/venues/0/lat"), ({"venues": [venue(lon="118.8")]}, "/venues/0/lon"),
        ({"venues": [venue(lat=True)]}, "/venues/0/lat"), ({"venues": [venue(lat=91.0)]}, "/venues/0/lat"),
        ({"venues": [venue(lon=-118.8)]}, "/venues/0/lon"), ({"venues": []}, "/venues"),
        ({"venues": [venue()] * 21}, "/venues"), ({"name": '=HYPERLINK("http://x")'}, "/name"),
        ({"name": "<script>alert(1)</script>"}, "/name"), ({"name": "甲<b>"}, "/name"), ({"name": "@SUM(A1)"}, "/name"),
        ({"venues": [venue(name="+1")]}, "/venues/0/name"), ({"contact_name": "-1+1"}, "/contact_name"),
        ({"statement_of_truth": False}, "/statement_of_truth"), ({"statement_of_truth": "true"}, "/statement_of_truth"),
        ({"unified_social_credit_code": "91110000600037341M"}, "/unified_social_credit_code"),
        ({"scenes": ["no-such"]}, "/scenes/0"), ({"scenes": ["ting", "ting"]}, "/scenes"),
        ({"contact_phone": "同同同同同同"}, "/contact_phone"), ({"contact_email": "x"}, "/contact_email"),
        ({"intends": "长" * 2001}, "/intends"), ({"status": "approved"}, "/status"),
    ],
)  # fmt: skip
def test_junk_is_refused_by_the_name_of_its_field(desk: Desk, changes: dict[str, Any], at: str) -> None:
    answer = desk.apply(application(**changes))
    assert told(answer) == (422, "invalid-request")
    assert any(one["pointer"].startswith(at) for one in answer.get_json()["errors"]), answer.get_json()


def test_a_huge_body_is_not_read(desk: Desk) -> None:
    assert told(desk.apply(application(intends="长" * 200_000))) == (413, "content-too-large")


def test_whoever_floods_is_counted_by_address() -> None:
    for name in ("apply_as_partner", "correct_application", "withdraw_application", "draw_partner_invitation"):
        assert limits.OF_OPERATION[name] == "apply"
    assert limits.LIMITS["apply"].by == "address" and limits.LIMITS["apply"].rate.most <= 20


def test_another_organisation_is_not_slipped_in_by_a_correction(desk: Desk) -> None:
    made = desk.applied()
    assert told(desk.follow(made, "PUT", json=correction(made))) == (409, "case-decided")
    desk.judge(made, "returned")
    other = application()["unified_social_credit_code"]
    changed = desk.follow(made, "PUT", json=correction(made, unified_social_credit_code=other))
    assert told(changed) == (422, "invalid-request")


def test_the_contact_is_sealed_shown_to_the_office_and_each_look_noted(desk: Desk) -> None:
    made = desk.applied()
    name, phone = made["body"]["contact_name"], made["body"]["contact_phone"]
    with db.reading() as reader:
        row = reader.execute(select(models.applications).where(models.applications.c.id == UUID(made["id"]))).one()
        assert name not in repr(row) and phone not in repr(row)
        everything = reader.execute(text("SELECT detail FROM trail")).scalars().all()
        assert phone not in repr(everything)
    followed = desk.follow(made)
    assert name not in followed.text and phone not in followed.text
    path = f"/partners/applications/{made['id']}"
    assert desk.get(f"{path}/review", desk.first).get_json()["contact"]["phone"] == phone
    audited = desk.get(f"{path}/review", desk.auditor)
    assert audited.get_json()["contact"] is None and phone not in audited.text
    listed = desk.get("/partners/applications", desk.first)
    judged = desk.judge(made, "refused")
    assert phone not in listed.text and phone not in judged.text
    with db.reading() as reader:
        acts = trail.acts(reader, {"subject_id": made["id"]}, trail.Times(), 20)
    assert [one.action for one in acts if one.action == "partners.look"] == ["partners.look"] * 2
    assert {one.detail["contact"] for one in acts if one.action == "partners.look"} == {True, False}


def test_the_contact_of_a_closed_application_is_deleted_when_its_period_is_over(desk: Desk) -> None:
    refused, open_still = desk.applied(), desk.applied()
    desk.judge(refused, "refused")
    until = desk.follow(refused).get_json()["contact_until_on"]
    assert until == (clock.today() + timedelta(days=90)).isoformat()
    jobs.forget_contacts(clock.today() + timedelta(days=90))
    assert desk.follow(refused).get_json()["contact"] is not None
    jobs.forget_contacts(clock.today() + timedelta(days=91))
    assert desk.follow(refused).get_json()["contact"] is None
    assert desk.follow(open_still).get_json()["contact"] is not None


def test_a_returned_application_lapses_and_its_code_is_free_again(desk: Desk) -> None:
    made = desk.applied()
    desk.judge(made, "returned")
    jobs.lapse_returned(clock.today() + timedelta(days=30))
    assert desk.follow(made).get_json()["status"] == "returned"
    jobs.lapse_returned(clock.today() + timedelta(days=32))
    assert desk.follow(made).get_json()["status"] == "lapsed"
    code = made["body"]["unified_social_credit_code"]
    assert desk.apply(application(unified_social_credit_code=code)).status_code == 201


def test_hints_say_whether_the_name_is_the_codes(desk: Desk) -> None:
    made = desk.applied()
    slugs = [
        one["slug"] for one in desk.get(f"/partners/applications/{made['id']}/review", desk.first).get_json()["hints"]
    ]
    assert slugs == ["entity-unknown", "nothing-published"]


def test_a_slug_that_is_anothers_is_not_taken_over(desk: Desk) -> None:
    made = desk.applied()
    for taken in ("tangshan-hotel", "Bad Slug", "a--b"):
        assert told(desk.judge(made, slug=taken)) == (422, "invalid-request")
    assert desk.follow(made).get_json()["status"] == "submitted"


def test_several_are_approved_on_one_day_and_what_was_shown_against_another_version_is_renewed(desk: Desk) -> None:
    one, other = desk.applied(), desk.applied()
    first, second = (desk.judge(made).get_json()["approval"]["id"] for made in (one, other))
    assert desk.approve(first).status_code == 201
    late = desk.approve(second)
    assert told(late) == (409, "execution-refused") and late.get_json()["because"] == "approval-outdated"
    renewed = desk.judge(other, token=desk.third)
    assert renewed.status_code == 201, renewed.get_json()
    anew = renewed.get_json()["approval"]["id"]
    assert anew != second and desk.get(f"/approvals/{second}", desk.first).get_json()["state"] == "withdrawn"
    assert desk.approve(anew, desk.first).status_code == 201
    versions = {desk.follow(made).get_json()["policy_version"] for made in (one, other)}
    assert len(versions) == 2 and all(version.startswith(clock.today().isoformat()) for version in versions)


def test_an_approval_of_another_day_begins_on_that_day(desk: Desk) -> None:
    made = desk.applied()
    approval = desk.judge(made).get_json()["approval"]["id"]
    with shifted(timedelta(days=3)):
        with db.transaction() as session:
            later = people.staff_token(session, people.staff(session))
        done = desk.approve(approval, later)
        assert done.status_code == 201, done.get_json()
        assert done.get_json()["result"]["effective_on"] == clock.today().isoformat()
    with db.transaction() as session:  # it begins in the future of all other tests
        session.execute(delete(PolicyRow).where(PolicyRow.version == done.get_json()["result"]["version"]))
    cities._seen.clear()


def test_one_that_was_not_approved_is_with_the_office_again(desk: Desk) -> None:
    made = desk.applied()
    judged = desk.judge(made).get_json()
    assert told(desk.judge(made, "refused")) == (409, "case-decided")
    assert desk.approve(judged["approval"]["id"], decision="reject").status_code == 201
    seen = desk.follow(made).get_json()
    assert (seen["status"], seen["approval"]["state"]) == ("submitted", "rejected")
    assert desk.judge(made, "refused").status_code == 201
    assert told(desk.judge(made)) == (409, "case-decided")


def test_an_applicant_who_withdraws_takes_the_proposal_along(desk: Desk) -> None:
    made = desk.applied()
    approval = desk.judge(made).get_json()["approval"]["id"]
    assert desk.follow(made, "POST", "/withdrawal").get_json()["status"] == "withdrawn"
    assert desk.follow(made, "POST", "/withdrawal").status_code == 200
    assert told(desk.approve(approval)) == (409, "approval-closed")


def test_a_link_that_was_drawn_again_voids_the_one_before(desk: Desk) -> None:
    made = desk.admitted()
    first = desk.follow(made, "POST", "/invitation").get_json()["link"]
    assert desk.follow(made).get_json()["invitation"] == "drawn"
    second = desk.follow(made, "POST", "/invitation").get_json()["link"]
    dead = {"token": first.partition("#join=")[2]}
    assert slug(desk.client.post(f"{API}/auth/staff/invitations", json=dead)) == "invitation-not-valid"
    assert desk.come_in(second) and desk.follow(made).get_json()["invitation"] == "used"


def test_the_citys_file_loaded_again_does_not_take_a_partner_back(desk: Desk, city: dict[str, Any]) -> None:
    made = desk.admitted()
    organisation = made["organisation_id"]
    with db.transaction() as session:
        cities.load(session, city)
    with db.reading() as reader:
        assert offers.partner_venues(reader, [UUID(organisation)])
