"""One moment of a database: its dump, its rows counted, the files it names. Writers go on meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql
from sqlalchemy import URL

from backend.backup.errors import BackupFailed
from backend.kit.db import Database

PIECE_BYTES = 4 * 1024 * 1024
PAGES = 4096
"""SQLite pages copied at a time: 16 MB between two words of progress."""
COPY = ".xinyi-backup-copy"
PACKING = 3
Told = Callable[[str, int, int], None]
"""Hears of progress: what, how much is done, of how much (0 where nobody knows)."""
_FILES = "SELECT storage_key, sha256 FROM files ORDER BY storage_key"


class Snapshot(Protocol):
    """``files`` gives the storage key and the SHA-256 of every picture that a row names."""

    versions: dict[str, str]

    def dump(self) -> Iterator[bytes]: ...

    def count(self, table: str) -> int: ...

    def tables(self) -> list[str]: ...

    def files(self) -> Iterator[tuple[str, bytes]]: ...


@contextmanager
def snapshot(database: Database, told: Told) -> Iterator[Snapshot]:
    """A consistent moment of ``database`` for as long as the block lasts. Raises BackupFailed."""
    if database.dialect == "sqlite":
        with _sqlite(Path(database.url.database or ""), told) as taken:
            yield taken
    else:
        with _postgresql(database.url) as other:
            yield other


class _SqliteSnapshot:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.versions = {"sqlite": sqlite3.sqlite_version}

    def close(self) -> None:
        self._connection.close()

    def dump(self) -> Iterator[bytes]:
        """The file, compressed (zlib)."""
        packing = zlib.compressobj(PACKING)
        with self._path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                if packed := packing.compress(piece):
                    yield packed
        yield packing.flush()

    def tables(self) -> list[str]:
        named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        return [row[0] for row in self._connection.execute(named)]

    def count(self, table: str) -> int:
        quoted = '"' + table.replace('"', '""') + '"'
        return int(self._connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()[0])  # noqa: S608

    def files(self) -> Iterator[tuple[str, bytes]]:
        yield from self._connection.execute(_FILES)


@contextmanager
def _sqlite(path: Path, told: Told) -> Iterator[_SqliteSnapshot]:
    """Copy with SQLite's backup API inside one read transaction: writers are not kept, and nothing is copied twice.

    The copy lies beside the database, where only the service's user may read, and goes with the block.
    """
    copy = path.with_name(path.name + COPY)
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as source, closing(sqlite3.connect(copy)) as target:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(target, pages=PAGES, progress=lambda _, left, all_: told("database", all_ - left, all_))
            source.execute("ROLLBACK")
            target.execute("PRAGMA journal_mode=DELETE")
            if (found := target.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise BackupFailed(f"数据库本身已损坏（quick_check：{found}）。请先查明原因，再用较早的备份恢复。")
        with closing(_SqliteSnapshot(copy)) as taken:
            yield taken
    finally:
        for leftover in (copy, *copy.parent.glob(copy.name + "-*")):
            leftover.unlink(missing_ok=True)


class _PostgresqlSnapshot:
    def __init__(self, url: URL, connection: psycopg.Connection[Any], name: str, program: str) -> None:
        self._url, self._connection, self._name, self._program = url, connection, name, program
        server = f"{connection.info.server_version // 10000}.{connection.info.server_version % 10000}"
        self.versions = {"postgresql": server, "pg_dump": _version_of(program)}

    def dump(self) -> Iterator[bytes]:
        """``pg_dump`` of this very snapshot, in the custom format, which ``pg_restore`` reads."""
        address, secret = libpq(self._url)
        command = [self._program, "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={self._name}",
                   f"--dbname={address}"]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=secret) as process:
            if process.stdout is None or process.stderr is None:
                raise BackupFailed("pg_dump 没有启动。")
            while piece := process.stdout.read(PIECE_BYTES):
                yield piece
            said = process.stderr.read().decode("utf-8", "replace")
        if process.returncode:
            raise BackupFailed(f"pg_dump 失败（{process.returncode}）：{said.strip()[-500:]}")

    def tables(self) -> list[str]:
        named = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
        return [row[0] for row in self._connection.execute(named)]

    def count(self, table: str) -> int:
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        row = self._connection.execute(statement).fetchone()
        return int(row[0]) if row else 0

    def files(self) -> Iterator[tuple[str, bytes]]:
        with self._connection.cursor(name="backup_files") as cursor:
            for key, digest in cursor.execute(_FILES):
                yield key, bytes(digest)


@contextmanager
def _postgresql(url: URL) -> Iterator[_PostgresqlSnapshot]:
    """One repeatable-read transaction exports the snapshot that pg_dump, the counts and the list of files share."""
    program = client("pg_dump")
    address, secret = libpq(url)
    with psycopg.connect(address, password=secret.get("PGPASSWORD"), autocommit=True) as connection:
        _require_version(program, connection.info.server_version // 10000)
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield _PostgresqlSnapshot(url, connection, str(row[0] if row else ""), program)
        connection.execute("ROLLBACK")


def client(name: str) -> str:
    """The newest ``pg_dump`` or ``pg_restore`` of this machine. Raises BackupFailed where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name) or ""
    if not program:
        raise BackupFailed(f"没有 {name}：请安装 postgresql-client（Debian：apt install postgresql-client）。")
    return program


def _version_of(program: str) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)(\.\d+)?", told)
    return found[0] if found else ""


def _require_version(program: str, server: int) -> None:
    own = int(_version_of(program).partition(".")[0] or 0)
    if own < server:
        raise BackupFailed(
            f"{Path(program).name} 是 {own} 版，服务器是 {server} 版：请安装 postgresql-client-{server}。"
        )


def libpq(url: URL) -> tuple[str, dict[str, str]]:
    """The address as PostgreSQL's own programs read it, without the password, and the environment that holds it."""
    address = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    secret = {"PGPASSWORD": url.password} if url.password else {}
    return address, {**{k: v for k, v in os.environ.items() if not k.startswith("XINYI_")}, **secret}
