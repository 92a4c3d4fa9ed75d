"""Making a backup: the database and the pictures its rows name, in one file that stands whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from sqlalchemy import text

from backend import __version__
from backend.backup import reading
from backend.backup.envelope import Header, Writer, new_salt, read_header
from backend.backup.errors import BackupFailed
from backend.backup.snapshots import Snapshot, Told, snapshot
from backend.kit import clock, db, files, migrations, seal
from backend.models import metadata
from config.settings import Settings

SUFFIX = ".xybak"
PART = ".part"
DATABASE, PICTURES, MANIFEST = "database", "files", "manifest.json"


class Kept(NamedTuple):
    """A backup that lies in a folder."""

    path: Path
    header: Header

    @property
    def made_at(self) -> datetime:
        return datetime.fromisoformat(self.header.made_at)


def make(settings: Settings, folder: Path, keep: int = 0, told: Told = lambda *_: None) -> Path:
    """Back up the bound database and the files, read the result back, and return its path.

    ``keep``: how many of this city's backups may stay in ``folder`` afterwards; 0 keeps all. Raises BackupFailed.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder):
        made_at = clock.now()
        header = _header(settings, made_at)
        path = folder / f"xinyi-{settings.city}-{made_at:%Y%m%dT%H%M%S}.{made_at.microsecond // 1000:03d}Z{SUFFIX}"
        part = path.with_name("." + path.name + PART)
        try:
            with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                _write(file, header, settings, told)
                file.flush()
                os.fsync(file.fileno())
            reading.verify(part, settings.master_keys, told)
            part.replace(path)
            _sync(folder)
        finally:
            part.unlink(missing_ok=True)
        _forget_old(folder, settings.city, keep)
    return path


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One backup at a time; what an interrupted one left lying goes."""
    with (folder / ".lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupFailed("另一个备份正在进行。") from None
        for leftover in folder.glob(f".*{SUFFIX}{PART}"):
            leftover.unlink(missing_ok=True)
        yield


def _header(settings: Settings, made_at: datetime) -> Header:
    key_id = next(iter(settings.master_keys))
    return Header(
        made_at=made_at.isoformat(),
        city=settings.city,
        database=db.current().dialect,
        revision=migrations.current(),
        release=__version__,
        needs={"master": list(settings.master_keys), "hash": list(settings.hash_keys)},
        key_id=key_id,
        suite=seal.suite_for(key_id).name,
        salt=new_salt(),
    )


def _write(file: IO[bytes], header: Header, settings: Settings, told: Told) -> None:
    writer = Writer(file, header, settings.master_keys)
    with snapshot(db.current(), told) as taken, tarfile.open(fileobj=cast(Any, writer), mode="w|") as archive:
        manifest: dict[str, Any] = {"versions": taken.versions, "tables": _counts(taken)}
        manifest[DATABASE] = _add_database(archive, taken, told)
        manifest[PICTURES] = _add_files(archive, taken, files.DiskStore(settings.files_root), told)
        _add(archive, MANIFEST, json.dumps(manifest).encode())
    writer.finish()


def _counts(taken: Snapshot) -> dict[str, int]:
    ours = {*metadata.tables, "alembic_version"}
    return {name: taken.count(name) for name in taken.tables() if name in ours}


def _add_database(archive: tarfile.TarFile, taken: Snapshot, told: Told) -> dict[str, Any]:
    digest, size, pieces = hashlib.sha256(), 0, 0
    for piece in taken.dump():
        _add(archive, f"{DATABASE}/{pieces:06d}", piece)
        digest.update(piece)
        size, pieces = size + len(piece), pieces + 1
        told("dump", size, 0)
    return {"sha256": digest.hexdigest(), "bytes": size, "pieces": pieces}


def _add_files(archive: tarfile.TarFile, taken: Snapshot, store: files.DiskStore, told: Told) -> dict[str, Any]:
    """Every picture that a row of the snapshot names, each held against the row's own SHA-256.

    A picture is written before its row and swept an hour after it has lost it, so one that is missing here was deleted
    while the backup ran, or is lost. The first is noted, the second is an error.
    """
    total, count, size, gone = taken.count("files"), 0, 0, []
    for key, sha256 in taken.files():
        try:
            content = store.get(key)
        except KeyError:
            gone.append(key)
            continue
        if hashlib.sha256(content).digest() != sha256:
            raise BackupFailed(f"图片文件 {key} 与登记的校验值不符：请先查明原因，再用较早的备份恢复这个文件。")
        _add(archive, f"{PICTURES}/{key}", content)
        count, size = count + 1, size + len(content)
        told("files", count, total)
    if lost := _still_named(gone):
        raise BackupFailed(f"{len(lost)} 个图片文件有登记而磁盘上没有，例如 {lost[0]}：请检查 XINYI_FILES_ROOT。")
    return {"count": count, "bytes": size, "deleted_meanwhile": len(gone)}


def _still_named(keys: list[str]) -> list[str]:
    """Those of ``keys`` that a row names at this moment."""
    asked = text("SELECT 1 FROM files WHERE storage_key = :key")
    with db.reading() as reader:
        return [key for key in keys if reader.execute(asked, {"key": key}).first() is not None]


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    archive.addfile(entry, io.BytesIO(content))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def kept(folder: Path, city: str) -> list[Kept]:
    """The backups of a city that lie in ``folder``, the newest first. Files that are none are passed over."""
    found = []
    for path in folder.glob(f"xinyi-*{SUFFIX}") if folder.is_dir() else ():
        try:
            with path.open("rb") as file:
                header = read_header(file)
        except (OSError, BackupFailed):
            continue
        if header.city == city:
            found.append(Kept(path, header))
    return sorted(found, key=lambda each: each.made_at, reverse=True)


def _forget_old(folder: Path, city: str, keep: int) -> None:
    for old in kept(folder, city)[keep:] if keep else ():
        old.path.unlink(missing_ok=True)
