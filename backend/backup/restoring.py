"""Restoring: read the whole backup first, fill an empty database and folder, then prove what came back."""

from __future__ import annotations

import os
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import inspect, text

from backend.accounts import service as accounts
from backend.backup import reading, seals
from backend.backup.errors import BackupFailed
from backend.backup.snapshots import Told, client, libpq
from backend.kit import db, files, migrations
from backend.kit.db import Database, Reader
from backend.ledger import service as ledger
from config.settings import Settings

KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}")
Check = Callable[[Reader], list[str]]
"""Something to prove after a restore: what is wrong, empty when all is well."""
_checks: dict[str, Check] = {}


@dataclass
class Restored:
    """What came back, and what is wrong with it (nothing, one hopes)."""

    contents: reading.Contents
    upgraded_to: str = ""
    seals_opened: int = 0
    ended_sessions: int = 0
    proved: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check_after_restoring(name: str, check: Check) -> None:
    """Register what else is proved of a restored database. The composition root does."""
    _checks[name] = check


def restore(
    path: Path, target: Database, files_root: Path, settings: Settings, *, replace: bool = False,
    told: Told = lambda *_: None,
) -> Restored:  # fmt: skip
    """Fill ``target`` and ``files_root`` from a backup and prove the result. ``target`` is bound afterwards.

    Both must be empty unless ``replace``. Every session ends: tokens that were renewed since the backup would otherwise
    be good again in their older form. Raises BackupFailed; up to the moment when the whole backup has been read
    back once, nothing has been touched.
    """
    contents = reading.verify(path, settings.master_keys, told)
    _require_known(contents, target)
    if not replace:
        _require_empty(target, files_root)
    store = files.DiskStore(files_root)
    with _filling(target, replace) as database:
        reading.walk(path, settings.master_keys, database.write, lambda key, raw: _keep(store, key, raw), told)
    db.bind(target)
    done = Restored(contents)
    _prove_counts(done)
    if migrations.current() != migrations.head():
        done.upgraded_to = migrations.upgrade()
    _prove(done, told)
    with db.transaction() as session:
        done.ended_sessions = accounts.end_all_sessions(session, "restored")
    return done


def _require_known(contents: reading.Contents, target: Database) -> None:
    header = contents.header
    if header.database != target.dialect:
        raise BackupFailed(f"这是 {header.database} 的备份，只能恢复到同一种数据库。")
    scripts = ScriptDirectory(str(migrations.FOLDER))
    try:
        known = scripts.get_revision(header.revision) is not None
    except CommandError:
        known = False
    if not known:
        raise BackupFailed(f"备份的库结构 {header.revision} 比程序新：请先换成制作它的版本（{header.release}）。")


def _require_empty(target: Database, files_root: Path) -> None:
    database = Path(target.url.database or "")
    if target.dialect == "sqlite":
        taken = database.exists() and database.stat().st_size > 0
    else:
        with target.engine.connect() as connection:
            taken = bool(inspect(connection).get_table_names())
    if taken:
        raise BackupFailed("目标数据库不是空的。请给一个新的空库；要覆盖请加 --replace。")
    if files_root.is_dir() and any(files_root.iterdir()):
        raise BackupFailed("目标图片目录不是空的。请用 --files 指定一个新目录；要覆盖请加 --replace。")


def _keep(store: files.DiskStore, key: str, content: bytes) -> None:
    if not KEY.fullmatch(key):
        raise BackupFailed(f"备份里有不合规的文件名：{key[:80]}")
    store.put(key, content, "")


def _filling(target: Database, replace: bool) -> AbstractContextManager[IO[bytes]]:
    """Where the dump goes. It becomes the database when the block ends well, and vanishes when it does not."""
    return _filling_sqlite(target) if target.dialect == "sqlite" else _filling_postgresql(target, replace)


class _Unpacking:
    """Writes what it is given to ``file``, decompressed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._unpacking = file, zlib.decompressobj()

    def write(self, piece: bytes) -> int:
        self._file.write(self._unpacking.decompress(piece))
        return len(piece)

    def finish(self) -> None:
        self._file.write(self._unpacking.flush())
        if not self._unpacking.eof:
            raise BackupFailed("备份里的数据库不完整。")


@contextmanager
def _filling_sqlite(target: Database) -> Iterator[IO[bytes]]:
    """Beside the file, then in its place, under the lock that writers take."""
    path = Path(target.url.database or "")
    part = path.with_name(path.name + ".restoring")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            unpacking = _Unpacking(file)
            yield cast("IO[bytes]", unpacking)
            unpacking.finish()
            file.flush()
            os.fsync(file.fileno())
        if target.lock is None:
            raise BackupFailed("SQLite 数据库没有写锁。")
        with target.lock.held():
            target.engine.dispose()
            for beside in ("-wal", "-shm"):
                path.with_name(path.name + beside).unlink(missing_ok=True)
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _filling_postgresql(target: Database, replace: bool) -> Iterator[IO[bytes]]:
    """``pg_restore`` in one transaction: all of it, or the database is as it was."""
    address, secret = libpq(target.url)
    command = [client("pg_restore"), "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
               *(["--clean", "--if-exists"] if replace else []), f"--dbname={address}"]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=secret) as process:
        try:
            yield cast("IO[bytes]", process.stdin)
        except BrokenPipeError:
            pass  # it has stopped reading and says why
        except BaseException:
            process.kill()  # an unfinished dump must never look like a finished one
            raise
        said = process.communicate()[1].decode("utf-8", "replace")
    if process.returncode:
        raise BackupFailed(f"pg_restore 失败（{process.returncode}）：{said.strip()[-500:]}")


def _prove_counts(done: Restored) -> None:
    with db.reading() as reader:
        for name, rows in done.contents.manifest["tables"].items():
            found = reader.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()  # noqa: S608
            if found != rows:
                done.problems.append(f"{name}：备份时 {rows} 行，恢复后 {found} 行")
    done.proved.append(f"{len(done.contents.manifest['tables'])} 张表的行数与备份时相同")


def _prove(done: Restored, told: Told) -> None:
    done.problems += [f"库结构：{each}" for each in migrations.drift()]
    with db.reading() as reader:
        report = ledger.audit(reader)
        done.problems += [f"积分账：{found.where} {found.key}：{found.what}" for found in report.disagreements]
        done.seals_opened, broken = seals.open_all(reader, lambda count: told("seals", count, 0))
        done.problems += [f"封存值打不开：{each}" for each in broken]
        done.proved.append(f"积分账：钱包 {report.wallets} 个、流水 {report.transfers} 笔已核对")
        done.proved.append(f"封存值 {done.seals_opened} 个已逐一打开")
        for name, check in _checks.items():
            done.problems += [f"{name}：{each}" for each in check(reader)]
            done.proved.append(f"{name}：已核对")
