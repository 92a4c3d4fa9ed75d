"""Backups are whole or do not open, are restored only into what is empty, and prove what came back."""

from __future__ import annotations

import io
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, inspect, select, text, update

from backend.accounts.models import PersonRow, SessionRow
from backend.backup import seals, service
from backend.backup.envelope import CHUNK_BYTES, Header, Reader, Writer, new_salt, read_header
from backend.kit import clock, db, files, migrations
from backend.kit.db import Database
from backend.models import metadata
from config.settings import Settings
from tests.community.pictures import picture
from tests.conftest import SERVER_URL
from tests.factories import accounts as people
from tests.support.databases import bound_to_own, own_database
from tests.support.installing import Installation
from tests.support.ports import free_port

KEYS = {"m1": os.urandom(32), "m2": os.urandom(32)}


# --- the envelope -------------------------------------------------------------------------------------------------


def header(key_id: str = "m1") -> Header:
    return Header(
        "2026-01-01T00:00:00+00:00", "320115", "sqlite", "0017", "0", {"master": ["m1"]}, key_id, "a1", new_salt()
    )


def enclosed(content: bytes) -> bytes:
    out = io.BytesIO()
    writer = Writer(out, header(), KEYS)
    for at in range(0, len(content), 700_001):
        writer.write(content[at : at + 700_001])
    writer.finish()
    return out.getvalue()


def opened(raw: bytes, keys: dict[str, bytes] = KEYS) -> bytes:
    source = io.BytesIO(raw)
    return io.BufferedReader(Reader(source, read_header(source), keys)).read()


@pytest.mark.once
@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 5_000_000])
def test_what_is_enclosed_comes_out(size: int) -> None:
    content = os.urandom(size)
    raw = enclosed(content)
    assert opened(raw) == content
    assert content[:64] not in raw or size < 16


@pytest.mark.once
def test_a_change_of_any_kind_is_noticed() -> None:
    raw = enclosed(os.urandom(2 * CHUNK_BYTES + 10))
    start = raw.index(b"}\n") + 2
    sizes, at = [], start
    while at < len(raw):
        size = 4 + int.from_bytes(raw[at : at + 4], "big")
        sizes.append((at, at + size))
        at += size
    first, second, third = (raw[a:b] for a, b in sizes)
    head = raw[:start]
    other_header = head.replace(b"320115", b"320116")
    spoilt = {
        "a bit": raw[: start + 1000] + bytes([raw[start + 1000] ^ 1]) + raw[start + 1001 :],
        "the header": other_header + first + second + third,
        "cut off at a chunk": head + first + second,
        "cut off in a chunk": raw[:-20],
        "nothing left": head,
        "exchanged": head + second + first + third,
        "repeated": head + first + first + second + third,
        "left out": head + first + third,
        "added to": raw + third,
        "no backup": b"PK" + raw,
    }  # fmt: skip
    for name, wrong in spoilt.items():
        with pytest.raises(service.BackupBroken):
            opened(wrong)
            pytest.fail(name)


@pytest.mark.once
def test_another_key_does_not_open_it() -> None:
    raw = enclosed(b"x" * 100)
    with pytest.raises(service.BackupBroken):
        opened(raw, {"m1": os.urandom(32)})
    with pytest.raises(service.BackupBroken, match="m1"):
        opened(raw, {"m2": KEYS["m2"]})


# --- making and restoring ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(app: Flask, city_contents: dict[str, dict[str, Any]]) -> Iterator[Database]:
    """A database of this module's own: what other tests do to clocks and seals would be found by a restore."""
    with bound_to_own("postgresql" if SERVER_URL else "sqlite", city_contents) as mine:
        yield mine


@pytest.fixture
def filled(own: Database, settings: Settings) -> Iterator[Settings]:
    """Some people, staff and a picture, and the settings of the installation that has them."""
    db.bind(own)
    with db.transaction() as session:
        who = people.resident(session)
        people.staff(session)
        people.resident_token(session, who)
        files.save_image(session, who.resident_id, picture(), max_bytes=10**6, max_pixels=10**6)
    yield replace(settings, database_url=own.engine.url.render_as_string(hide_password=False))
    if db.current() is not own:
        db.current().dispose()
    db.bind(own)


@pytest.fixture
def target(database_url: str) -> Iterator[Database]:
    """An empty database of the same kind."""
    with own_database("postgresql" if database_url.startswith("postgresql") else "sqlite") as url:
        other = Database(url)
        yield other
        other.dispose()


def test_a_backup_comes_back_whole_and_is_proved(filled: Settings, target: Database, tmp_path: Path) -> None:
    path = service.make(filled, tmp_path / "backups")
    assert path.stat().st_mode & 0o777 == 0o600
    here = counts(db.current())
    done = service.restore(path, target, tmp_path / "files", filled)
    assert done.problems == [] and done.seals_opened >= 3
    there = counts(target)
    assert there == here and done.ended_sessions > 0
    with db.reading() as reader:
        open_still = select(func.count()).where(SessionRow.ended_at.is_(None), SessionRow.expires_at > clock.now())
        assert reader.execute(open_still).scalar() == 0
    kept = {p.relative_to(tmp_path / "files").as_posix() for p in (tmp_path / "files").rglob("*") if p.is_file()}
    with db.reading() as reader:
        assert kept == set(reader.execute(text("SELECT storage_key FROM files")).scalars())


def counts(database: Database) -> dict[str, int]:
    with database.engine.connect() as connection:
        names = inspect(connection).get_table_names()
        return {name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in names}


def test_what_is_not_empty_is_not_restored_into(filled: Settings, target: Database, tmp_path: Path) -> None:
    path = service.make(filled, tmp_path / "backups")
    service.restore(path, target, tmp_path / "files", filled)
    before = counts(target)
    with pytest.raises(service.BackupFailed, match="不是空的"):
        service.restore(path, target, tmp_path / "other", filled)
    assert counts(target) == before
    done = service.restore(path, target, tmp_path / "files", filled, replace=True)
    assert done.problems == []


def test_a_folder_of_pictures_that_is_not_empty_is_not_restored_into(
    filled: Settings, target: Database, tmp_path: Path
) -> None:
    path = service.make(filled, tmp_path / "backups")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "somebody's").touch()
    with pytest.raises(service.BackupFailed, match="不是空的"):
        service.restore(path, target, tmp_path / "files", filled)


def test_a_broken_backup_touches_nothing(filled: Settings, target: Database, tmp_path: Path) -> None:
    path = service.make(filled, tmp_path / "backups")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(service.BackupBroken):
        service.restore(path, target, tmp_path / "files", filled)
    assert counts(target) == {} and not (tmp_path / "files").exists()


def test_a_seal_that_does_not_open_is_found_and_named(filled: Settings, target: Database, tmp_path: Path) -> None:
    path = service.make(filled, tmp_path / "backups")
    service.restore(path, target, tmp_path / "files", filled)
    with db.transaction() as session:
        rows = list(session.execute(text("SELECT resident_id, name_sealed FROM people LIMIT 2")))
        victim = session.query(PersonRow).first()
        assert victim is not None and rows
        sealed = victim.name_sealed
        spoilt = sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB")
        session.execute(update(PersonRow).where(PersonRow.resident_id == victim.resident_id).values(name_sealed=spoilt))
    with db.reading() as reader:
        count, broken = seals.open_all(reader)
    assert count >= 3 and len(broken) == 1
    assert broken[0].startswith(f"people.name_sealed {victim.resident_id}")


def test_a_backup_without_its_key_is_refused(filled: Settings, target: Database, tmp_path: Path) -> None:
    path = service.make(filled, tmp_path / "backups")
    others = replace(filled, master_keys={"zz": os.urandom(32)})
    with pytest.raises(service.BackupBroken, match="主密钥"):
        service.restore(path, target, tmp_path / "files", others)


def test_a_backup_newer_than_the_code_is_refused(
    filled: Settings, target: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "current", lambda: "9999")
    path = service.make(filled, tmp_path / "backups")
    monkeypatch.undo()
    with pytest.raises(service.BackupFailed, match="9999"):
        service.restore(path, target, tmp_path / "files", filled)


def test_only_so_many_are_kept_and_strangers_files_stay(filled: Settings, tmp_path: Path) -> None:
    (tmp_path / "xinyi-320115-notes.xybak").write_text("a note of somebody's")
    other_city = service.make(replace(filled, city="320116"), tmp_path)
    made = [service.make(filled, tmp_path, keep=2) for _ in range(4)]
    left = {path.name for path in tmp_path.iterdir()}
    assert {made[2].name, made[3].name, other_city.name, "xinyi-320115-notes.xybak"} <= left
    assert made[0].name not in left and made[1].name not in left
    assert [one.path for one in service.kept(tmp_path, filled.city)] == [made[3], made[2]]


def test_a_picture_that_was_lost_or_changed_is_said_while_it_can_still_be_mended(
    filled: Settings, tmp_path: Path
) -> None:
    with db.reading() as reader:
        key = reader.execute(text("SELECT storage_key FROM files ORDER BY created_at DESC LIMIT 1")).scalar_one()
    path = filled.files_root / key
    content = path.read_bytes()
    try:
        path.write_bytes(b"other bytes")
        with pytest.raises(service.BackupFailed, match="校验值"):
            service.make(filled, tmp_path)
        path.unlink()
        with pytest.raises(service.BackupFailed, match="XINYI_FILES_ROOT"):
            service.make(filled, tmp_path)
    finally:
        path.write_bytes(content)
    assert not list(tmp_path.glob("*.xybak*"))


def test_two_backups_at_once_are_one_too_many(filled: Settings, tmp_path: Path) -> None:
    def again(*_: object) -> None:
        with pytest.raises(service.BackupFailed, match="正在进行"):
            service.make(filled, tmp_path)

    service.make(filled, tmp_path, told=again)


def run(app: Flask, arguments: list[str], **more: str) -> Result:
    with app.app_context():
        return app.test_cli_runner().invoke(args=arguments, **more)


def test_the_commands_say_what_they_did(filled: Settings, app: Flask, tmp_path: Path) -> None:
    made = run(app, ["backup", "make", "--to", str(tmp_path), "--quiet"])
    assert made.exit_code == 0 and "已回读校验" in made.output
    [path] = tmp_path.glob("*.xybak")
    assert run(app, ["backup", "verify", str(path)]).exit_code == 0
    assert path.name in run(app, ["backup", "list", "--from", str(tmp_path)]).output
    path.write_bytes(path.read_bytes()[:5000])
    refused = run(app, ["backup", "verify", str(path)])
    assert refused.exit_code == 1 and "截断" in refused.output


def test_replacing_asks_for_the_databases_name(filled: Settings, app: Flask, target: Database, tmp_path: Path) -> None:
    path = service.make(filled, tmp_path / "backups")
    url = target.url.render_as_string(hide_password=False)
    command = ["restore", str(path), "--into", url, "--files", str(tmp_path / "f"), "--replace", "--quiet"]
    refused = run(app, ["backup", *command], input="yes\n")
    assert refused.exit_code == 1 and "什么也没有改变" in refused.output
    done = run(app, ["backup", *command], input=f"{target.url.database}\n")
    assert done.exit_code == 0, done.output


@pytest.mark.once
def test_an_address_that_is_none_is_said_plainly(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "x.xybak"
    path.touch()
    for url in ("nonsense", "mysql://x/y", "sqlite://"):
        refused = run(app, ["backup", "restore", str(path), "--into", url])
        assert refused.exit_code == 1 and "--into" in refused.output, refused.output


@pytest.mark.once
def test_every_sealed_column_can_be_opened_by_somebody(app: Flask) -> None:
    columns = seals.sealed_columns()
    assert {"people", "staff", "code_keys"} <= set(columns)
    for name in columns:
        table = metadata.tables[name]
        assert seals.is_personal(table) or seals.way_to_open(table), f"{name}: say by what its rows are bound"


@pytest.mark.once
def test_a_killed_backup_leaves_nothing_that_looks_like_one(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/instance/x.db", free_port(), "https://localhost:1")
    installation.set_up()
    with closing(sqlite3.connect(tmp_path / "instance" / "x.db")) as fat:
        fat.execute("CREATE TABLE ballast (a BLOB)")
        fat.executemany("INSERT INTO ballast VALUES (?)", [(secrets.token_bytes(1_000_000),) for _ in range(15)])
        fat.commit()
    folder, flask = tmp_path / "backups", [*_flask(), "backup", "make", "--quiet"]
    with subprocess.Popen(flask, env=installation.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as making:
        limit = time.monotonic() + 60
        while time.monotonic() < limit and not any(p.stat().st_size > 1e6 for p in folder.glob(".*.part")):
            assert making.poll() is None, "it was too quick to be killed"
        making.send_signal(signal.SIGKILL)
    assert not list(folder.glob("*.xybak")) and list(folder.glob(".*.part"))
    [half] = folder.glob(".*.part")
    assert installation.flask("backup", "verify", half, check=False).returncode == 1
    installation.flask("backup", "make", "--quiet")
    assert len(list(folder.glob("*.xybak"))) == 1 and not list(folder.glob(".*.part"))
    assert not list((tmp_path / "instance").glob("*backup-copy*"))


def _flask() -> list[str]:
    return [str(Path(sys.executable).with_name("flask"))]


@pytest.mark.once
def test_an_older_backup_is_brought_up_to_date_after_its_rows_were_counted(
    filled: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_database("sqlite") as old_url, own_database("sqlite") as new_url:
        db.bind(Database(old_url))
        migrations.upgrade("0010")
        old = service.make(filled, tmp_path / "backups")
        db.current().dispose()
        target = Database(new_url)
        done = service.restore(old, target, tmp_path / "files", filled)
        assert done.contents.header.revision == "0010" and done.upgraded_to == migrations.head()
        assert done.problems == []
        target.dispose()


def test_a_backup_that_cannot_be_read_back_is_none(
    filled: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the disk kept less than it was given."""
    monkeypatch.setattr(Writer, "finish", lambda _: None)
    with pytest.raises(service.BackupBroken):
        service.make(filled, tmp_path)
    assert not list(tmp_path.glob("*.xybak")) and not list(tmp_path.glob(".*.part"))
