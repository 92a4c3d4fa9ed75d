"""Measuring side by side: subject and floor take turns in short slices, so that a busy machine disturbs both alike."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.support.load import Answer

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


@dataclass
class Line:
    """One row of the table. ``ratio`` is subject ÷ floor in speed: 1 is as fast, less is slower."""

    name: str
    subject: str
    floor: str
    ratio: float | None
    at_least: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    spread: tuple[float, float] | None = None
    """The smallest and the largest ratio of any round; ``ratio`` is their median."""

    @property
    def verdict(self) -> str:
        if self.ratio is None or self.at_least is None:
            return ""
        return "ok" if self.ratio >= self.at_least else "BELOW"

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


@dataclass
class Slices:
    """What several slices of one thing came to."""

    rates: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    cpu_milliseconds: list[float] = field(default_factory=list)

    def add(self, answers: Sequence[Answer], seconds: float, cpu_seconds: float) -> None:
        self.rates.append(len(answers) / seconds)
        self.milliseconds += [answer.seconds * 1000 for answer in answers]
        self.cpu_milliseconds.append(cpu_seconds * 1000 / max(1, len(answers)))

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def cpu(self) -> float:
        """Milliseconds of processor time of the web server's processes per request."""
        return statistics.median(self.cpu_milliseconds)

    def percentile(self, percent: int) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]

    def words(self) -> str:
        """Rate, processor time and latency for the table."""
        latency = f"p50 {self.percentile(50):.1f} p99 {self.percentile(99):.1f} ms"
        return f"{self.rate:,.0f}/s, {self.cpu:.2f} ms cpu, {latency}"

    def told(self) -> dict[str, Any]:
        """The same for the JSON, with every round's rate."""
        return {
            "rate": self.rate, "rates": self.rates, "cpu_ms": self.cpu, "p50_ms": self.percentile(50),
            "p99_ms": self.percentile(99), "count": len(self.milliseconds),
        }  # fmt: skip


def ratios_of(subject: Sequence[float], floor: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """The median of the ratios of neighbouring slices, and the smallest and largest of them."""
    ratios = [a / b for a, b in zip(subject, floor, strict=True)]
    return statistics.median(ratios), (min(ratios), max(ratios))


def compared(name: str, subject: Slices, floor: Slices, at_least: float | None = None) -> Line:
    """Two things measured in turns, as one row: medians of the rounds, and all that the JSON keeps of them."""
    ratio, spread = ratios_of(subject.rates, floor.rates)
    detail = {"subject": subject.told(), "floor": floor.told()}
    return Line(name, subject.words(), floor.words(), ratio, at_least, detail, spread)


def in_turns(acts: dict[str, Callable[[], None]], rounds: int) -> None:
    """Run every act once a round, forwards and backwards by turns."""
    names = list(acts)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            acts[name]()


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its children that live now."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0.0
    for each in [str(pid), *children]:
        parts = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += (int(parts[11]) + int(parts[12])) * TICK_SECONDS
    return total


def show(lines: Sequence[Line]) -> str:
    """The table."""
    head = ("what", "measured", "floor", "ratio", "min–max", "at least", "")
    rows = [
        (
            line.name, line.subject, line.floor, "" if line.ratio is None else f"{line.ratio:.2f}",
            "" if line.spread is None else "{:.2f}–{:.2f}".format(*line.spread),
            "" if line.at_least is None else f"{line.at_least:.2f}", line.verdict,
        )
        for line in lines
    ]  # fmt: skip
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]
    )
