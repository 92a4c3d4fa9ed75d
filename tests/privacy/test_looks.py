"""Staff look at people: for a reason, with an authorisation, written down first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from backend.accounts.models import AttemptRow
from backend.admissions import service as admissions
from backend.consents import service as consents
from backend.kit import clock, db
from backend.kit.trail import TrailRow
from backend.perks import service as perks
from backend.privacy import looks, rules
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.privacy.conftest import API, PHONE, Full

DOCUMENT = "江宁信易〔2026〕12号"


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True)["type"]).removeprefix("/problems/")


def staff(role: str) -> tuple[people.Staff, str]:
    with db.transaction() as session:
        who = people.staff(session, role)
        return who, people.staff_token(session, who)


@pytest.fixture
def clerk(app: Flask, city: dict[str, Any]) -> tuple[people.Staff, str]:
    return staff("counter-clerk")


def look(client: CheckedClient, token: str, full: Full | None = None, **changes: Any) -> Any:
    number = full.who.id_number if full else people.id_number()
    body = {"id_number": number, "purpose": "counter-service", "authorisation": "本人在场", "fields": [], **changes}
    return client.post(f"{API}/people/looks", json=body, token=token)


def log_of(full: Full) -> list[consents.Look]:
    with db.reading() as reader:
        return consents.looks(reader, full.resident_id, 10)


def test_masked_by_default_and_clear_only_as_asked(client: CheckedClient, clerk: Any, full: Full) -> None:
    shown = look(client, clerk[1], full)
    assert shown.status_code == 201
    told = shown.get_json()
    assert (told["name"], told["phone"], told["clear"]) == (full.who.name[0] + "***", "199****1234", {})
    assert told["id_number"] == full.who.id_number[:3] + "*" * 11 + full.who.id_number[-4:]
    assert not any(secret in shown.get_data(as_text=True) for secret in full.secrets)
    asked = look(client, clerk[1], full, fields=["phone", "balance_points", "communities", "consents", "bound_at"])
    clear = asked.get_json()["clear"]
    assert (clear["phone"], clear["balance_points"], len(clear["consents"])) == (PHONE, 70, 4)
    assert clear["communities"] == ["东山街道演示社区"] and "name" not in clear
    assert full.who.name not in asked.get_data(as_text=True)


def test_the_person_reads_who_looked_at_what_and_why(client: CheckedClient, clerk: Any, full: Full) -> None:
    look_id = look(client, clerk[1], full, fields=["phone"]).get_json()["id"]
    newest = client.get(f"{API}/me/access-log", token=full.token).get_json()["items"][0]
    assert newest["id"] == look_id
    assert (newest["actor"], newest["role"], newest["organisation"]) == ("测试工作人员", "窗口工作人员", "测试单位")
    assert newest["fields"] == ["遮盖后的姓名", "手机号"] and newest["field_ids"] == ["masked_name", "phone"]
    assert newest["purpose"] == "窗口办理本人申请的事项" and "第十三条" in newest["basis"]
    assert newest["authorisation"] == "本人在场"


def test_what_is_shown_was_written_down_first(full: Full, clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the log cannot be written")

    who, _ = clerk
    asked = looks.Request(full.who.id_number, None, "counter-service", "本人在场", ("name",))
    monkeypatch.setattr(consents, "record_look", nothing)
    opened: list[object] = []
    monkeypatch.setattr(looks, "_show", lambda *told: opened.append(told))
    with pytest.raises(RuntimeError), db.transaction() as session:
        acting = looks.Clerk(who.staff_id, "counter-clerk", who.organisation_id)
        looks.look(session, acting, asked, looks.judge(session, acting, asked))
    assert opened == []


def test_a_presentation_code_for_the_counter_stands_for_the_number(
    client: CheckedClient, clerk: Any, full: Full
) -> None:
    made = client.post(f"{API}/me/presentation-codes", json={"purpose": "counter"}, token=full.token).get_json()["code"]
    shown = look(client, clerk[1], id_number=None, presentation_code=made, fields=["name"])
    assert shown.get_json()["clear"] == {"name": full.who.name}
    with clock.shifted(timedelta(minutes=2)):
        with db.transaction() as session:
            token = people.staff_token(session, clerk[0])
        late = look(client, token, id_number=None, presentation_code=made)
    assert slug(late) == "code-expired"


def test_codes_for_one_use_do_not_serve_the_other(client: CheckedClient, clerk: Any, full: Full) -> None:
    made = client.post(f"{API}/me/presentation-codes", json={"purpose": "offer"}, token=full.token).get_json()["code"]
    assert slug(look(client, clerk[1], id_number=None, presentation_code=made)) == "code-not-verified"
    with db.reading() as reader:
        counter = perks.presentation_code(reader, full.resident_id, perks.COUNTER_USE).text
        told = admissions.verify(reader, full.shop.door, counter, full.shop.offer_id)
    assert told.reason == "code-not-verified"
    for wrong in ("XY1:NONSENSE", full.token):
        assert slug(look(client, clerk[1], id_number=None, presentation_code=wrong[:400])) == "code-not-verified"


@pytest.mark.parametrize(
    ("role", "changes", "pointer"),
    [
        ("counter-clerk", {"purpose": "objection"}, "/purpose"),
        ("counter-clerk", {"purpose": "curiosity"}, "/purpose"),
        ("counter-clerk", {"fields": ["records"]}, "/fields/0"),
        ("counter-clerk", {"fields": ["phone", "birth_on"]}, "/fields/1"),
        ("counter-clerk", {"fields": ["score"]}, "/fields/0"),
        ("counter-clerk", {"authorisation": "看看"}, "/authorisation"),
        ("counter-clerk", {"authorisation": "没有案号的说明"}, "/authorisation"),
        ("counter-clerk", {"authorisation": "身份证11010519491231002X"}, "/authorisation"),
        ("counter-clerk", {"authorisation": "电话13812345678"}, "/authorisation"),
        ("counter-clerk", {"id_number": None}, "/id_number"),
        ("counter-clerk", {"presentation_code": "XY1:A"}, "/id_number"),
        ("office", {}, "/authorisation"),
        ("office", {"authorisation": "  本人在场 "}, "/authorisation"),
    ],
)
def test_a_look_without_its_reason_is_refused_and_leaves_no_trace(
    client: CheckedClient, full: Full, role: str, changes: dict[str, Any], pointer: str
) -> None:
    _, token = staff(role)
    before = len(log_of(full))
    answer = look(client, token, full, **changes)
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    assert answer.get_json(force=True)["errors"][0]["pointer"] == pointer
    assert len(log_of(full)) == before


def test_the_office_looks_under_a_case_number(client: CheckedClient, full: Full) -> None:
    _, token = staff("office")
    shown = look(client, token, full, purpose="objection", authorisation=DOCUMENT, fields=["name", "records"])
    assert shown.get_json()["clear"]["name"] == full.who.name
    assert shown.get_json()["clear"]["records"][0]["status"] == "active"
    assert log_of(full)[0].authorisation == DOCUMENT


@pytest.mark.parametrize("role", ["account-admin", "auditor", "community-worker", "data-officer"])
def test_others_may_not_look(client: CheckedClient, full: Full, role: str) -> None:
    _, token = staff(role)
    answer = look(client, token, full)
    assert (answer.status_code, slug(answer), answer.get_json(force=True)["permission"]) == (
        403,
        "not-allowed",
        "people.look",
    )


def test_an_unknown_number_is_not_found_and_the_attempt_stays_without_it(client: CheckedClient, clerk: Any) -> None:
    number = people.id_number()
    for wrong in (number, "110105194912310021", "无此号码"):
        answer = look(client, clerk[1], id_number=wrong)
        assert (answer.status_code, slug(answer)) == (404, "not-found")
    table = TrailRow.__table__
    with db.reading() as reader:
        rows = reader.execute(table.select().where(table.c.actor_id == clerk[0].staff_id)).all()
    assert [row.action for row in rows] == ["people.look-for-unknown"] * 3
    assert all(row.subject_id == "" and number not in str(row) for row in rows)


def test_a_clerk_looks_so_often_a_day_and_no_more(client: CheckedClient, clerk: Any, full: Full) -> None:
    table = AttemptRow.__table__
    for _ in range(2):
        assert look(client, clerk[1], full).status_code == 201
    with db.transaction() as session:
        session.execute(table.update().where(table.c.kind == looks.ATTEMPT).values(tries=99))
    assert look(client, clerk[1]).status_code == 404  # one that finds nobody counts as well
    seen = len(log_of(full))
    refused = look(client, clerk[1], full)
    assert (refused.status_code, slug(refused)) == (429, "too-many-attempts")
    assert refused.get_json(force=True)["retry_at"] and len(log_of(full)) == seen
    _, other = staff("counter-clerk")
    assert look(client, other, full).status_code == 201


@pytest.mark.parametrize("text", ["本人在场", DOCUMENT, "投诉 2026-117", "(2026)苏0115民初88号"])
def test_what_authorises_a_clerk(text: str) -> None:
    assert rules.authorisation_problem(text, at_counter=True) is None


def test_each_look_stands_in_the_log(client: CheckedClient, clerk: Any, full: Full) -> None:
    before = len(log_of(full))
    first, second = (look(client, clerk[1], full).get_json()["id"] for _ in range(2))
    assert first != second and len(log_of(full)) == before + 2
