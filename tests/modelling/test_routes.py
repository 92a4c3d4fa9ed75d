"""From a draft to a published version over HTTP, and the rule for anybody to read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from backend.kit import city as cities
from backend.kit import clock, db, outbox, trail
from backend.modelling import service
from config.settings import ROOT
from tests.approvals.conftest import Office, office, slug
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.modelling.helpers import AFAR, draft_of, scored

__all__ = ["office"]
City = dict[str, dict[str, Any]]
FOLDER = ROOT / "config" / "cities" / "320115"


@pytest.fixture(autouse=True)
def _swept(city: City) -> Iterator[None]:
    """No version of a test stays."""
    yield
    with db.transaction() as session:
        session.execute(delete(cities.PolicyRow).where(cities.PolicyRow.version.like("t.%")))


def made(answer: Any) -> Any:
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def drafted(office: Office, content: dict[str, Any]) -> Any:
    return made(office.send("/score-drafts", office.first, {"content": content}))


def simulated(office: Office, draft: Any) -> Any:
    path = f"/score-drafts/{draft['id']}/simulations"
    with db.transaction() as session:
        scored(session, [])
    begun = made(office.send(path, office.first))
    assert (begun["state"], begun["result"]) == ("waiting", None)
    outbox._after[service.BEGUN]["modelling"]({"simulation_id": begun["id"]})
    done = office.read(f"{path}/{begun['id']}", office.auditor).get_json()
    assert done["state"] == "done" and done["result"]["moves"]
    return done


def proposed(office: Office, draft: Any) -> Any:
    return office.send(f"/score-drafts/{draft['id']}/proposal", office.first, {"reason": "按新规定调整"})


def numbered(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


def test_a_faulty_draft_is_kept_with_the_place_of_each_problem_and_goes_no_further(office: Office) -> None:
    text = (FOLDER / "scoring.toml").read_text("utf-8").replace("points = 15", "points = 0", 1)
    text = text.replace('id = "qualified"', 'id = "qualified"\nprice = 2', 1)
    draft = made(office.send("/score-drafts", office.first, {"toml": text}))
    found = {(one["file"], one["line"]): one["text"] for one in draft["problems"]}
    assert draft["state"] == "faulty" and "不能有 price" in found["scoring.toml", numbered(text, "price = 2")]
    text = text.replace("price = 2\n", "")
    draft = made(office.send("/score-drafts", office.first, {"toml": text}))
    told = [(one["place"], one["line"], one["text"]) for one in draft["problems"]]
    assert ("指标 promise-kept", numbered(text, "points = 0"), "points 不能为 0") in told
    assert any("已载入且不可更改" in text for *_, text in told) and any("已经过去" in text for *_, text in told)
    for refused in (office.send(f"/score-drafts/{draft['id']}/simulations", office.first), proposed(office, draft)):
        assert (refused.status_code, slug(refused)) == (409, "draft-faulty")
        assert len(refused.get_json()["problems"]) == len(draft["problems"])


def test_what_is_no_toml_is_refused_with_its_line(office: Office) -> None:
    refused = office.send("/score-drafts", office.first, {"toml": 'version = "1"\n[[levels]\n'})
    (error,) = refused.get_json()["errors"]
    assert (refused.status_code, error["pointer"]) == (422, "/toml") and error["detail"].startswith("第 2 行第 9 列")


def test_a_draft_is_tried_proposed_and_published_by_two(office: Office, city: City) -> None:
    content = draft_of(city, AFAR, promise_kept=20)
    draft = drafted(office, content)
    direct = {"kind": "scoring", "content": content, "reason": "按新规定调整"}
    for refused in (office.send("/approvals/policies", office.first, direct), proposed(office, draft)):
        told = refused.get_json()
        assert (refused.status_code, slug(refused), told["step"]) == (409, "step-missing", "simulation")
        assert told["path"] == f"/api/v1/score-drafts/{draft['id']}/simulations"
    done = simulated(office, draft)
    approval = made(proposed(office, draft))
    assert [line for line in done["result"]["summary"] if line not in approval["summary"]] == []
    assert any("模拟" in line and city["scoring"]["version"] in line for line in approval["summary"])
    assert slug(proposed(office, draft)) == "draft-proposed"
    assert slug(office.decide(approval, office.first)) == "own-proposal"
    assert made(office.decide(approval))["state"] == "approved"
    shown = office.read(f"/score-drafts/{draft['id']}").get_json()
    assert (shown["state"], shown["approval"]["id"], shown["content"]) == ("published", approval["id"], content)
    assert shown["simulation"]["outdated_by"] is None
    (policy,) = [one for one in office.read("/score-policies").get_json()["items"] if one["state"] == "coming"]
    assert (policy["version"], policy["effective_on"]) == (content["version"], AFAR)
    with db.reading() as reader:
        noted = trail.acts(reader, {"subject_id": draft["id"]}, trail.Times(), 10)
    assert [act.action for act in noted] == ["scoring.propose", "scoring.simulate", "scoring.draft"]


def test_a_simulation_that_was_overtaken_is_neither_proposed_nor_approved(office: Office, city: City) -> None:
    first, second, third = (drafted(office, draft_of(city, AFAR, promise_kept=points)) for points in (20, 21, 22))
    for draft in (first, second, third):
        simulated(office, draft)
    ours, theirs = made(proposed(office, first)), made(proposed(office, second))
    assert made(office.decide(theirs))["state"] == "approved"
    refused = office.decide(ours)
    assert (slug(refused), refused.get_json()["because"]) == ("execution-refused", "step-missing")
    late = proposed(office, third)
    assert (slug(late), late.get_json()["step"]) == ("step-missing", "simulation-outdated")
    shown = {one["id"]: one["simulation"] for one in office.read("/score-drafts").get_json()["items"]}
    assert shown[third["id"]]["outdated_by"] == second["version"]
    assert simulated(office, third)["outdated_by"] is None
    assert proposed(office, third).status_code == 201


def test_a_draft_whose_proposal_came_to_nothing_is_proposed_again(office: Office, city: City) -> None:
    draft = drafted(office, draft_of(city, AFAR))
    simulated(office, draft)
    approval = made(proposed(office, draft))
    assert made(office.decide(approval, decision="reject"))["state"] == "rejected"
    assert office.read(f"/score-drafts/{draft['id']}").get_json()["state"] == "checked"
    assert made(proposed(office, draft))["id"] != approval["id"]


def test_a_first_day_that_has_passed_since_the_draft_is_refused(office: Office, city: City) -> None:
    draft = drafted(office, draft_of(city))
    simulated(office, draft)
    with clock.shifted(timedelta(days=1)):
        with db.transaction() as session:
            token = people.staff_token(session, people.staff(session))
        body = {"reason": "晚了一天"}
        refused = office.send(f"/score-drafts/{draft['id']}/proposal", token, body)
    assert slug(refused) == "city-refused" and "已经过去" in refused.get_json()["problems"][0]


def test_the_auditor_reads_drafts_and_makes_none(office: Office, city: City) -> None:
    content = draft_of(city)
    draft = drafted(office, content)
    assert office.read(f"/score-drafts/{draft['id']}", office.auditor).get_json()["content"] == content
    refused = office.send("/score-drafts", office.auditor, {"content": content})
    assert (slug(refused), refused.get_json()["permission"]) == ("not-allowed", "scoring.draft")


# --- for everybody ---------------------------------------------------------------------------------------------------


def test_anybody_reads_by_which_rule_residents_are_scored(client: CheckedClient, city: City) -> None:
    (now,) = [one for one in client.get("/api/v1/score-policies").get_json()["items"] if one["state"] == "in-force"]
    whole = client.get(f"/api/v1/score-policies/{now['version']}").get_json()
    told = {one["id"]: one for dimension in whole["dimensions"] for one in dimension["indicators"]}
    assert whole["version"] == city["scoring"]["version"] and whole["never_counts"]
    for raw in city["scoring"]["indicators"]:
        shown = told[raw["id"]]
        assert {name: shown[name] for name in ("points", "lasts_days", "basis")} == {
            name: raw[name] for name in ("points", "lasts_days", "basis")
        }
        assert shown["decay"] == raw.get("decay", []) and shown["item_legal_basis"]
    page = client.get("/scoring")
    text = page.get_data(as_text=True)
    for raw in city["scoring"]["indicators"]:
        assert raw["title"] in text and raw["basis"] in text
    assert page.headers["ETag"] and all(one in text for one in whole["never_counts"])
    assert re.search(r'<a href="/scoring/|aria-current="page"', text)
    for unknown in ("/api/v1/score-policies/none", "/scoring/none"):
        assert client.get(unknown).status_code == 404


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_who_would_go_where_and_keeps_nothing(app: Flask, city: City, tmp_path: Any) -> None:
    with db.transaction() as session:
        for _ in range(6):
            scored(session, [])
    run = app.test_cli_runner().invoke(args=["scores", "simulate", str(FOLDER)])
    assert run.exit_code == 0, run.output
    assert "B 良好" in run.output and "等级变化" in run.output
    for path in FOLDER.glob("*.toml"):
        text = path.read_text("utf-8")
        spoiled = text.replace("points = 15", "points = 0", 1) if path.stem == "scoring" else text
        (tmp_path / path.name).write_text(spoiled, "utf-8")
    refused = app.test_cli_runner().invoke(args=["scores", "simulate", str(tmp_path)])
    assert refused.exit_code == 1 and "points 不能为 0" in refused.output
