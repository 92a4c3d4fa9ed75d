"""A report as rows of a spreadsheet. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from backend.admissions.reports import Line, Report
from backend.kit import clock

HEADER = (
    "优惠", "放行", "其中离线", "撤销", "冲突", "拒绝", "拒绝原因", "结算积分", "应付金额（分）", "第一次", "最后一次",
)  # fmt: skip


def rows(report: Report, title: Callable[[str], str]) -> Iterator[list[object]]:
    """One row an offer, the sum last. ``title``: what a reason is called."""
    for line in report.offers:
        yield _row(line.title or "（不属于本处的码）", line, title)
    yield _row("合计", report.total, title)


def _row(name: str, line: Line, title: Callable[[str], str]) -> list[object]:
    reasons = sorted(line.refused.items(), key=lambda one: (-one[1], one[0]))
    return [
        name, line.admitted, line.offline, line.undone, line.conflicts, sum(line.refused.values()),
        "；".join(f"{title(reason)} {count}" for reason, count in reasons), line.points, line.settlement_fen,
        _local(line.first_at), _local(line.last_at),
    ]  # fmt: skip


def _local(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M:%S}"
