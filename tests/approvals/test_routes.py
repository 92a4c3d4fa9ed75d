"""Two people at work over HTTP: points, policies."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from backend.kit import city as cities
from backend.kit import clock, db
from tests.approvals.conftest import Office, slug
from tests.factories import accounts as people
from tests.factories.approval_calls import tomled

Contents = dict[str, dict[str, Any]]


def adjustment(office: Office, points: int, **changes: Any) -> Any:
    body = {"resident_id": str(office.resident.resident_id), "direction": "give" if points > 0 else "take",
            "points": abs(points), "title": "时长补记", "reason": "核对签到表后补记", **changes}  # fmt: skip
    return office.send("/approvals/points-adjustments", office.first, body)


def test_two_people_adjust_points_and_the_resident_reads_why(office: Office) -> None:
    made = adjustment(office, 30).get_json()
    assert made["own"] and made["state"] == "proposed"
    assert any("发放 30 积分" in line for line in made["summary"])
    assert office.resident.name not in json.dumps(made, ensure_ascii=False)
    seen = office.read(f"/approvals/{made['id']}", office.second).get_json()
    assert seen["digest"] == made["digest"] and not seen["own"]
    done = office.decide(seen)
    assert done.status_code == 201 and done.get_json()["state"] == "approved"
    assert office.decide(adjustment(office, -12).get_json()).status_code == 201
    with db.transaction() as session:
        token = people.resident_token(session, office.resident)
    down, up = office.read("/me/wallet/entries", token).get_json()["items"]
    assert (up["amount_points"], up["title"], up["reason"]) == (30, "时长补记", "核对签到表后补记")
    assert (down["amount_points"], down["code"], down["balance_after_points"]) == (-12, "points.adjust", 18)


def test_a_budget_that_is_short_leaves_the_proposal_open(office: Office) -> None:
    made = adjustment(office, 500).get_json()
    refused = office.decide(made)
    assert (refused.status_code, slug(refused), refused.get_json()["because"]) == (
        409, "execution-refused", "budget-exhausted"
    )  # fmt: skip
    assert "额度" in refused.get_json()["detail"]
    assert office.read(f"/approvals/{made['id']}").get_json()["state"] == "proposed"


def test_the_proposer_is_told_that_somebody_else_decides(office: Office) -> None:
    refused = office.decide(adjustment(office, 1).get_json(), office.first)
    assert (refused.status_code, slug(refused)) == (403, "own-proposal")


def test_the_auditor_reads_and_changes_nothing(office: Office) -> None:
    made = adjustment(office, 1).get_json()
    assert office.read("/approvals", office.auditor, state="proposed").get_json()["items"]
    assert office.read(f"/approvals/{made['id']}", office.auditor).status_code == 200
    for refused in (office.decide(made, office.auditor),
                    office.send(f"/approvals/{made['id']}/withdrawal", office.auditor)):  # fmt: skip
        assert slug(refused) == "not-allowed"


def test_a_role_without_the_kinds_own_permission_does_not_decide(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from backend.web import callers

    made = adjustment(office, 1).get_json()
    narrowed = replace(callers.PERMISSIONS["points.approve"], roles=frozenset({"auditor"}))
    monkeypatch.setitem(callers.PERMISSIONS, "points.approve", narrowed)
    refused = office.decide(made)
    assert (slug(refused), refused.get_json()["permission"]) == ("not-allowed", "points.approve")


def test_lists_go_by_state_and_page_by_page(office: Office) -> None:
    made = [adjustment(office, 1).get_json()["id"] for _ in range(3)]
    office.send(f"/approvals/{made[0]}/withdrawal", office.first)
    page = office.read("/approvals", state="proposed", limit="1").get_json()
    assert page["items"][0]["id"] == made[2] and page["next_cursor"]
    then = office.read("/approvals", state="proposed", limit="1", cursor=page["next_cursor"]).get_json()
    assert then["items"][0]["id"] == made[1]
    assert made[0] in {one["id"] for one in office.read("/approvals", state="withdrawn").get_json()["items"]}


def test_points_taken_have_no_end_and_a_stranger_office_is_not_named(office: Office) -> None:
    ends = {"expires_on": clock.today().isoformat()}
    for answer, pointer in ((adjustment(office, -1, **ends), "/expires_on"),
                            (adjustment(office, 1, organisation_id=str(uuid4())), "/organisation_id"),
                            (adjustment(office, 1, expires_on="2020-01-01"), "/expires_on")):  # fmt: skip
        assert answer.status_code == 422 and answer.get_json()["errors"][0]["pointer"] == pointer
    assert adjustment(office, 1, resident_id=str(uuid4())).status_code == 404


# --- policies ------------------------------------------------------------------------------------------------------


def deadlines(city: Contents, **changes: Any) -> dict[str, Any]:
    today = clock.today().isoformat()
    return {**copy.deepcopy(city["deadlines"]), "version": f"t.{uuid4().hex[:10]}", "effective_on": today, **changes}


def propose(office: Office, content: dict[str, Any], kind: str = "deadlines", **body: Any) -> Any:
    sent = {"kind": kind, "content": content, "reason": "按新规定调整", **body}
    return office.send("/approvals/policies", office.first, sent)


@pytest.fixture
def restored(city: Contents) -> Any:
    """The city's own deadlines are in force again afterwards."""
    yield
    with db.transaction() as session:
        cities.load(session, {"deadlines": deadlines(city)})


def test_a_policy_is_published_by_two_and_shown_as_a_difference(office: Office, city: Contents, restored: Any) -> None:
    content = deadlines(city)
    content["clocks"][0]["workdays"] += 1
    made = propose(office, content)
    assert made.status_code == 201, made.get_json()
    changes = {one["path"]: (one["before"], one["after"]) for one in made.get_json()["changes"]}
    name, days = content["clocks"][0]["id"], content["clocks"][0]["workdays"]
    assert changes[f"clocks[id={name}].workdays"] == (str(days - 1), str(days))
    assert set(changes) <= {f"clocks[id={name}].workdays", "version", "effective_on"}
    with db.reading() as reader:
        assert cities.get(reader, "deadlines").version != content["version"]
    done = office.decide(made.get_json()).get_json()
    assert done["result"]["version"] == content["version"]
    with db.reading() as reader:
        assert cities.get(reader, "deadlines").content == content
    shown = office.read(f"/city/policies/deadlines/{content['version']}", office.auditor).get_json()
    assert shown["content"] == content and shown["in_force"]
    listed = office.read("/city/policies", limit="100").get_json()["items"]
    assert [one["version"] for one in listed if one["kind"] == "deadlines" and one["in_force"]] == [content["version"]]


def test_the_text_of_a_file_is_as_good_as_its_structure(office: Office, city: Contents) -> None:
    content = deadlines(city)
    sent = {"kind": "deadlines", "toml": tomled(content), "reason": "文件上传"}
    made = office.send("/approvals/policies", office.first, sent)
    assert made.status_code == 201 and made.get_json()["payload"]["content"] == content
    whole = office.read("/city/policies", office.auditor, limit="1")
    assert whole.status_code == 200


def test_every_problem_of_a_policy_is_listed_when_it_is_proposed(office: Office, city: Contents) -> None:
    yesterday = (clock.today() - timedelta(days=1)).isoformat()
    scoring = {**copy.deepcopy(city["scoring"]), "version": city["scoring"]["version"], "effective_on": yesterday}
    scoring["base"] = "高"
    refused = propose(office, scoring, "scoring")
    assert (refused.status_code, slug(refused)) == (422, "city-refused")
    told = "\n".join(refused.get_json()["problems"])
    assert "已经过去" in told and "已载入且不可更改" in told and len(refused.get_json()["problems"]) >= 2


@pytest.mark.parametrize("kind", cities.KINDS)
@pytest.mark.parametrize("spoil", ["empty", "lists", "numbers", "texts"])
def test_a_misshapen_policy_is_refused_and_never_breaks_anything(
    office: Office, city: Contents, kind: str, spoil: str
) -> None:
    plain: dict[str, Any] = {"empty": {}, "lists": [], "numbers": 7, "texts": "x"}
    content = dict.fromkeys(city[kind], plain[spoil]) | {"version": "t.x", "effective_on": clock.today().isoformat()}
    refused = propose(office, content, kind)
    assert (refused.status_code, slug(refused)) == (422, "city-refused"), refused.get_json()
    assert refused.get_json()["problems"]


@pytest.mark.parametrize(("kind", "lost", "problem"), [
    ("city", lambda content: content["limits"].pop("pack_valid_hours"), "缺少 limits.pack_valid_hours"),
    ("city", lambda content: content["limits"].update(pack_valid_hours="24"), "limits.pack_valid_hours 应为整数"),
    ("city", lambda content: content["districts"][3].pop("lat"), "缺少 districts[3].lat"),
    ("deadlines", lambda content: content["clocks"][2].pop("workdays"), "缺少 clocks[2].workdays"),
])  # fmt: skip
def test_what_everybody_counts_on_does_not_get_lost(
    office: Office, city: Contents, kind: str, lost: Any, problem: str
) -> None:
    content = {**copy.deepcopy(city[kind]), "version": "t.lost", "effective_on": clock.today().isoformat()}
    lost(content)
    assert propose(office, content, kind).get_json()["problems"] == [f"{kind}.toml：{problem}"]


@pytest.mark.parametrize(("sent", "pointer"), [
    ({"toml": "a = "}, "/toml"), ({"toml": "x = " + "[" * 5000}, "/toml"), ({"toml": "a = nan"}, "/toml"),
    ({"toml": "a = 12:30:00"}, "/toml"), ({"toml": "#" + "长" * 70_000}, "/toml"), ({}, "/toml"),
    ({"toml": "a = 1", "content": {"a": 1}}, "/toml"), ({"content": {"a": "\x00"}}, "/content"),
    ({"content": {"a": 1e999}}, "/content"), ({"toml": 'a = "\\u0000"'}, "/toml"),
])  # fmt: skip
def test_what_is_no_policy_is_refused_by_its_field(office: Office, sent: dict[str, Any], pointer: str) -> None:
    body = {"kind": "deadlines", "reason": "测试用", **sent}
    data = json.dumps(body).replace("Infinity", "1e999")
    answer = office.client.post("/api/v1/approvals/policies", data=data, content_type="application/json",
                                token=office.first, key=uuid4())  # fmt: skip
    if answer.status_code == 413:
        return
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, pointer), answer.get_json()


def test_a_version_that_was_overtaken_is_not_published(office: Office, city: Contents, restored: Any) -> None:
    first, second = (propose(office, deadlines(city)).get_json() for _ in range(2))
    assert office.decide(first).status_code == 201
    refused = office.decide(second)
    assert (slug(refused), refused.get_json()["because"]) == ("execution-refused", "approval-outdated")


def test_a_first_day_that_has_passed_meanwhile_is_refused(office: Office, city: Contents) -> None:
    made = propose(office, deadlines(city)).get_json()
    with clock.shifted(timedelta(days=1)):
        with db.transaction() as session:
            second = people.staff_token(session, people.staff(session))
        refused = office.decide(made, second)
    assert (slug(refused), refused.get_json()["because"]) == ("execution-refused", "city-refused")


def test_an_unknown_kind_or_version_is_not_found(office: Office, city: Contents) -> None:
    for path in ("/city/policies/demo/1", "/city/policies/deadlines/none", "/city/policies/x/y"):
        assert office.read(path).status_code == 404
