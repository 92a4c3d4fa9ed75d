"""Large contents under a key of their own: an upload, what goes back of it.

The key is random, and stands in its row sealed under the master key, so that rotating the master key touches a few
bytes, and destroying the sealed key makes the contents unreadable at once, in backups too. Contents are compressed
first; where each belongs is authenticated with it.
"""

from __future__ import annotations

import base64
import os
import zlib
from dataclasses import dataclass, field
from uuid import UUID

from backend.kit import seal
from backend.kit.suites import SealBroken, suite_for, suite_named

LEVEL = 1
"""Of compression: text shrinks to a fifth at several times the speed of a disk."""


@dataclass(frozen=True)
class Vault:
    """The opened key of one row's contents."""

    suite: str
    key: bytes = field(repr=False)
    row: UUID

    @classmethod
    def new(cls, row: UUID) -> Vault:
        """A fresh key for what belongs to ``row``."""
        return cls(suite_for(seal.current().current).name, os.urandom(seal.DATA_KEY_BYTES), row)

    def sealed(self, *, table: str, column: str) -> str:
        """The key as its row keeps it, in ``table.column``."""
        told = f"{self.suite}:{base64.b64encode(self.key).decode()}"
        return seal.seal_system(told, table=table, column=column, row=self.row)

    @classmethod
    def opened(cls, sealed: str, *, table: str, column: str, row: UUID) -> Vault:
        """The key again. Raises SealBroken."""
        suite, _, key = seal.open_system(sealed, table=table, column=column, row=row).partition(":")
        return cls(suite, base64.b64decode(key), row)

    def put(self, content: bytes, kind: str, number: int) -> bytes:
        """Content as it is kept: the ``number``-th of its ``kind``."""
        return suite_named(self.suite).encrypt(self.key, zlib.compress(content, LEVEL), self._place(kind, number))

    def get(self, kept: bytes, kind: str, number: int) -> bytes:
        """The content again. Raises SealBroken when it was kept in another place."""
        opened = suite_named(self.suite).decrypt(self.key, bytes(kept), self._place(kind, number))
        try:
            return zlib.decompress(opened)
        except zlib.error as error:
            raise SealBroken("not what was kept") from error

    def _place(self, kind: str, number: int) -> bytes:
        return b"\n".join((b"xinyi-vault-1", self.row.bytes, kind.encode(), str(number).encode()))
