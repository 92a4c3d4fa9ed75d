"""Every room's tables in one metadata: for migrations, and for nothing else."""

from __future__ import annotations

import importlib
from pathlib import Path

from backend.kit.db import metadata

KIT = ("city", "files", "jobs", "maintenance", "operations", "outbox", "trail")


def _import_all() -> None:
    for name in KIT:
        importlib.import_module(f"backend.kit.{name}")
    for path in sorted(Path(__file__).parent.glob("*/models.py")):
        importlib.import_module(f"backend.{path.parent.name}.models")


_import_all()

__all__ = ["metadata"]
