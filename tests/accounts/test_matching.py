"""Finding the people of a department's file."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.models import PersonRow
from tests.factories.accounts import id_number


def test_people_are_found_made_and_kept_apart_in_one_pass(session: Session) -> None:
    known, new = id_number(), id_number()
    resident_id = accounts.ensure_person(session, "测试甲子", known)
    rows = [
        ("测试甲子", known.lower()), ("测 试甲子", f" {known}"), ("测试乙丑", known), ("测试丙寅", new),
        ("测试丙寅", new.lower()), ("测试丁卯", new), ("x", new), ("测试戊辰", "110105194912310021"),
    ]  # fmt: skip
    matches = accounts.match_people(session, rows)
    assert [match.verdict for match in matches] == [
        "known", "known", "mismatch", "made", "made", "mismatch", "invalid", "invalid"
    ]  # fmt: skip
    assert [match.resident_id for match in matches[:3]] == [resident_id, resident_id, None]
    assert matches[3].resident_id == matches[4].resident_id == accounts.find_person(session, new)
    again = accounts.match_people(session, rows)
    assert [match.verdict for match in again[3:6]] == ["known", "known", "mismatch"]
    assert accounts.open_person(session, resident_id).name == "测试甲子"


def test_a_file_of_thousands_makes_each_person_once(session: Session) -> None:
    rows = [("测试甲子", id_number()) for _ in range(1200)]
    before = session.execute(select(func.count()).select_from(PersonRow)).scalar_one()
    matches = accounts.match_people(session, rows + rows)
    assert {match.verdict for match in matches} == {"made"} and len({m.resident_id for m in matches}) == 1200
    assert session.execute(select(func.count()).select_from(PersonRow)).scalar_one() == before + 1200
