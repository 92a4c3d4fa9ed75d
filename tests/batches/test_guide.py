"""The departments' guide names every fault and every refusal that there is, and its two editions keep step."""

from __future__ import annotations

import re

import pytest

from backend.batches.schemas import STATUSES
from backend.demo import department_files
from backend.intake import faults
from backend.pages.routes import APPS
from config.settings import ROOT

pytestmark = pytest.mark.once
GUIDES = {name: (ROOT / name).read_text("utf-8") for name in ("REPORTING.md", "REPORTING.zh-CN.md")}
ENGLISH, CHINESE = GUIDES.values()


def first_cells(guide: str) -> list[str]:
    return re.findall(r"(?m)^\| (`.*?) \|", guide)


def refusals() -> set[str]:
    """The reason of every refusal of a whole file, out of the code that refuses."""
    rooms = [path for room in ("intake", "batches") for path in (ROOT / "backend" / room).glob("*.py")]
    code = "\n".join(path.read_text("utf-8") for path in rooms)
    found = set(re.findall(r'(?:FileRefused\(\s*|"reason": )"([a-z-]+)"', code))
    return found | set(re.findall(r'"([a-z-]+-column|column-twice)"', code))


def test_both_editions_have_the_same_commands_sections_and_tables() -> None:
    blocks = [re.findall(r"(?ms)^```sh\n(.*?)^```", guide) for guide in GUIDES.values()]
    assert blocks[0] == blocks[1] and len(blocks[0]) > 8
    assert len({len(re.findall(r"(?m)^## ", guide)) for guide in GUIDES.values()}) == 1
    assert first_cells(CHINESE) == [cell.replace(", ", "、") for cell in first_cells(ENGLISH)]


def test_every_fault_every_refusal_and_every_state_is_explained() -> None:
    named = set(re.findall(r"`([a-z-]+)`", " ".join(first_cells(ENGLISH))))
    assert named >= set(faults.CODES) | refusals() | set(STATUSES)
    assert len(refusals()) > 10


def test_what_the_guide_names_is_there() -> None:
    for guide in GUIDES.values():
        assert set(re.findall(r"/app/([a-z]+)", guide)) <= set(APPS)
        assert department_files.ANSWERS in guide and "instance/department-files/" in guide
