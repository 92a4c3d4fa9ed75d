"""The report as an Excel workbook: real numbers, formats for rates, and no cell that a spreadsheet would run."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from openpyxl import Workbook
from openpyxl.styles import Font

from backend.kit.clock import SHANGHAI
from backend.kit.workbooks import BOLD, LARGE, WHOLE, Sheet, Value
from backend.quality import rules
from backend.quality.report import Report, most_first
from backend.quality.rules import FIGURES, NOTES, Counts

MOST_LINES = 5_000
"""The lines of a sheet that goes into detail; what is cut is said."""
RATE, FINE_RATE, NONE = "0.00%", "0.000%", "—"
_OVER = Font(bold=True, color="FFA01F1C")
COLUMNS: tuple[tuple[str, str], ...] = (
    ("batches", "批次"), ("rows", "行数"), ("judged", "已审核"), ("accepted", "审核通过"), ("rejected", "退回"),
    ("quarantined", "待核实"), ("added", "新入库"), ("on_time", "按期"), ("corrected", "更正"),
    ("unchanged", "无变化"), ("duplicates", "重复"), ("related", "已关联"),
    ("bad_codes", "重错码"), ("cells_expected", "应填格"), ("cells_filled", "已填格"), ("unfinished", "未办完批次"),
    ("withdrawn_batches", "撤回批次"), ("withdrawn_rows", "撤回行数"), ("trials", "试审批次"),
)  # fmt: skip
"""The sums that stand behind the rates, in their columns."""


def workbook(report: Report) -> bytes:
    """The whole workbook."""
    book = Workbook(write_only=True)
    for title, fill in (
        ("总表", _summary),
        ("按单位", _organisations),
        ("按目录", _items),
        ("逐月明细", _details),
        ("问题明细", _faults),
        ("口径说明", _definitions),
    ):
        fill(Sheet(book, title), report)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# --- figures ---------------------------------------------------------------------------------------------------------

_RATES = tuple(FINE_RATE if f.name == "bad_codes" else RATE for f in FIGURES)
_FORMATS = (*_RATES, "", *[WHOLE] * len(COLUMNS))
_WIDTHS = (*[10] * len(FIGURES), 11, *[10] * len(COLUMNS))


def _titles(report: Report) -> list[str]:
    return [*(f.title for f in FIGURES), f"重错码率 {report.line.permille}‰ 线", *(title for _, title in COLUMNS)]


def _values(counts: Counts, line: rules.Line) -> list[Value]:
    """Rates, the verdict, then the sums. Rates are the numbers that the interface tells; only that of wrong codes, so
    near to its line, stands as it is."""
    rates: list[Value] = [NONE if p is None else p / rules.SCALE for p in rules.rates(counts).values()]
    if counts.rows:
        rates[-1] = counts.bad_codes / counts.rows
    sums: list[Value] = [getattr(counts, name) for name, _ in COLUMNS]
    return [*rates, verdict(rules.keeps_to(line, counts)), *sums]


def verdict(keeps: bool | None) -> str:
    return NONE if keeps is None else "未超过" if keeps else "超过"


def _table(sheet: Sheet, report: Report, heads: Sequence[str], lines: Iterable[tuple[Sequence[Value], Counts]]) -> None:
    """A head, one line for each, those over the line in red, and everything together at the end."""
    sheet.head([*heads, *_titles(report)])
    formats = (*[""] * len(heads), *_FORMATS)
    for names, counts in lines:
        over = rules.keeps_to(report.line, counts) is False
        sheet.line([*names, *_values(counts, report.line)], formats, _OVER if over else None)
    foot = ["合计", *[""] * (len(heads) - 1)]
    sheet.line([*foot, *_values(report.total(), report.line)], formats, BOLD)


def _summary(sheet: Sheet, report: Report) -> None:
    sheet.widths(12, *_WIDTHS)
    sheet.prose("数据质量报告", font=LARGE)
    sheet.line(["区间", f"{report.first} 至 {report.last}（按收到的月份，上海）"])
    sheet.line(["单位", _asked_organisation(report)])
    sheet.line(["目录", "全部条目" if report.asked[1] is None else report.item_title(report.asked[1])])
    sheet.line(["生成", _instant(report.made_at)])
    sheet.line([])
    _table(sheet, report, ["月份"], (([str(month)], counts) for month, counts in report.by_month()))


def _asked_organisation(report: Report) -> str:
    if report.asked[0] is not None:
        return report.organisation_name(report.asked[0])
    return f"共 {len(report.organisations)} 个"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}（上海）"


def _organisations(sheet: Sheet, report: Report) -> None:
    sheet.widths(28, *_WIDTHS)
    sheet.freeze("B2")
    named = (([report.organisation_name(one)], counts) for one, counts in report.by_organisation())
    _table(sheet, report, ["单位"], named)


def _items(sheet: Sheet, report: Report) -> None:
    sheet.widths(14, 28, *_WIDTHS)
    sheet.freeze("C2")
    named = (([code, report.item_title(code)], counts) for code, counts in report.by_item())
    _table(sheet, report, ["目录编码", "目录条目"], named)


def _details(sheet: Sheet, report: Report) -> None:
    sheet.widths(10, 28, 14, 28, *_WIDTHS)
    sheet.freeze("E2")
    cells = sorted(report.cells, key=lambda c: (c.month, report.organisation_name(c.organisation_id), c.item_code))
    named = (
        ([str(c.month), report.organisation_name(c.organisation_id), c.item_code, report.item_title(c.item_code)],
         c.counts)
        for c in cells[:MOST_LINES]
    )  # fmt: skip
    _table(sheet, report, ["月份", "单位", "目录编码", "目录条目"], named)
    _say_cut(sheet, len(cells))


def _faults(sheet: Sheet, report: Report) -> None:
    sheet.widths(28, 14, 28, 24, 20, 60, 10)
    sheet.freeze("A2")
    sheet.head(["单位", "目录编码", "目录条目", "列", "问题代码", "问题", "行数"])
    for line in (found := most_first(report.faults))[:MOST_LINES]:
        where = [report.organisation_name(line.organisation_id), line.item_code, report.item_title(line.item_code)]
        sheet.line([*where, line.column_title, line.fault, line.said, line.rows], ["", "", "", "", "", "", WHOLE])
    _say_cut(sheet, len(found))


def _say_cut(sheet: Sheet, lines: int) -> None:
    if lines > MOST_LINES:
        sheet.prose(f"共 {lines} 行，这里只列前 {MOST_LINES} 行；请缩小区间，或只选一个单位、一个目录条目。")


def _definitions(sheet: Sheet, report: Report) -> None:
    sheet.widths(14, 40, 60, 60)
    sheet.head(["指标", "算法", "含义", "出处"])
    for figure in FIGURES:
        sheet.prose(figure.title, figure.formula, figure.meaning, figure.source)
    sheet.prose("警戒线", f"重错码率不超过 {report.line.permille}‰（含本数），按行数精确比较", "", report.line.basis)
    for note in NOTES:
        sheet.prose("说明", note)
