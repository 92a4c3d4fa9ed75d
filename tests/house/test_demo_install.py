"""The demo touches no database but its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from backend.demo import install
from backend.demo.install import MARK, Demo
from backend.kit.db import metadata
from tests.support.databases import own_database

pytestmark = [pytest.mark.once, pytest.mark.postgresql]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """A demo on a PostgreSQL database that holds a whole schema, a neighbour's table, and one person."""
    monkeypatch.setattr(install, "INSTANCE", tmp_path)
    with own_database("postgresql") as url:
        engine = create_engine(url)
        metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE neighbours (a int)"))
            person = text(
                "INSERT INTO people (resident_id, data_key, status, created_at, name_sealed, id_number_sealed) "
                "VALUES (gen_random_uuid(), '', 'active', now(), '', '')"
            )
            connection.execute(person)
        engine.dispose()
        yield Demo(8000, url, tmp_path / "database")


def tables(demo: Demo) -> set[str]:
    engine = create_engine(demo.database_url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def test_a_database_that_is_somebodys_is_refused(demo: Demo) -> None:
    with pytest.raises(SystemExit, match="not empty"):
        demo.refuse_foreign_database()


def test_reset_leaves_people_without_a_demos_mark_alone(demo: Demo) -> None:
    demo.folder.mkdir()
    with pytest.raises(SystemExit, match="left as it is"):
        demo.reset()
    assert {"people", "neighbours"} <= tables(demo)


def test_reset_drops_the_demos_tables_and_no_neighbours(demo: Demo) -> None:
    demo.folder.mkdir()
    engine = create_engine(demo.database_url)
    with engine.begin() as connection:
        made = text(
            "INSERT INTO organisations (id, slug, kind, name, created_at) "
            "VALUES (gen_random_uuid(), :mark, 'department', 'x', now())"
        )
        connection.execute(made, {"mark": MARK})
    engine.dispose()
    demo.reset()
    assert tables(demo) == {"neighbours"}
    assert not demo.folder.exists()


@pytest.mark.parametrize("port", ["abc", "80", "65535", "１２３４"])
def test_an_impossible_port_is_said_plainly(port: str) -> None:
    with pytest.raises(SystemExit, match="PORT must be between"):
        Demo.from_env({"PORT": port})
