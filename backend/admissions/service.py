"""What other rooms and the edge ask of the door. Each verb is explained where it is defined."""

from __future__ import annotations

from backend.admissions import rules
from backend.admissions.door import Door, Judgement, door, verify
from backend.admissions.operated import admit_for
from backend.admissions.pack import offline_pack, on_place_changed
from backend.admissions.scans import Outcome, came
from backend.admissions.settling import anything_counted, counted, counted_sums
from backend.admissions.undoing import Undone, undo
from backend.admissions.venue import admit, upload, use


def lint_policy(content: dict[str, object], contents: dict[str, dict[str, object]]) -> list[str]:
    """The check of the door's limits in ``city.toml`` that the composition root registers."""
    del contents
    return rules.lint_limits(content)


__all__ = [
    "Door", "Judgement", "Outcome", "Undone", "admit", "admit_for", "anything_counted", "came", "counted",
    "counted_sums", "door", "lint_policy", "offline_pack", "on_place_changed", "undo", "upload", "use", "verify",
]  # fmt: skip
