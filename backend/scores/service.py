"""The scores' verbs. Computing and reading stand in ``computing`` and ``reading``, named here for the other rooms."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.kit import city
from backend.kit.db import Reader
from backend.scores.compiled import PURPOSE, Done, Statements, Tried
from backend.scores.computing import (
    Chunk,
    Score,
    compile_policy,
    compiled_in_force,
    consenting,
    drop_stored_reasons,
    forget,
    forget_lapsed,
    recompute,
    recompute_all,
    recompute_due,
    recompute_many,
    recompute_missing,
    simulate_chunk,
)
from backend.scores.reading import (
    STANDING,
    Change,
    Explained,
    current,
    explain,
    explain_as_of,
    history,
    level_rank,
    require,
    stood,
    would_raise,
)
from backend.scoring import linter
from backend.scoring.rules import Level, Plan

__all__ = [
    "PURPOSE", "STANDING", "Change", "Chunk", "Done", "Explained", "Level", "Plan", "Score", "Statements", "Tried",
    "compile_policy", "consenting", "current", "drop_stored_reasons", "explain", "explain_as_of", "forget",
    "forget_lapsed", "history", "level_rank", "level_rank_of", "levels", "lint_policy", "on_consent_changed",
    "on_records_changed", "on_records_loaded", "plan", "recompute", "recompute_all", "recompute_due", "recompute_many",
    "recompute_missing", "require", "simulate_chunk", "stood",
    "would_raise",
]  # fmt: skip


def lint_policy(content: dict[str, Any], contents: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``scoring.toml`` that the composition root registers."""
    return linter.scoring_problems(content, contents)


def plan(reader: Reader) -> Plan:
    """The scoring policy in force today."""
    return compiled_in_force(reader).plan


def levels(reader: Reader) -> tuple[Level, ...]:
    """The levels in force today, the lowest first."""
    return plan(reader).levels


def level_rank_of(policy: city.Policy, level_id: str) -> int:
    """The rank (0 is the lowest) of a level in a ``scoring`` policy. Raises KeyError."""
    ascending = sorted(policy.content["levels"], key=lambda raw: int(raw["from"]))
    return {raw["id"]: rank for rank, raw in enumerate(ascending)}[level_id]


# --- what other rooms tell -------------------------------------------------------------------------------------------


def on_records_changed(session: Session, payload: dict[str, Any]) -> None:
    """Within ``records.changed`` {resident_id, record_id, change}: the score follows at once."""
    record_id = payload.get("record_id")
    cause = f"record-{payload.get('change', 'added')}"
    recompute(session, UUID(payload["resident_id"]), cause, UUID(record_id) if record_id else None)


def on_records_loaded(session: Session, payload: dict[str, Any]) -> None:
    """Within ``records.loaded`` {resident_ids}."""
    recompute_many(session, [UUID(key) for key in payload["resident_ids"]], "records-loaded")


def on_consent_changed(session: Session, payload: dict[str, Any]) -> None:
    """Within ``consents.changed`` {resident_id, purpose, granted}: given, computed at once; withdrawn, all deleted."""
    if payload["purpose"] != PURPOSE:
        return
    resident_id = UUID(payload["resident_id"])
    if payload["granted"]:
        recompute(session, resident_id, "consent")
    else:
        forget(session, resident_id)
