"""Reading a backup back: every byte is opened and counted before anybody relies on it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from backend.backup.envelope import Header, Reader, read_header
from backend.backup.errors import BackupBroken
from backend.backup.snapshots import Told

Took = Callable[[bytes], object]
TookFile = Callable[[str, bytes], object]


@dataclass(frozen=True)
class Contents:
    """A backup that is whole: its header and its manifest."""

    header: Header
    manifest: dict[str, Any]


def verify(path: Path, master_keys: Mapping[str, bytes], told: Told = lambda *_: None) -> Contents:
    """Open and check all of a backup, and keep nothing. Raises BackupBroken."""
    return walk(path, master_keys, lambda _: None, lambda *_: None, told)


def walk(
    path: Path, master_keys: Mapping[str, bytes], database: Took, file: TookFile, told: Told = lambda *_: None
) -> Contents:
    """Hand the database's dump, piece by piece, and the pictures over, then compare with the manifest at the end.

    What was handed over may be kept only when this returns. Raises BackupBroken.
    """
    total, digest, size, pictures, manifest = path.stat().st_size, hashlib.sha256(), 0, 0, None
    with _opened(path, master_keys) as (header, position, archive):
        for entry in archive:
            content = _content(archive, entry)
            kind, _, name = entry.name.partition("/")
            if entry.name == "manifest.json":
                manifest = json.loads(content)
            elif kind == "database":
                database(content)
                digest.update(content)
                size += len(content)
            elif kind == "files":
                file(name, content)
                pictures += 1
            else:
                raise BackupBroken(f"备份里有不认识的内容：{entry.name[:80]}")
            told("read", position(), total)
    if manifest is None:
        raise BackupBroken("备份不完整：没有清单。")
    said = manifest["database"], manifest["files"]["count"]
    if (said[0]["sha256"], said[0]["bytes"], said[1]) != (digest.hexdigest(), size, pictures):
        raise BackupBroken("备份与它自己的清单不符。")
    return Contents(header, manifest)


@contextmanager
def _opened(
    path: Path, master_keys: Mapping[str, bytes]
) -> Iterator[tuple[Header, Callable[[], int], tarfile.TarFile]]:
    with path.open("rb") as source:
        header = read_header(source)
        stream = io.BufferedReader(Reader(source, header, master_keys), 1024 * 1024)
        try:
            with tarfile.open(fileobj=cast(Any, stream), mode="r|") as archive:
                yield header, source.tell, archive
            if stream.read().strip(b"\0"):  # to the very end, which is what proves that nothing was cut off
                raise BackupBroken("备份末尾有多余的内容。")
        except tarfile.TarError as error:
            raise BackupBroken("备份的内部结构已损坏。") from error


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(entry) if entry.isfile() else None
    if opened is None:
        raise BackupBroken(f"备份里有不是文件的内容：{entry.name[:80]}")
    return opened.read()
