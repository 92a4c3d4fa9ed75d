"""What is written into the pages' files: nothing that the policy would refuse, nobody else's address."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from backend.accounts.rules import ROLES
from backend.pages.rendering import ink_on
from config.settings import ROOT

PAGES = ROOT / "backend" / "pages"
TEMPLATES = sorted((PAGES / "templates").rglob("*.html"))
SCRIPTS = sorted((PAGES / "static" / "js").rglob("*.js"))
STYLES = sorted((PAGES / "static" / "css").rglob("*.css"))

pytestmark = pytest.mark.once


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_inline(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:|\|\s*safe", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("path", [*TEMPLATES, *SCRIPTS, *STYLES], ids=lambda path: path.name)
def test_a_file_names_no_other_host(path: Path) -> None:
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"https?://[a-z0-9]", text) and "@import" not in text


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_never_turns_text_into_markup(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"\.(innerHTML|outerHTML)\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert "localStorage" not in text and "document.cookie" not in text
    assert len(text.splitlines()) <= 500


def acts_noted() -> set[str]:
    """What is written into the trail, as it stands in the code: texts of the form ``room.act`` given to a note."""
    found: set[str] = set()
    for path in sorted((ROOT / "backend").rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in ("note", "noted", "_note", "_note_search"):
                texts = (part.value for part in ast.walk(call) if isinstance(part, ast.Constant))
                found |= {text for text in texts if re.fullmatch(r"[a-z-]+(\.[a-z-]+)+[a-z]", str(text))}
    return found


def test_the_auditor_reads_every_act_in_words() -> None:
    known = set(re.findall(r'^  "([a-z.-]+)":', (PAGES / "static/js/audit/words.js").read_text("utf-8"), re.MULTILINE))
    proposals = {f"{kind}.{act}" for kind in ("city.publish", "points.adjust", "people.export")
                 for act in ("propose", "approve", "reject", "withdraw")}  # fmt: skip
    acts = acts_noted()
    assert len(acts) > 35 and (acts | proposals) - known == set()


def test_the_pages_call_the_roles_as_the_api_does() -> None:
    text = (PAGES / "static/js/staff/words.js").read_text("utf-8")
    assert dict(re.findall(r'^  "?([a-z-]+)"?: "(.+)",$', text, re.MULTILINE)) == ROLES


def test_the_lock_of_the_packages_names_no_registry() -> None:
    assert "resolved" not in (ROOT / "package-lock.json").read_text("utf-8")


def test_text_on_a_grades_colour_can_be_read() -> None:
    for colour, ink in (("#0B7A3B", "#ffffff"), ("#ffff00", "#000000"), ("#000000", "#ffffff"), ("#B26A00", "#000000")):
        assert ink_on(colour) == ink
