"""Code-signing keys under the master key of today."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.codes import keys
from backend.codes.models import CodeKey
from backend.kit import rotation, seal
from backend.kit.rotation import Progress

COLUMNS = ("secret_sealed", "pointer_sealed")
_KEYS: Any = CodeKey.__table__


def rewrap_keys(session: Session, _after: object, _limit: int) -> Progress:
    """Seal the secrets of code keys under the current master key; there are a handful, so one step does it."""
    rows = list(session.execute(select(_KEYS.c.kid, *(_KEYS.c[name] for name in COLUMNS)).order_by(_KEYS.c.kid)))
    changed = 0
    for row in rows:
        old = {name: row._mapping[name] for name in COLUMNS}
        new = {name: keys.resealed(text, name, row.kid) for name, text in old.items() if _is_old(text)}
        if new:
            this = (_KEYS.c.kid == row.kid, *(_KEYS.c[name] == old[name] for name in new))
            changed += (
                session.execute(update(_KEYS).where(*this).values(**new).returning(_KEYS.c.kid)).first() is not None
            )
    keys.forget_keys()
    return Progress(None, len(rows), changed)


def _is_old(sealed: str | None) -> bool:
    return sealed is not None and not seal.current().is_current(sealed)


def register() -> None:
    """Tell the kit what this room keeps under the master key."""
    columns = tuple(f"code_keys.{name}" for name in COLUMNS)
    rotation.rewraps("codes.keys", rotation.Pass("签名密钥", columns, rewrap_keys))
