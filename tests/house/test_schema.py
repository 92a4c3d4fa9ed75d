"""The schema's laws: one migration head, no drift, every table says how it is distributed."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import ForeignKeyConstraint, Table, UniqueConstraint

from backend.kit import db, migrations
from backend.models import metadata

TABLES = sorted(metadata.tables.values(), key=lambda table: table.name)


def test_the_migrations_tell_the_whole_story(database: db.Database) -> None:
    assert migrations.current() == migrations.head()
    assert migrations.drift() == []


def test_there_is_one_head_and_the_revisions_are_numbered() -> None:
    scripts = ScriptDirectory(str(migrations.FOLDER))
    assert len(scripts.get_heads()) == 1
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(f"{script.revision}_")
        assert script.revision.isdecimal() and len(script.revision) == 4


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_declares_how_it_is_distributed(table: Table) -> None:
    kind, *column = table.info.get("citus", (None,))
    assert kind in ("hash", "reference", "local"), f"{table.name} does not say"
    if kind == "hash":
        keys = [set(table.primary_key.columns.keys())]
        keys += [set(c.columns.keys()) for c in table.constraints if isinstance(c, UniqueConstraint)]
        keys += [set(index.columns.keys()) for index in table.indexes if index.unique]
        for key in keys:
            assert column[0] in key, f"{table.name}: a unique key {key} lacks {column[0]}"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_foreign_keys_stay_on_one_shard(table: Table) -> None:
    kind, *column = table.info.get("citus", (None,))
    for key in (c for c in table.constraints if isinstance(c, ForeignKeyConstraint)):
        other_kind, *other = key.referred_table.info["citus"]
        if other_kind == "reference":
            continue
        assert kind == other_kind, f"{table.name} → {key.referred_table.name}"
        if kind == "hash":
            local = [element.parent.name for element in key.elements]
            remote = [element.column.name for element in key.elements]
            assert column[0] in local and other[0] == remote[local.index(column[0])], table.name


@pytest.mark.parametrize(
    ("at", "ready"), [(migrations.head(), True), ("9999", True), ("0001", False), ("", False)], ids=str
)
def test_a_schema_that_is_newer_than_the_code_is_no_gap(
    at: str, ready: bool, database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version before goes on serving while the next one's migrations run, and when the code is taken back."""
    monkeypatch.setattr(migrations, "current", lambda: at)
    assert (migrations.gap() == "") is ready
