"""What a resident owes is read by the perk that it pauses and by nothing that scores."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from backend.kit.db import metadata

pytestmark = pytest.mark.once

BACKEND = Path(__file__).resolve().parents[2] / "backend"
SCORING = ("scores", "scoring", "modelling", "records", "catalogue")
READS_PAUSED = {"perks", "offers", "obligations"}
"""Rooms that may ask whom arrears pause."""


def files(room: str) -> list[Path]:
    return sorted((BACKEND / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file names in an import, and every name that it takes from one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("room", SCORING)
def test_nothing_that_scores_knows_of_obligations(room: str) -> None:
    assert files(room)
    for path in files(room):
        assert not [name for name in imported(path) if name.startswith("backend.obligations")], path
        text = path.read_text("utf-8")
        assert not [table for table in metadata.tables if table.startswith("obligation") and table in text], path


def test_nobody_but_the_verdict_on_an_offer_asks_whom_arrears_pause() -> None:
    asking = {
        path.relative_to(BACKEND).parts[0]
        for path in BACKEND.rglob("*.py")
        if "obligations" in path.read_text("utf-8") and "paused(" in path.read_text("utf-8")
    }
    assert asking <= READS_PAUSED


def test_no_wire_of_news_leads_from_obligations_to_a_score() -> None:
    text = (BACKEND / "app.py").read_text("utf-8")
    lines = [line for line in text.splitlines() if '"obligations.' in line]
    assert lines and not [line for line in lines if any(f"{room}." in line.split(",", 1)[-1] for room in SCORING)]
