"""What keeps a backup from being made, read or restored. These are an operator's errors: no caller ever sees one."""

from __future__ import annotations


class BackupFailed(Exception):
    """It could not be made or restored; the words say why and what to do. Nothing half-done is left that verifies."""


class BackupBroken(BackupFailed):
    """The file is not a whole backup of ours: cut off, changed, or its key is not at hand."""
