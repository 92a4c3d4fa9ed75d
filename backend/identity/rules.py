"""Counter codes and how often one may try: pure functions and figures."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import Any

from backend.accounts.rules import Limit

COUNTER_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No 0, O, 1, I, L: a code is read out and typed."""

BINDING_PER_ACCOUNT = Limit(5, timedelta(hours=24))
BINDING_PER_ID_NUMBER = Limit(10, timedelta(hours=24))
"""Recoveries count with them: what is guessed is the same."""

RECOVERY_PAUSE_HOURS = 72
"""Where the city's ``limits.recovery_pause_hours`` says nothing else."""
LONGEST_PAUSE_HOURS = 720


def normal_counter_code(text: str) -> str:
    """A counter code as it is compared: upper case, without the spaces and hyphens that make it readable."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()


def lint_limits(limits: dict[str, Any]) -> list[str]:
    """What is wrong with the city's limits that this room reads."""
    hours = limits.get("recovery_pause_hours", RECOVERY_PAUSE_HOURS)
    if isinstance(hours, bool) or not isinstance(hours, int) or not 0 <= hours <= LONGEST_PAUSE_HOURS:
        return [f"limits.recovery_pause_hours 应为 0 至 {LONGEST_PAUSE_HOURS} 的整数（小时）"]
    return []
