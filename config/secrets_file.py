"""A file of secrets, ``NAME=value`` a line, that only the service's user can read.

``XINYI_SECRETS_FILE`` names it. What the environment says itself comes first. Running processes notice when it is
replaced, so that keys rotate without a restart.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

_LINE = re.compile(r"\s*(?:export\s+)?(DATABASE_URL|XINYI_[A-Z0-9_]+)\s*=\s*(.*?)\s*")


def read(path: Path) -> dict[str, str]:
    """The names and values of the file. Raises ValueError naming a line that is neither a value nor a comment, or
    telling that others may read the file; OSError when it cannot be read."""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IRGRP:
        raise ValueError(f"{path} can be read or changed by others: chmod 600 {path}")
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if (match := _LINE.fullmatch(line)) is None:
            raise ValueError(f"{path}, line {number}: written NAME=value, with a name of config/example.env")
        found[match[1]] = match[2].strip("\"'")
    return found


def change(path: Path, name: str, value: str) -> None:
    """Set one value and leave every other line as it is. The file is replaced whole, or not at all."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    at = [number for number, line in enumerate(lines) if (m := _LINE.fullmatch(line)) and m[1] == name]
    if at:
        lines[at[0]] = f"{name}={value}"
    else:
        lines.append(f"{name}={value}")
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        status = path.stat()
        os.chmod(part, stat.S_IMODE(status.st_mode))
        if os.geteuid() == 0:
            os.chown(part, status.st_uid, status.st_gid)
    part.replace(path)
