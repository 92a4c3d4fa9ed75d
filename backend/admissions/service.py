"""What other rooms and the edge ask of the door. Each verb is explained where it is defined."""

from __future__ import annotations

from backend.admissions.door import Door, Judgement, door, verify
from backend.admissions.pack import offline_pack, on_place_changed
from backend.admissions.scans import Outcome, came
from backend.admissions.settling import anything_counted, counted, counted_sums
from backend.admissions.venue import admit, upload

__all__ = [
    "Door", "Judgement", "Outcome", "admit", "anything_counted", "came", "counted", "counted_sums", "door",
    "offline_pack", "on_place_changed", "upload", "verify",
]  # fmt: skip
