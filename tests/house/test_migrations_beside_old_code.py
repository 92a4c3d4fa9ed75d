"""A migration runs while the version before it still serves: so it only adds, waits briefly, and refuses no old row.

Judged from the text of every migration since the first release, and then by doing it.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import MetaData, Table, inspect, text
from sqlalchemy.exc import OperationalError

from backend.kit import db, migrations
from backend.kit.db import Database
from backend.ledger import service as ledger
from backend.models import metadata
from tests.support.databases import own_database
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer

RELEASED = "0011"
"""The schema of the oldest version that may still be running while the newest migrations are applied."""
FILES = sorted(path for path in (migrations.FOLDER / "versions").glob("[0-9]*.py") if path.name[:4] > RELEASED)
SMALL = {
    "activities", "alembic_version", "attempts", "city_policies", "code_keys", "code_status_lists", "communities",
    "counter_codes", "covenants", "device_nonces", "devices", "job_runs", "ledger_accounts", "ledger_budgets",
    "maintenance", "memberships", "merchants", "organisations", "perks_offer_stock", "perks_offer_venues",
    "perks_offers", "perks_venues", "staff",
}  # fmt: skip
"""Tables of which a city has few rows. An index on any other that exists is built CONCURRENTLY on PostgreSQL."""
WANTED = Wanted(
    residents=3, points=1000, devices=1, offers=[{"price_points": 9, "stock_total": 10}], scores=True, merchants=2
)
ADDS = {"create_table", "add_column", "create_index", "f", "get_bind", "get_context", "batch_alter_table",
        "create_check_constraint", "drop_constraint", "execute", "bulk_insert", "create_unique_constraint",
        "create_foreign_key"}  # fmt: skip
HARMLESS_SQL = ("INSERT", "UPDATE", "SELECT", "SET")


class Judge(ast.NodeVisitor):
    """Reads ``upgrade`` and the functions that it may call. ``widens``: constraints dropped, to be made again wider."""

    def __init__(self, tree: ast.Module) -> None:
        self.problems: list[str] = []
        self.made: set[str] = set()
        self.dropped: set[str] = set()
        self.checked: set[str] = set()
        self.concurrent = "autocommit_block" in ast.dump(tree)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name != "downgrade":
                self.visit(node)
        for name in self.dropped - self.checked:
            self.problems.append(f"drops the constraint {name} and makes no wider one")
        reasons = _reasons(tree)
        self.problems = [each for each in self.problems if not each.startswith(tuple(reasons))]

    def visit_Call(self, call: ast.Call) -> None:
        self.generic_visit(call)
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            if call.func.value.id in ("op", "batch", "batch_op", "table"):
                self._judge(call.func.attr, call)

    def _judge(self, verb: str, call: ast.Call) -> None:
        if verb not in ADDS:
            self.problems.append(f"{verb}: the version before would meet something that is gone or other than it was")
        elif verb == "create_table":
            self.made.add(_text(call.args[0]))
        elif verb == "add_column":
            self._column(call)
        elif verb == "create_index":
            self._index(call)
        elif verb in ("drop_constraint", "create_check_constraint"):
            (self.dropped if verb == "drop_constraint" else self.checked).add(_text(call.args[0]))
        elif verb == "execute":
            said = _text(call.args[0]).strip().upper()
            if said and not said.startswith(HARMLESS_SQL):
                self.problems.append(f"execute: {said[:60]}")
        elif verb in ("create_unique_constraint", "create_foreign_key"):
            self.problems.append(f"{verb}: an old row, or one the version before writes, may break it")

    def _column(self, call: ast.Call) -> None:
        column = next(arg for arg in call.args if isinstance(arg, ast.Call))
        told = {word.arg: word.value for word in column.keywords}
        nullable = told.get("nullable")
        if isinstance(nullable, ast.Constant) and nullable.value is False and "server_default" not in told:
            self.problems.append(
                f"add_column {_text(column.args[0])}: required, and the version before does not write it"
            )

    def _index(self, call: ast.Call) -> None:
        table = _text(call.args[1])
        told = {word.arg: word.value for word in call.keywords}
        unique = told.get("unique")
        if table in self.made:
            return
        if isinstance(unique, ast.Constant) and unique.value:
            self.problems.append(f"create_index {table}: unique, which the version before may break")
        if table not in SMALL and not ("postgresql_concurrently" in told and self.concurrent):
            self.problems.append(f"create_index on {table}: build it CONCURRENTLY, in an autocommit_block")


def _reasons(tree: ast.Module) -> dict[str, str]:
    """``BESIDE_OLD_CODE`` of a migration: the beginning of what is judged, and why the version before survives it."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id == "BESIDE_OLD_CODE":
                reasons: dict[str, str] = ast.literal_eval(node.value)
                assert all(len(reason) > 20 for reason in reasons.values()), "say why"
                return reasons
    return {}


def _text(node: ast.AST) -> str:
    """A literal's text; for ``op.f("x")`` and ``sa.text("x")`` that of x."""
    while isinstance(node, ast.Call) and node.args:
        node = node.args[0]
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.mark.once
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_migration_only_adds(path: Path) -> None:
    assert Judge(ast.parse(path.read_text("utf-8"))).problems == []


SPOILT = {
    "op.drop_table('people')": "drop_table",
    "op.drop_column('people', 'phone_sealed')": "drop_column",
    "op.rename_table('a', 'b')": "rename_table",
    "op.alter_column('people', 'a', new_column_name='b')": "alter_column",
    "op.alter_column('people', 'a', nullable=False)": "alter_column",
    "op.add_column('people', sa.Column('a', sa.Integer(), nullable=False))": "add_column a",
    "op.create_index('ix', 'people', ['a'])": "CONCURRENTLY",
    "op.create_index('ix', 'staff', ['a'], unique=True)": "unique",
    "op.create_unique_constraint('uq', 'staff', ['a'])": "create_unique_constraint",
    "op.create_foreign_key('fk', 'staff', 'people', ['a'], ['b'])": "create_foreign_key",
    "op.execute('DROP TABLE people')": "DROP TABLE",
    "op.execute(sa.text('ALTER TABLE people DROP COLUMN a'))": "ALTER TABLE",
    "op.drop_constraint('ck_staff_x', 'staff')": "no wider one",
    "op.execute(f'ALTER TABLE {table} ADD CONSTRAINT x CHECK (a > 0)')": "ALTER TABLE",
}


@pytest.mark.once
@pytest.mark.parametrize("line", SPOILT)
def test_the_judge_sees_what_the_version_before_would_not_survive(line: str) -> None:
    tree = ast.parse(f"def upgrade():\n    {line}\n")
    [problem] = Judge(tree).problems
    assert SPOILT[line] in problem


@pytest.mark.once
@pytest.mark.parametrize(
    "lines",
    [
        "op.add_column('people', sa.Column('a', sa.Integer(), nullable=True))",
        "op.add_column('people', sa.Column('a', sa.Integer(), nullable=False, server_default='0'))",
        "op.create_table('new', sa.Column('a', sa.Integer()))\n    op.create_index('ix', 'new', ['a'], unique=True)",
        "with op.get_context().autocommit_block():\n"
        "        op.create_index('ix', 'people', ['a'], postgresql_concurrently=True)",
        "op.drop_constraint('ck_staff_x', 'staff')\n    op.create_check_constraint('ck_staff_x', 'staff', 'a > 0')",
        'op.execute("UPDATE people SET a = 1 WHERE a IS NULL")',
    ],
)
def test_the_judge_lets_pass_what_only_adds(lines: str) -> None:
    assert Judge(ast.parse(f"def upgrade():\n    {lines}\n")).problems == []


@pytest.fixture
def kind(database_url: str) -> str:
    return "postgresql" if database_url.startswith("postgresql") else "sqlite"


@pytest.fixture
def bound(app: Flask) -> Iterator[None]:
    """The database of the run is bound again afterwards."""
    own = db.current()
    yield
    db.bind(own)


def test_what_the_released_version_writes_is_still_taken(kind: str, bound: None) -> None:
    """Rows of every table, cut down to the columns that the released version knows, go into today's schema."""
    with own_database(kind) as old_url, own_database(kind) as full_url, own_database(kind) as new_url:
        columns = _released_columns(old_url)
        full, new = Database(full_url), Database(new_url)
        rows = _some_rows(full_url, full)
        db.bind(new)
        migrations.upgrade()
        taken = _insert(new, rows, columns)
        assert {"people", "sessions", "organisations", "perks_offers", "ledger_transfers", "scores", "records"} <= taken
        with new.read() as reader:
            assert ledger.audit(reader).agrees
        for each in (full, new):
            each.dispose()


def _released_columns(url: str) -> dict[str, set[str]]:
    old = Database(url)
    db.bind(old)
    migrations.upgrade(RELEASED)
    found = inspect(old.engine)
    columns = {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
    old.dispose()
    return columns


def _some_rows(url: str, full: Database) -> dict[str, list[dict[str, Any]]]:
    """What today's version writes, by a process of its own, into a database of its own."""
    server = RealServer(url, WANTED)
    with server.wechat:
        server.prepare()
    server.close()
    with full.engine.connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(table.select()).mappings()]
            for table in metadata.sorted_tables
        }


def _insert(new: Database, rows: dict[str, list[dict[str, Any]]], columns: dict[str, set[str]]) -> set[str]:
    taken = set()
    reflected = MetaData()
    with new.engine.begin() as connection:
        for table in metadata.sorted_tables:
            known = columns.get(table.name)
            if known and rows[table.name]:
                cut = Table(table.name, reflected, *(c._copy() for c in table.columns if c.name in known))
                connection.execute(
                    cut.insert(), [{k: v for k, v in row.items() if k in known} for row in rows[table.name]]
                )
                taken.add(table.name)
    return taken


@pytest.mark.postgresql
@pytest.mark.once
def test_a_migration_gives_way_to_a_transaction_that_runs_and_comes_again(
    bound: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds a lock on what is migrated: the first try ends after its time limit and harms nothing."""
    with own_database("postgresql") as url:
        database = Database(url)
        db.bind(database)
        migrations.upgrade("0010")
        pauses: list[float] = []
        with database.engine.connect() as holder:
            holder.execute(text("LOCK TABLE people IN ACCESS SHARE MODE"))

            def release(seconds: float) -> None:
                pauses.append(seconds)
                holder.rollback()

            monkeypatch.setattr(migrations, "time", SimpleNamespace(sleep=release))
            assert migrations.upgrade() == migrations.head()
        assert len(pauses) == 1
        database.dispose()


@pytest.mark.postgresql
@pytest.mark.once
def test_a_lock_that_is_never_released_is_said_and_leaves_the_schema_as_it_was(
    bound: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_database("postgresql") as url:
        database = Database(url)
        db.bind(database)
        migrations.upgrade("0010")
        monkeypatch.setattr(migrations, "LOCK_TRIES", 1)
        with database.engine.connect() as holder:
            holder.execute(text("LOCK TABLE people IN ACCESS SHARE MODE"))
            with pytest.raises(OperationalError):
                migrations.upgrade()
        assert migrations.current() == "0010"
        database.dispose()


@pytest.mark.postgresql
@pytest.mark.once
def test_an_index_whose_building_was_broken_off_is_built_anew(bound: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Building waits for whoever has written already, gives up, and leaves an index that nobody may use."""
    unfinished = text("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
    with own_database("postgresql") as url:
        database = Database(url)
        db.bind(database)
        migrations.upgrade("0017")
        left: list[int] = []
        with database.engine.connect() as holder:
            holder.execute(text("LOCK TABLE access_log IN ROW EXCLUSIVE MODE"))

            def release(seconds: float) -> None:
                holder.rollback()
                with database.read() as reader:
                    left.append(reader.execute(unfinished).scalar_one())

            monkeypatch.setattr(migrations, "time", SimpleNamespace(sleep=release))
            assert migrations.upgrade() == migrations.head()
        with database.read() as reader:
            assert left == [1] and reader.execute(unfinished).scalar_one() == 0
        assert {"ix_access_log_actor_id_at", "ix_access_log_sealed_in_at_resident_id_id"} <= {
            index["name"] for index in inspect(database.engine).get_indexes("access_log")
        }
        database.dispose()


def test_devices_that_share_a_key_are_named_before_keys_must_differ(kind: str, bound: None) -> None:
    organisation = text(
        "INSERT INTO organisations (id, slug, kind, name, created_at) VALUES (:a, 'x', 'partner', 'x', :at)"
    )
    device = text(
        "INSERT INTO devices (id, organisation_id, label, public_key, status, created_at)"
        " VALUES (:id, :a, 'x', :key, 'active', :at)"
    )
    known = {"a": "a" * 32, "at": "2026-01-01 00:00:00", "key": b"k" * 32}
    with own_database(kind) as url:
        database = Database(url)
        db.bind(database)
        migrations.upgrade("0012")
        with database.write() as session:
            session.execute(organisation, known)
            for number in (1, 2):
                session.execute(device, {**known, "id": f"{number:032x}"})
        with pytest.raises(RuntimeError, match=r"0001, .*0002"):
            migrations.upgrade()
        assert migrations.current() == "0012"
        with database.write() as session:
            session.execute(text("UPDATE devices SET public_key = :key WHERE label = 'x' AND id = :id"),
                            {"key": b"o" * 32, "id": f"{2:032x}"})  # fmt: skip
        assert migrations.upgrade() == migrations.head()
        database.dispose()


def test_readers_and_writers_go_on_while_it_migrates(kind: str, bound: None) -> None:
    """Statements of the released version run without a pause while the schema goes from the release to the head."""
    with own_database(kind) as url:
        database = Database(url)
        db.bind(database)
        migrations.upgrade(RELEASED)
        failed: list[BaseException] = []
        done, stop = [0], threading.Event()

        def work() -> None:
            insert = text(
                "INSERT INTO outbox"
                " (shard_id, id, topic, subscriber, payload, state, tries, due_at, created_at, last_error)"
                " VALUES (:a, :b, 't', 's', '{}', 'done', 0, :at, :at, '')"
            )
            number = 0
            while not stop.is_set():
                number += 1
                try:
                    with database.write() as session:
                        key = f"{number:032x}"
                        session.execute(insert, {"a": key, "b": key, "at": "2026-01-01 00:00:00"})
                    with database.read() as reader:
                        reader.execute(text("SELECT count(*) FROM people")).scalar()
                    done[0] += 1
                except BaseException as error:
                    failed.append(error)
                    return

        thread = threading.Thread(target=work)
        thread.start()
        while not done[0] and not failed:
            stop.wait(0.01)
        migrations.upgrade()
        stop.set()
        thread.join()
        assert not failed and done[0] > 0
        database.dispose()
