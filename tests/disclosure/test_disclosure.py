"""Exporting personal data: by two, once, in time, by its proposer; written down before it is shown."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.disclosure import rules
from backend.kit import clock, db
from backend.records.models import records
from tests.approvals.conftest import Office, slug
from tests.approvals.conftest import office as office  # the fixture
from tests.factories import accounts as people
from tests.factories.perks import give_points

EVERYTHING = ["name", "id_number", "phone", "wallet", "records", "consents"]
BODY = {"fields": ["name", "id_number"], "purpose": "协助核查冒领", "legal_basis": "测试法第一条",
        "document_no": "测函〔2026〕7号", "reason": "应来函办理"}  # fmt: skip


def propose(office: Office, wanted: list[dict[str, str]], **changes: Any) -> Any:
    return office.send("/approvals/exports", office.first, {**BODY, "people": wanted, **changes})


def approved(office: Office, wanted: list[dict[str, str]], **changes: Any) -> str:
    made = propose(office, wanted, **changes)
    assert made.status_code == 201, made.get_json()
    assert office.decide(made.get_json()).status_code == 201
    return f"/approvals/{made.get_json()['id']}/export"


def rows(answer: Any, name: str = "people.csv") -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(answer.get_data())) as archive:
        return list(csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig"))))


def looks(office: Office) -> list[dict[str, Any]]:
    with db.transaction() as session:
        token = people.resident_token(session, office.resident)
    found: list[dict[str, Any]] = office.read("/me/access-log", token).get_json()["items"]
    return found


def test_an_approved_export_is_downloaded_by_its_proposer_and_everyone_in_it_can_read_so(office: Office) -> None:
    me = office.resident
    with db.transaction() as session:
        give_points(session, me.resident_id, 9)
    stranger = people.id_number()
    wanted = [{"id_number": me.id_number}, {"id_number": stranger}, {"resident_id": str(me.resident_id)}]
    path = approved(office, wanted, fields=EVERYTHING)
    assert looks(office) == []
    answer = office.read(path)
    assert answer.status_code == 200 and answer.mimetype == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    header, first, second, third, *marks = rows(answer)
    assert header[:4] == ["序号", "查询所用", "居民编号", "登记情况"]
    assert first[3:6] == ["有", me.name, me.id_number] and third[3:6] == first[3:6]
    assert second[2:6] == ["", "没有登记", "", ""] and stranger not in str(second)
    marked = str(marks)
    assert all(text in marked for text in ("测试工作人员", "协助核查冒领", "测试法第一条", "测函〔2026〕7号"))
    assert rows(answer, "wallet.csv")[1][2] == "9"
    (look,) = looks(office)
    assert (look["purpose"], look["field_ids"], look["role"]) == ("协助核查冒领", EVERYTHING, "项目办公室")
    assert look["fields"] == ["姓名", "身份证号", "手机号", "积分明细", "信用档案", "同意事项"]
    assert look["authorisation_id"] == f"approval:{path.split('/')[2]}"
    assert look["basis"] == "测试法第一条（测函〔2026〕7号）" and look["organisation"] == "测试单位"


def test_it_is_downloaded_once(office: Office) -> None:
    path = approved(office, [{"resident_id": str(office.resident.resident_id)}])
    head = partial(office.client.head, f"/api/v1{path}", headers={"Authorization": f"Bearer {office.first}"})
    asked = head()
    assert (asked.status_code, asked.mimetype, asked.data) == (200, "application/zip", b"") and looks(office) == []
    assert office.read(path).status_code == 200
    assert head().status_code == 410
    again = office.read(path)
    assert (again.status_code, slug(again)) == (410, "export-used")
    assert len(looks(office)) == 1


def test_nobody_else_downloads_it_not_even_who_approved(office: Office) -> None:
    path = approved(office, [{"resident_id": str(office.resident.resident_id)}])
    assert office.read(path, office.second).status_code == 404
    assert slug(office.read(path, office.auditor)) == "not-allowed"
    assert looks(office) == []


def test_it_is_not_downloaded_before_the_approval_nor_after_a_day(office: Office) -> None:
    me = [{"resident_id": str(office.resident.resident_id)}]
    made = propose(office, me).get_json()
    assert office.read(f"/approvals/{made['id']}/export").status_code == 404
    office.decide(made, decision="reject")
    assert office.read(f"/approvals/{made['id']}/export").status_code == 404
    with db.transaction() as session:
        who = people.staff(session, "office", office.organisation_id)
        office.first = people.staff_token(session, who)
    path = approved(office, me)
    with clock.shifted(timedelta(hours=24)):
        with db.transaction() as session:
            token = people.staff_token(session, who)
        late = office.read(path, token)
    assert (late.status_code, slug(late)) == (410, "export-expired")
    assert looks(office) == []


def test_a_proposal_does_not_tell_who_is_registered(office: Office) -> None:
    known, unknown = office.resident.id_number, people.id_number()
    told = [propose(office, [{"id_number": one}]).get_json() for one in (known, unknown)]
    plain = [json.dumps({k: v for k, v in one.items() if k in ("summary", "payload")}) for one in told]
    assert plain[0].replace(known[:3], "").replace(known[-4:], "") == plain[1].replace(unknown[:3], "").replace(
        unknown[-4:], ""
    )
    assert known not in str(told) and str(office.resident.resident_id) not in str(told)


def test_a_thousand_people_are_the_most(office: Office) -> None:
    many = [{"resident_id": str(uuid4())} for _ in range(1001)]
    refused = propose(office, many)
    assert (refused.status_code, refused.get_json()["errors"][0]["pointer"]) == (422, "/people")
    path = approved(office, many[:1000], fields=EVERYTHING)
    answer = office.read(path)
    assert [row[3] for row in rows(answer)[1:1001]] == ["没有登记"] * 1000


@pytest.mark.parametrize(("change", "pointer"), [
    ({"people": [{}]}, "/people/0"), ({"people": []}, "/people"), ({"fields": ["name", "name"]}, "/fields"),
    ({"fields": ["score"]}, "/fields/0"), ({"fields": []}, "/fields"), ({"purpose": "x"}, "/purpose"),
    ({"people": [{"resident_id": str(uuid4()), "id_number": "11010519491231002X"}]}, "/people/0"),
    ({"people": [{"id_number": "110105194912310021"}]}, "/people/0/id_number"),
])  # fmt: skip
def test_what_is_no_export_is_refused_by_its_field(office: Office, change: dict[str, Any], pointer: str) -> None:
    answer = office.send("/approvals/exports", office.first, {**BODY, **change})
    if "people" not in change:
        answer = propose(office, [{"resident_id": str(uuid4())}], **change)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, pointer), answer.get_json()


def test_what_is_repaired_withdrawn_or_over_is_not_shared(office: Office, insert_record: Callable[..., None]) -> None:
    me = office.resident.resident_id
    today = clock.today()
    for status in ("active", "disputed", "repaired", "withdrawn", "expired"):
        insert_record(me, status, today)
    insert_record(me, "active", today - timedelta(days=1), title="已过使用期")
    answer = office.read(approved(office, [{"resident_id": str(me)}], fields=["records"]))
    shown = [row for row in rows(answer, "records.csv")[1:] if row and row[0] == str(me)]
    assert sorted(row[7] for row in shown) == ["存在异议", "有效"]
    assert "已过使用期" not in str(shown)


@pytest.fixture
def insert_record(database: db.Database) -> Callable[..., None]:
    def insert(resident_id: Any, status: str, until: Any, title: str = "=cmd|' /C calc'!A0") -> None:
        values = dict(
            resident_id=resident_id, id=uuid4(), version=1, item_code="test", effect="favourable",
            source_organisation_id=None, source_name="测试部门", document_no=uuid4().hex, title=title,
            decided_on=clock.today(), ended_on=None, counts_until_on=until, publicity_until_on=None, status=status,
            fields={}, batch_id=None, known_from=clock.now(), changed_at=clock.now(), changed_by=None, change_reason="",
        )  # fmt: skip
        with db.transaction() as session:
            session.execute(records.insert().values(**values))

    return insert


def test_no_cell_is_a_formula(office: Office, insert_record: Callable[..., None]) -> None:
    me = office.resident.resident_id
    insert_record(me, "active", clock.today())
    path = approved(office, [{"resident_id": str(me)}], fields=["records"], purpose='=HYPERLINK("x")用途')
    answer = office.read(path)
    cells = [cell for name in ("people.csv", "records.csv") for row in rows(answer, name) for cell in row]
    assert any("cmd|" in cell for cell in cells)
    assert not [cell for cell in cells if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))]


@given(st.text(max_size=20))
def test_a_cell_never_begins_as_a_formula_and_loses_nothing(text: str) -> None:
    shown = rules.cell(text)
    assert not shown.lstrip(" ").startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert shown.removeprefix("'") == text.replace("\x00", "").removeprefix("'") or shown == text.replace("\x00", "")


def test_numbers_stay_numbers() -> None:
    assert (rules.cell(-5), rules.cell(None), rules.cell("-5")) == ("-5", "", "'-5")
