"""What a figure of data quality is, how it is added up and how it is rounded. Pure functions over counters.

Every figure is a part of a whole, both of them sums over batches' counters; a rate is worked out from the two sums and
never from other rates. So the figures of a whole city are those of its departments added up, whichever way it is cut.
The names of the figures are those of 《南京市“十四五”社会信用体系建设规划》, which gives no formulas: these are ours,
and they are printed wherever the figures are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import reduce
from operator import add
from typing import Any, NamedTuple

SCALE = 10_000
"""A rate is told in parts of ten thousand."""
MOST_MONTHS = 120
"""The longest range of a report."""
MOST_PERMILLE = 1000


# --- months ----------------------------------------------------------------------------------------------------------


class Month(NamedTuple):
    """A calendar month in Asia/Shanghai."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    def later(self, months: int) -> Month:
        """So many months later; earlier where ``months`` is negative."""
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(year, month + 1)

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.year, day.month)

    @classmethod
    def read(cls, text: str) -> Month:
        """``2026-10``. Raises ValueError."""
        return cls.of(date.fromisoformat(f"{text}-01"))


def months(first: Month, last: Month) -> list[Month]:
    """Every month from ``first`` to ``last``, both included; none when ``last`` is earlier."""
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [first.later(n) for n in range(count)]


# --- sums ------------------------------------------------------------------------------------------------------------


class Counts(NamedTuple):
    """Sums over batches; whole numbers that add up. Only ``unfinished``, ``withdrawn…`` and ``trials`` count batches
    that are left out of all the others."""

    batches: int = 0
    rows: int = 0
    judged: int = 0
    accepted: int = 0
    rejected: int = 0
    quarantined: int = 0
    added: int = 0
    corrected: int = 0
    unchanged: int = 0
    on_time: int = 0
    duplicates: int = 0
    related: int = 0
    bad_codes: int = 0
    cells_expected: int = 0
    cells_filled: int = 0
    unfinished: int = 0
    withdrawn_batches: int = 0
    withdrawn_rows: int = 0
    trials: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(*map(add, self, other))


COUNTED = Counts._fields
NOTHING = Counts()


def total(counts: Iterable[Counts]) -> Counts:
    """Everything together."""
    return reduce(Counts.plus, counts, NOTHING)


def grouped(cells: Iterable[tuple[Any, Counts]]) -> dict[Any, Counts]:
    """The sums by key, in the order of first sight."""
    found: dict[Any, Counts] = {}
    for key, counts in cells:
        found[key] = found.get(key, NOTHING).plus(counts)
    return found


# --- rates -----------------------------------------------------------------------------------------------------------


def per_ten_thousand(part: int, whole: int) -> int | None:
    """``part`` of ``whole`` in parts of ten thousand, halves rounded up; None where there is no whole.

    Nothing reported is neither perfect nor worthless: it has no rate. Both are whole numbers, not negative.
    """
    return (2 * SCALE * part + whole) // (2 * whole) if whole else None


class Figure(NamedTuple):
    """One figure: which sums it divides, what it means, and who asks for it. ``good``: which end is better."""

    name: str
    title: str
    part: str
    whole: str
    good: str
    formula: str
    meaning: str
    source: str


_PLAN = "《南京市“十四五”社会信用体系建设规划》（数据合规性、及时性、完整性、关联率、重错码率等方面的质量控制）"
FIGURES: tuple[Figure, ...] = (
    Figure(
        "completeness", "完整率", "cells_filled", "cells_expected", "high", "已填的必填格数 ÷ 应填的必填格数",
        "目录规定为必填的列，每一行应填一格；空格、只有空白的格不算已填。",
        _PLAN,
    ),
    Figure(
        "validity", "合规率", "accepted", "judged", "high", "审核通过的行数 ÷ 已审核的行数",
        "全部列都符合目录的行才算通过；退回的行和待核实的行（名称与代码不符）不算通过。",
        _PLAN,
    ),
    Figure(
        "timeliness", "及时率", "on_time", "added", "high", "按期报送的新入库行数 ÷ 新入库的行数",
        "自决定日期的次日起算，在目录规定的工作日内（双公示为 7 个工作日）收到的为按期；更正的行、档案里已有的行不算，"
        "它们的决定早已报过。"
        "工作日按国务院办公厅公布的节假日和调休安排计算，尚未公布的年份按本市所列的法定节日。",
        f"{_PLAN}；期限：行政许可和行政处罚等信用信息公示（双公示）自作出决定之日起 7 个工作日内上网公开",
    ),
    Figure(
        "duplication", "重复率", "duplicates", "rows", "low", "重复的行数 ÷ 全部行数",
        "同一文件里同一主体的同一文书号再次出现的行，不论内容相同（不再入库）还是不同（退回）；"
        "与档案里已有内容相同的行另列。",
        "本系统的过程指标，用来说明行数里有多少是重复报送",
    ),
    Figure(
        "relation", "关联率", "related", "rows", "high", "对应到已有档案的行数 ÷ 全部行数",
        "审核通过的行里，主体（统一社会信用代码，或姓名与身份证号）已有档案并且一致的；为之新建档案的不算，退回和待核实的不算。",
        _PLAN,
    ),
    Figure(
        "bad_codes", "重错码率", "bad_codes", "rows", "low", "重码、错码的行数 ÷ 全部行数",
        "错码：统一社会信用代码不合 GB 32100、公民身份号码不合 GB 11643；重码：同一代码对应两个不同名称"
        "（待核实的行，核实后是新名称的也仍计在内，报送时它与档案不一致）。",
        f"{_PLAN}；《法人和其他组织统一社会信用代码制度建设总体方案》",
    ),
)  # fmt: skip
"""In the order in which they are shown."""
NOTES: tuple[str, ...] = (
    "月份按收到的时间（上海）算；区间是各月之和。全部数字由批次的计数相加得出，不逐条翻查档案。",
    "率以万分之一为单位，四舍五入；分子、分母同时列出，可以复算。没有行的单位没有率，显示为“—”，不是 0，也不是 100%。",
    "重错码率是否超过警戒线，按行数精确比较，不按四舍五入后的率；页面和工作簿里它比别的率多写一位。",
    "试审（只检查、不入库）的批次不计入任何率，只列批次数。",
    "撤回的批次不计入任何率，另列批次数和行数：靠撤回来改善数字，在这里看得出来。",
    "正在处理的和没有办成的批次不计入任何率，只列批次数；没有办成的改好再报，就是另一个批次。",
)
"""What is said beside the figures."""


def rates(counts: Counts) -> dict[str, int | None]:
    """Every figure of these sums, by name, in parts of ten thousand."""
    return {f.name: per_ten_thousand(getattr(counts, f.part), getattr(counts, f.whole)) for f in FIGURES}


# --- the line of wrong codes -----------------------------------------------------------------------------------------


class Line(NamedTuple):
    """The most that the city takes: so many wrong codes in a thousand rows, and where that stands."""

    permille: int
    basis: str


LINE = Line(
    1, "《长三角地区深化推进国家社会信用体系建设区域合作示范区建设行动方案（2018-2020年）》：重错码率降至1‰以下"
)
"""Where the city's policy says nothing of its own."""


def line_of(policy: Mapping[str, Any]) -> Line:
    """The line of a linted ``city.toml``."""
    told = policy.get("quality")
    return Line(told["bad_code_permille"], told["bad_code_basis"]) if told else LINE


def keeps_to(line: Line, counts: Counts) -> bool | None:
    """Whether the wrong codes keep to the line, judged by the exact sums; None where there is nothing to judge.

    以下 takes in the number itself, so that one in a thousand is still good.
    """
    return 1000 * counts.bad_codes <= line.permille * counts.rows if counts.rows else None


def lint(policy: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with ``[quality]`` of ``city.toml``, in Chinese. It may be left out."""
    told = policy.get("quality")
    if told is None:
        return
    if not isinstance(told, dict):
        yield "quality 应为一个表"
        return
    most = told.get("bad_code_permille")
    if isinstance(most, bool) or not isinstance(most, int) or not 0 <= most <= MOST_PERMILLE:
        yield f"quality.bad_code_permille：应为 0 至 {MOST_PERMILLE} 的整数"
    if not isinstance(told.get("bad_code_basis"), str) or not told["bad_code_basis"].strip():
        yield "quality.bad_code_basis：必须写明依据"
