"""The quality report, for the office, the auditor and each department's data officers."""

from __future__ import annotations

from typing import Any

from flask import Response

from backend.kit.db import reading
from backend.kit.errors import NotFound
from backend.kit.workbooks import MEDIA_TYPE
from backend.quality import schemas, service
from backend.quality.report import Report
from backend.quality.rules import FIGURES, NOTES, Counts, keeps_to, rates
from backend.quality.workbook import workbook
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import allow
from backend.web.problems import problems

blp = blueprint("quality", "数据质量：各单位报送的信用信息")
FILE = {"type": "string", "format": "binary"}
MOST_FAULTS = 20
SEE_ALL = frozenset({"office", "auditor"})


@blp.route("/quality/report", methods=["GET"])
@allow("quality.read")
@blp.arguments(schemas.QualityQuery, location="query")
@blp.response(200, schemas.QualityReportView)
@problems(NotFound)
def read_quality_report(query: dict[str, Any]) -> dict[str, Any]:
    """数据质量报告：完整率、合规率、及时率、重复率、关联率、重错码率

    按收到的月份（上海）汇总：合计、逐月、按单位、按目录、每个单位的每个目录，以及行数最多的问题。全部数字由批次的
    计数相加得出；率以万分之一为单位，四舍五入，没有行的单位没有率（null）。要看某个单位某个目录的逐月数字，
    加上 organisation_id 和 item_code，months 就是它的。最长 120 个月。

    办公室和审计看全市；部门数据专员只看本单位，问别的单位答复 404。口径见 `definitions` 和 `notes`。
    """
    return _view(_report(query))


@blp.route("/quality/report.xlsx", methods=["GET"])
@allow("quality.read")
@blp.arguments(schemas.QualityQuery, location="query")
@blp.response(200, FILE, content_type=MEDIA_TYPE)
@problems(NotFound)
def download_quality_report(query: dict[str, Any]) -> Response:
    """数据质量报告的 Excel 工作簿

    六张表：总表（逐月）、按单位、按目录、逐月明细（单位、目录、月份）、问题明细、口径说明。数字是真正的数字，率用百分比格式；
    没有一格会被表格软件当公式执行。
    """
    report = _report(query)
    name = f"quality-{report.first}-{report.last}.xlsx"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(workbook(report), content_type=MEDIA_TYPE, headers=headers)


def _report(query: dict[str, Any]) -> Report:
    caller = callers.current()
    mine = None if SEE_ALL & {held.role for held in caller.roles} else caller.organisations_for("quality.read")
    wanted = service.Wanted(query["from_"], query["to"], query["organisation_id"], query["item_code"])
    with reading() as reader:
        return service.report(reader, mine, wanted)


def _view(report: Report) -> dict[str, Any]:
    def figures(counts: Counts) -> dict[str, Any]:
        told = {f"{name}_per_10000": parts for name, parts in rates(counts).items()}
        return {**counts._asdict(), **told, "keeps_to_line": keeps_to(report.line, counts)}

    def organisation(one: Any) -> dict[str, Any]:
        return {"organisation_id": one, "organisation": report.organisation_name(one)}

    def item(code: str) -> dict[str, Any]:
        return {"item_code": code, "item_title": report.item_title(code)}

    return {
        "from": str(report.first), "to": str(report.last), "since": str(report.since), "made_at": report.made_at,
        "line": report.line, "total": figures(report.total()),
        "months": [{"month": str(month), "figures": figures(counts)} for month, counts in report.by_month()],
        "organisations": [
            {**organisation(one), "figures": figures(counts)} for one, counts in report.by_organisation()
        ],
        "catalogue_items": [{**item(code), "figures": figures(counts)} for code, counts in report.by_item()],
        "sources": [
            {**organisation(one), **item(code), "figures": figures(counts)}
            for (one, code), counts in report.by_source()
        ],
        "faults": [
            {**item(line.item_code), "column": line.column, "column_title": line.column_title, "fault": line.fault,
             "text": line.said, "rows": line.rows}
            for line in report.top_faults(MOST_FAULTS)
        ],
        "definitions": FIGURES, "notes": NOTES,
    }  # fmt: skip
