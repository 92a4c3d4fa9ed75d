"""Whoever holds the database's password changes what was committed, in each way, and is found with the place named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import bindparam, text

from backend.kit import clock, db
from backend.kit.db import Id, JsonDoc, UtcDateTime
from backend.oversight import rules, service, verification
from tests.oversight.conftest import PEOPLE, ask, hours_later, noted, sql

Found = set[tuple[str, int | None, str | None, str | None]]


def found(**wanted: Any) -> Found:
    with db.reading() as reader:
        return {
            (one.what, one.batch, one.table, str(one.row[-1]) if one.row else None)
            for one in verification.verify(reader, **wanted)
        }


def some_row(table: str, batch: int = 2) -> str:
    """The id of a row of a batch, as text with dashes."""
    return str(UUID(str(ask(f"SELECT min({_text('id')}) FROM {table} WHERE sealed_in = :b", b=batch))))


def _text(column: str) -> str:
    return f"CAST({column} AS text)" if db.current().dialect == "postgresql" else column


def the(identity: str) -> str:
    """A condition that names a row by its id in either database's spelling."""
    return f"id = '{identity}'" if db.current().dialect == "postgresql" else f"id = '{UUID(identity).hex}'"


CHANGES = {
    "access_log": ["purpose = '别的用途'", "role = 'auditor'", "basis = ''", "authorisation = NULL", "fields = '[]'",
                   "organisation_id = actor_id", "actor_id = resident_id", "authorisation = 'case:2'"],
    "trail": ["action = 'test.other'", "role = 'x'", "subject_id = '9'", "subject_kind = 'other'", "actor_id = id",
              "detail = '{\"n\": 7}'"],
}  # fmt: skip


@pytest.mark.parametrize(("table", "change"), [(table, one) for table, many in CHANGES.items() for one in many])
def test_a_changed_row_is_named(chain: int, table: str, change: str) -> None:
    row = some_row(table)
    assert sql(f"UPDATE {table} SET {change} WHERE {the(row)}") == 1
    assert found() == {("row-changed", 2, table, row)}


@pytest.mark.parametrize("table", ["access_log", "trail"])
def test_a_changed_time_is_named(chain: int, table: str) -> None:
    row = some_row(table)
    with db.current().write() as session:
        change = text(f"UPDATE {table} SET at = :at WHERE {the(row)}").bindparams(bindparam("at", type_=UtcDateTime()))
        session.execute(change, {"at": clock.now() - timedelta(days=900)})
    assert found() == {("row-changed", 2, table, row)}


@pytest.mark.parametrize("batch", [1, 2, 4])
@pytest.mark.parametrize("table", ["access_log", "trail"])
def test_a_removed_row_is_named(chain: int, table: str, batch: int) -> None:
    row = some_row(table, batch)
    assert sql(f"DELETE FROM {table} WHERE {the(row)}") == 1
    assert found() == {("row-removed", batch, table, row)}


def test_a_row_moved_to_another_person_is_named(chain: int) -> None:
    row = some_row("access_log")
    other = uuid4()
    sql(f"UPDATE access_log SET resident_id = '{other if _pg() else other.hex}' WHERE {the(row)}")
    assert found() == {("row-removed", 2, "access_log", row), ("row-inserted", 2, "access_log", row)}


def test_a_row_moved_to_another_batch_is_named(chain: int) -> None:
    row = some_row("trail")
    sql(f"UPDATE trail SET sealed_in = 3 WHERE {the(row)}")
    assert found() == {("row-removed", 2, "trail", row), ("row-inserted", 3, "trail", row)}


def _pg() -> bool:
    return db.current().dialect == "postgresql"


def inserted(batch: int | None, *, hours: float = 0) -> str:
    """An act that nobody did, written by hand."""
    identity = uuid4()
    statement = text(
        "INSERT INTO trail (id, actor_id, role, action, subject_kind, subject_id, detail, at, sealed_in)"
        " VALUES (:id, :actor, 'office', 'test.forged', 'x', '', :detail, :at, :batch)"
    ).bindparams(
        bindparam("id", type_=Id), bindparam("actor", type_=Id), bindparam("detail", type_=JsonDoc),
        bindparam("at", type_=UtcDateTime()),
    )  # fmt: skip
    with db.current().write() as session:
        at = clock.now() + timedelta(hours=hours)
        session.execute(statement, dict(id=identity, actor=PEOPLE[0], detail={}, at=at, batch=batch))
    return str(identity)


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_an_inserted_row_is_named(chain: int, batch: int) -> None:
    row = inserted(batch, hours=-9)
    assert found() == {("row-inserted", batch, "trail", row)}


@pytest.mark.parametrize("batch", [0, -5])
def test_a_row_in_a_batch_that_never_was_is_named(chain: int, batch: int) -> None:
    row = inserted(batch, hours=-9)
    assert found() == {("row-inserted", batch, "trail", row)}


def test_a_row_in_a_batch_that_is_not_yet_is_named(chain: int) -> None:
    row = inserted(77)
    assert {one[:3] for one in found()} == {("batch-removed", 77, "trail")} and row


def test_a_row_written_afterwards_with_an_old_time_is_named_before_and_after_it_is_sealed(chain: int) -> None:
    row = inserted(None, hours=-9)
    noted()
    assert found() == {("row-backdated", None, "trail", row)}
    service.seal_all()
    assert found() == {("row-backdated", chain + 1, "trail", row)}


def test_a_row_of_the_last_minutes_is_in_time(chain: int) -> None:
    inserted(None, hours=-0.5)
    assert found() == set()


# --- batches -----------------------------------------------------------------------------------------------------


def test_a_removed_batch_is_named(chain: int) -> None:
    sql("DELETE FROM oversight_seals WHERE number = 2")
    assert found() == {("batch-removed", 2, None, None), ("chain-broken", 3, None, None)}


def test_a_removed_batch_with_its_rows_is_named(chain: int) -> None:
    remove_batch(2)
    assert found() == {("batch-removed", 2, None, None), ("chain-broken", 3, None, None)}


def remove_batch(number: int) -> None:
    sql("DELETE FROM oversight_seals WHERE number = :n", n=number)
    sql("DELETE FROM oversight_leaves WHERE number = :n", n=number)
    sql("DELETE FROM trail WHERE sealed_in = :n", n=number)
    sql("DELETE FROM access_log WHERE sealed_in = :n", n=number)


def test_a_removed_last_batch_is_named_by_its_rows(chain: int) -> None:
    sql("DELETE FROM oversight_seals WHERE number = 4")
    assert {one[:3] for one in found()} == {("batch-removed", 4, "trail"), ("batch-removed", 4, "access_log")}


def kept(path: Path) -> dict[str, Any]:
    """The newest seal as somebody else keeps it."""
    with db.reading() as reader:
        text = json.dumps(service.newest_published(reader))
    path.write_text(text)
    return verification.seal_kept_elsewhere(text)


def test_a_last_batch_that_is_gone_with_all_its_rows_is_named_by_the_seal_kept_elsewhere(
    chain: int, tmp_path: Path
) -> None:
    published = kept(tmp_path / "seal.json")
    remove_batch(4)
    assert found() == set(), "within the database nothing tells of it"
    assert found(against=published) == {("shorter-than-published", 4, None, None)}
    noted()
    service.seal_all()
    assert found(against=published) == {("not-the-published", 4, None, None)}


def test_swapped_batches_are_named(chain: int) -> None:
    for a, b in ((2, -1), (3, 2), (-1, 3)):
        sql("UPDATE oversight_seals SET number = :b WHERE number = :a", a=a, b=b)
    assert {("batch-swapped", 2, None, None), ("batch-swapped", 3, None, None)} <= found()


def test_a_changed_list_is_told_from_changed_rows(chain: int) -> None:
    sql("UPDATE oversight_leaves SET content = :c WHERE number = 2 AND table_name = 'trail'", c=bytes(96))
    assert found() == {("list-changed", 2, "trail", None)}
    sql("UPDATE oversight_leaves SET content = :c WHERE number = 2 AND table_name = 'trail'", c=b"x")
    assert found() == {("list-changed", 2, "trail", None)}
    sql("DELETE FROM oversight_leaves WHERE number = 2 AND table_name = 'trail'")
    assert found() == {("list-changed", 2, "trail", None)}


def test_a_row_and_its_list_changed_together_still_name_the_batch(chain: int) -> None:
    """Whoever knows how the list is made writes a matching one; the signed root does not match it."""
    row = some_row("trail")
    sql(f"UPDATE trail SET action = 'test.other' WHERE {the(row)}")
    with db.reading() as reader:
        entries = list(service.TABLES["trail"].sealed(reader, 2, 2))
    content = service.pack(entries)
    sql("UPDATE oversight_leaves SET content = :c WHERE number = 2 AND table_name = 'trail'", c=content)
    assert found() == {("list-changed", 2, "trail", None)}


def rewritten(number: int, **changes: Any) -> None:
    """A statement rewritten by hand, its signature as it was."""
    told = json.loads(ask("SELECT statement FROM oversight_seals WHERE number = :n", n=number)) | changes
    sql("UPDATE oversight_seals SET statement = :s WHERE number = :n", s=rules.text_of(told), n=number)


@pytest.mark.parametrize(
    "changes",
    [{"sealed_at": "2026-01-01T00:00:00.000000+00:00"}, {"root": "0" * 64}, {"count": 4}, {"complete": False},
     {"version": 2}, {"tables": {}}, {"kind": "closing"}, {"note": "x"}],
)  # fmt: skip
def test_a_rewritten_statement_is_named(chain: int, changes: dict[str, Any]) -> None:
    rewritten(3, **changes)
    told = {(what, batch) for what, batch, _, _ in found()}
    assert {("chain-broken", 4)} < told
    assert any(what.startswith("signature-") and batch == 3 for what, batch in told)


@pytest.mark.parametrize("statement", ["", "{}", "[]", "null", "{", '{"number": 3}', '{"sealed_at": 5}'])
def test_a_statement_that_cannot_be_read_is_named(chain: int, statement: str) -> None:
    sql("UPDATE oversight_seals SET statement = :s WHERE number = 3", s=statement)
    assert {("statement-broken", 3, None, None), ("chain-broken", 4, None, None)} <= found()


@pytest.mark.parametrize("signature", ["", "x", "AAAA", "不", "=" * 80])
def test_a_replaced_signature_is_named(chain: int, signature: str) -> None:
    sql("UPDATE oversight_seals SET signature = :s WHERE number = 3", s=signature)
    assert found() == {("signature-wrong", 3, None, None)}


def test_another_keys_signature_is_named(chain: int) -> None:
    rewritten(4, kid=ask("SELECT kid FROM code_keys WHERE purpose = 'status'"))
    assert found() == {("signature-unknown-key", 4, None, None)}


def test_a_chain_resealed_with_the_true_key_is_named_by_the_seal_kept_elsewhere(chain: int, tmp_path: Path) -> None:
    """Whoever holds the keys too can make a chain without a flaw. It is not the one that was published."""
    published = kept(tmp_path / "seal.json")
    row = some_row("trail", 1)
    sql(f"UPDATE trail SET action = 'test.other' WHERE {the(row)}")
    sql("DELETE FROM oversight_seals")
    sql("DELETE FROM oversight_leaves")
    for batch in (1, 2, 3, 4):
        sql("UPDATE trail SET sealed_in = NULL WHERE sealed_in = :b", b=batch)
        sql("UPDATE access_log SET sealed_in = NULL WHERE sealed_in = :b", b=batch)
        with hours_later(4 * (batch - 5)):
            sql("UPDATE trail SET sealed_in = NULL WHERE sealed_in = :b", b=batch)
            service.seal_all()
    assert found() == set(), "it is a chain without a flaw"
    assert found(against=published) == {("not-the-published", 4, None, None)}


def test_an_altered_seal_file_is_refused(chain: int, tmp_path: Path) -> None:
    published = kept(tmp_path / "seal.json")
    for changes in ({"root": "0" * 64}, {"number": 3}, {"seal": "0" * 64}, {"extra": 1}):
        with pytest.raises(ValueError):
            verification.seal_kept_elsewhere(json.dumps({**published, **changes}))
    for nonsense in ("[]", "{}", "null", "", '{"number": "4"}'):
        with pytest.raises(ValueError):
            verification.seal_kept_elsewhere(nonsense)


def test_verification_may_begin_later(chain: int) -> None:
    row = some_row("trail", 1)
    sql(f"UPDATE trail SET role = 'x' WHERE {the(row)}")
    assert found(first=2) == set()
    sql("DELETE FROM oversight_seals WHERE number = 3")
    assert found(first=2) == {("batch-removed", 3, None, None), ("chain-broken", 4, None, None)}


# --- the commands ------------------------------------------------------------------------------------------------


@pytest.fixture
def run(app: Flask) -> Callable[..., Any]:
    return lambda *words: app.test_cli_runner().invoke(args=["oversight", *words])


def test_the_commands_seal_publish_and_verify(chain: int, run: Callable[..., Any], tmp_path: Path) -> None:
    noted()
    assert "1 batches sealed; the newest is 5" in run("seal").output
    where = tmp_path / "seal.json"
    assert run("publish", "--out", str(where)).exit_code == 0
    assert json.loads(run("publish").output) == json.loads(where.read_text())
    good = run("verify", "--against", str(where))
    assert good.exit_code == 0 and "5 batches are as they were sealed; 0 rows wait" in good.output


def test_the_command_says_where_and_fails(chain: int, run: Callable[..., Any], tmp_path: Path) -> None:
    row = some_row("access_log")
    sql(f"UPDATE access_log SET purpose = '别的' WHERE {the(row)}")
    bad = run("verify")
    assert bad.exit_code == 1 and "1 findings in 4 batches" in bad.output
    assert "batch 2, access_log, row" in bad.output and row in bad.output and "row-changed" in bad.output
    (tmp_path / "x").write_text("{}")
    assert "not a published seal" in run("verify", "--against", str(tmp_path / "x")).output


def test_every_finding_has_words(chain: int) -> None:
    for what in verification.WORDS:
        assert what in str(verification.Finding(what, 1, "trail", (uuid4(),)))
