"""What a check found: a verdict, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

GOOD, NOTE, BAD = "✓", "!", "✗"
NAMES = {GOOD: "ok", NOTE: "warning", BAD: "failure"}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor. ``advice`` says what to do; empty when there is nothing to do."""

    check: str
    verdict: str
    text: str
    advice: str = ""

    def line(self) -> str:
        advice = f"\n    → {self.advice}" if self.advice else ""
        return f"{self.verdict} {self.check}：{self.text}{advice}"

    def as_dict(self) -> dict[str, str]:
        return {**asdict(self), "verdict": NAMES[self.verdict]}


Check = Callable[[], Iterable[Finding]]


def good(check: str, text: str) -> Finding:
    return Finding(check, GOOD, text)


def note(check: str, text: str, advice: str) -> Finding:
    return Finding(check, NOTE, text, advice)


def bad(check: str, text: str, advice: str) -> Finding:
    return Finding(check, BAD, text, advice)


def judge(check: str, well: bool, text: str, wrong: str, advice: str, *, grave: bool = True) -> Finding:
    """``text`` when all is well, else ``wrong`` with the advice: a failure, or a warning where it is not ``grave``."""
    if well:
        return good(check, text)
    return bad(check, wrong, advice) if grave else note(check, wrong, advice)
