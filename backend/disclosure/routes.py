"""The one download of an approved export."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from backend.disclosure import service
from backend.disclosure.errors import ExportExpired, ExportUsed
from backend.kit.db import reading, transaction
from backend.kit.errors import NotFound
from backend.web import api, callers
from backend.web.callers import allow
from backend.web.problems import problems

blp = api.blueprint("disclosure", "依法导出个人信息")
ZIP = {"type": "string", "format": "binary"}


@blp.route("/approvals/<uuid:approval_id>/export", methods=["GET"])
@allow("exports.download")
@blp.response(200, ZIP, content_type="application/zip")
@problems(NotFound, ExportUsed, ExportExpired)
def download_export(approval_id: UUID) -> Response:
    """下载经批准的导出，一次

    批准后 24 小时内，只有提出人可以下载，下载一次即作废。先登记每个人的“谁看过我”（谁、用途、依据、字段），再给出
    ZIP：每份 CSV 都写明导出人、时间、用途；表格软件不会把其中的文字当公式执行。
    """
    caller = callers.current()
    if request.method == "HEAD":  # it uses nothing up, and shows nobody
        with reading() as reader:
            service.offered(reader, approval_id, caller.account_id)
        return _file(b"", approval_id)
    with transaction() as session:
        content = service.download(session, approval_id, caller.account_id, caller.role_for("exports.download"))
    return _file(content, approval_id)


def _file(content: bytes, approval_id: UUID) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="export-{approval_id}.zip"', "Cache-Control": "no-store"}
    return Response(content, content_type="application/zip", headers=headers)
