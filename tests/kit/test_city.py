"""Versions of what a city decides: immutable, dated, and seen soon after they are loaded."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from backend.kit import city as cities
from backend.kit import clock, db
from backend.kit.city import CityMissing, CityRefused

Contents = dict[str, dict[str, Any]]


def changed(contents: Contents, **values: Any) -> Contents:
    """The deadlines alone, as another version."""
    return {"deadlines": copy.deepcopy(contents["deadlines"]) | values}


def test_the_version_in_force_is_the_latest_that_has_begun(session: Session, city: Contents) -> None:
    before = cities.get(session, "deadlines", date(2026, 12, 31)).version
    cities.load(session, changed(city, version="later", effective_on="2027-01-01"))
    assert cities.get(session, "deadlines", date(2026, 12, 31)).version == before != "later"
    assert cities.get(session, "deadlines", date(2027, 1, 1)).version == "later"
    with pytest.raises(CityMissing):
        cities.get(session, "deadlines", date(2020, 1, 1))


def test_a_loaded_version_is_never_changed_and_loading_it_again_changes_nothing(
    session: Session, city: Contents
) -> None:
    cities.load(session, changed(city))
    with pytest.raises(CityRefused) as refused:
        cities.load(session, changed(city, remark="another content"))
    assert "不可更改" in refused.value.members["problems"][0]


def test_a_read_outside_a_transaction_asks_once_and_sees_a_load_of_its_own_process(
    database: db.Database, city: Contents
) -> None:
    asked: list[str] = []
    with db.reading() as reader:
        cities.get(reader, "city")

        def hear(*args: Any) -> None:
            asked.append(args[2])

        event.listen(reader, "before_cursor_execute", hear)
        cities.get(reader, "city")
        assert asked == []
        with db.transaction() as session:
            cities.load(session, {"city": city["city"]})
        assert cities.get(reader, "city").content == city["city"]
        assert len(asked) == 1
        event.remove(reader, "before_cursor_execute", hear)


def test_a_transaction_asks_once_for_all_kinds_and_sees_its_own_load(database: db.Database, city: Contents) -> None:
    asked: list[str] = []
    with db.transaction() as session:
        cities.get(session, "city")
        event.listen(session.connection(), "before_cursor_execute", lambda *args: asked.append(args[2]))
        for kind in ("perks", "scoring", "city"):
            cities.get(session, kind)
        assert not [statement for statement in asked if "content" not in statement]
        cities.load(session, changed(city, version="just-loaded", effective_on=clock.today().isoformat()))
        asked.clear()
        assert cities.get(session, "deadlines").version == "just-loaded"
        assert cities.get(session, "scoring").content == city["scoring"]
        assert len([statement for statement in asked if "content" not in statement]) == 1
        session.rollback()


def test_every_file_of_a_city_must_be_there_and_be_toml(tmp_path: Any) -> None:
    (tmp_path / "city.toml").write_text("version = ", "utf-8")
    with pytest.raises(CityRefused) as refused:
        cities.read_folder(tmp_path)
    problems = refused.value.members["problems"]
    assert len(problems) == len(cities.KINDS)
    assert all(any(problem.startswith(f"{kind}.toml") for problem in problems) for kind in cities.KINDS)
