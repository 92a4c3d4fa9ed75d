"""The envelope of a backup: a header anyone may read, then one encrypted stream that is whole or does not open.

The key is derived from the master key and a salt of this file's own (HKDF, RFC 5869), so that whoever can open the
seals in a backup can open the backup, and nobody else. The stream is cut into chunks of a megabyte, each sealed with
the suite of the master key and bound to the header, to its place, and to whether it is the last: chunks that are
changed, exchanged, left out or cut off are noticed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.backup.errors import BackupBroken
from backend.kit import seal

MAGIC = b"XINYI-BACKUP\n"
FORMAT = 1
CHUNK_BYTES = 1024 * 1024
MOST_HEADER_BYTES = 64 * 1024
MOST_SEALED_BYTES = CHUNK_BYTES + 1024


@dataclass(frozen=True)
class Header:
    """What can be read without a key. ``needs``: the key ids, by kind, without which the restored data is mute."""

    made_at: str
    city: str
    database: str
    revision: str
    release: str
    needs: dict[str, list[str]]
    key_id: str
    suite: str
    salt: str

    @classmethod
    def parse(cls, line: bytes) -> Header:
        try:
            found = json.loads(line)
            if found.pop("format") != FORMAT:
                raise BackupBroken("这份备份由更新的版本制作，请先升级程序。")
            return cls(**found)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupBroken("不是备份文件，或文件头已损坏。") from error

    def line(self) -> bytes:
        return json.dumps({"format": FORMAT, **self.__dict__}, sort_keys=True).encode() + b"\n"


def _key(master: bytes, salt: str) -> bytes:
    return HKDF(SHA256(), 32, salt=base64.b64decode(salt), info=b"xinyi-backup-1").derive(master)


def _bound(header: bytes, place: int, last: bool) -> bytes:
    return b"xinyi-backup-1" + hashlib.sha256(header).digest() + place.to_bytes(8, "big") + bytes([last])


def new_salt() -> str:
    return base64.b64encode(os.urandom(32)).decode()


class Writer(io.RawIOBase):
    """Writes header and stream to ``target``. Only ``finish`` makes the stream whole."""

    def __init__(self, target: IO[bytes], header: Header, master_keys: Mapping[str, bytes]) -> None:
        self._target, self._head = target, header.line()
        self._suite = seal.suite_for(header.key_id)
        self._key = _key(master_keys[header.key_id], header.salt)
        self._buffer, self._place = bytearray(), 0
        target.write(MAGIC + self._head)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._buffer += data
        while len(self._buffer) > CHUNK_BYTES:
            self._seal(bytes(self._buffer[:CHUNK_BYTES]), last=False)
            del self._buffer[:CHUNK_BYTES]
        return len(data)

    def finish(self) -> None:
        """Write what is left as the last chunk."""
        self._seal(bytes(self._buffer), last=True)
        self._buffer.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        sealed = self._suite.encrypt(self._key, chunk, _bound(self._head, self._place, last))
        self._target.write(len(sealed).to_bytes(4, "big") + sealed)
        self._place += 1


def read_header(source: IO[bytes]) -> Header:
    """The header of a backup. Raises BackupBroken when it is none."""
    if source.read(len(MAGIC)) != MAGIC:
        raise BackupBroken("不是信易+的备份文件。")
    return Header.parse(source.readline(MOST_HEADER_BYTES))


class Reader(io.RawIOBase):
    """The stream of a backup whose header has just been read. Raises BackupBroken wherever it is not as written."""

    def __init__(self, source: IO[bytes], header: Header, master_keys: Mapping[str, bytes]) -> None:
        if header.key_id not in master_keys:
            raise BackupBroken(f"这份备份用主密钥 {header.key_id} 加密，设置里没有它。")
        self._source, self._head = source, header.line()
        self._suite = seal.suite_for(header.key_id)
        if self._suite.name != header.suite:
            raise BackupBroken("密钥编号与加密算法不符。")
        self._key = _key(master_keys[header.key_id], header.salt)
        self._place, self._ended, self._buffer = 0, False, b""
        self._waiting = self._frame()

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._buffer and not self._ended:
            self._buffer = self._open()
        part = self._buffer[: len(target)]
        target[: len(part)] = part
        self._buffer = self._buffer[len(part) :]
        return len(part)

    def _frame(self) -> bytes:
        """The next sealed chunk; empty at the end of the file."""
        size = self._source.read(4)
        if not size:
            return b""
        length = int.from_bytes(size, "big")
        sealed = self._source.read(length) if length <= MOST_SEALED_BYTES else b""
        if len(size) < 4 or len(sealed) != length:
            raise BackupBroken("备份不完整：文件被截断。")
        return sealed

    def _open(self) -> bytes:
        sealed, self._waiting = self._waiting, self._frame()
        last = not self._waiting
        try:
            chunk = self._suite.decrypt(self._key, sealed, _bound(self._head, self._place, last))
        except seal.SealBroken as error:
            raise BackupBroken("备份被改动、被截断，或密钥不对：打不开。") from error
        self._place, self._ended = self._place + 1, last
        return chunk
