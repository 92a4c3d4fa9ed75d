"""Making, reading back and restoring: what the commands call, and what other rooms may ask."""

from __future__ import annotations

from backend.backup.errors import BackupBroken, BackupFailed
from backend.backup.making import SUFFIX, Kept, kept, make
from backend.backup.reading import Contents, verify
from backend.backup.restoring import Restored, check_after_restoring, restore
from backend.backup.seals import bound_by, open_all, open_samples, sealed_columns

__all__ = [
    "SUFFIX",
    "BackupBroken",
    "BackupFailed",
    "Contents",
    "Kept",
    "Restored",
    "bound_by",
    "check_after_restoring",
    "kept",
    "make",
    "open_all",
    "open_samples",
    "restore",
    "sealed_columns",
    "verify",
]
