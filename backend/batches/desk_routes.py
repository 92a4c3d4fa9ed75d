"""What goes back to departments, what the office decides, and the templates that departments fill in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from uuid import UUID

from flask import Response, request, stream_with_context

from backend.batches import quarantine, service, uploads
from backend.batches.errors import BatchNotReady, DecisionMade, TooManyReturned, UploadForgotten
from backend.batches.routes import MEDIA_TYPE, XLSX, detail_of, may_see, sender_of
from backend.batches.schemas import BatchDetailView, DecisionBody, QuarantinedView, QuarantineQuery
from backend.catalogue import service as catalogue
from backend.intake import returned
from backend.kit import db
from backend.kit.errors import NotFound
from backend.kit.vault import Vault
from backend.web import api, callers
from backend.web.callers import allow, keyed, public
from backend.web.paging import decode_cursor, encode_cursor, page_of
from backend.web.problems import problems

blp = api.blueprint("returns", "部门报送：退回的行、隔离的行、模板")


@blp.route("/batches/<uuid:batch_id>/rejected.csv", methods=["GET"])
@allow("batches.download")
@blp.response(200, {"type": "string"}, content_type="text/csv")
@problems(NotFound, UploadForgotten)
def download_rejected_csv(batch_id: UUID) -> Response:
    """下载退回的行（CSV）

    本单位报送的有误的行，原样，末尾加“行号、问题列、问题值、原因”四列。改好后可以直接再报送，四列不必删除。
    以 `=`、`+`、`-`、`@` 开头的单元格前加了单引号，表格软件不会当公式执行；再报送时自动去掉。
    保存三十天；每次下载记入操作日志。
    """
    return _download(batch_id, "csv")


@blp.route("/batches/<uuid:batch_id>/rejected.xlsx", methods=["GET"])
@allow("batches.download")
@blp.response(200, {"type": "string", "format": "binary"}, content_type=MEDIA_TYPE[XLSX])
@problems(NotFound, UploadForgotten, TooManyReturned)
def download_rejected_xlsx(batch_id: UUID) -> Response:
    """下载退回的行（工作簿，最多十万行）

    内容与 `rejected.csv` 相同，每个单元格都是文本。
    """
    return _download(batch_id, "xlsx")


def _download(batch_id: UUID, form: str) -> Response:
    caller = callers.current()
    mine, role = caller.organisations_for("batches.download"), caller.role_for("batches.download")
    name, content = f"rejected-{batch_id}.{form}", cast(Any, b"")
    if request.method == "HEAD":  # it shows nothing, and is not noted
        with db.reading() as reader:
            uploads.vault_of(batch_id, service.batch(reader, mine, batch_id).data_key_sealed)
        return _file(content, MEDIA_TYPE[form], name, "no-store")
    with db.transaction() as session:
        row = service.batch(session, mine, batch_id)
        if form == "xlsx":
            content = service.returned_workbook(session, row, caller.account_id, role)
        else:
            head, vault = service.returned_csv(session, row, caller.account_id, role)
            content = stream_with_context(_lines(head, vault))
    return _file(content, MEDIA_TYPE[form], name, "no-store")


def _lines(head: bytes, vault: Vault) -> Iterator[bytes]:
    yield head
    yield from service.returned_pieces(vault)


def _file(content: Any, media_type: str, name: str, cached: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": cached}
    charset = "; charset=utf-8" if media_type == "text/csv" else ""
    return Response(content, content_type=media_type + charset, headers=headers)


# --- quarantine ------------------------------------------------------------------------------------------------------


@blp.route("/batches/<uuid:batch_id>/quarantine", methods=["GET"])
@allow("batches.read")
@blp.arguments(QuarantineQuery, location="query")
@blp.response(200, page_of(QuarantinedView))
@problems(NotFound, UploadForgotten)
def list_quarantined(query: dict[str, Any], batch_id: UUID) -> dict[str, Any]:
    """列出一个批次里隔离的行

    代码（号码）在档案里是另一个名称（姓名）：可能代码写错，也可能已经更名。法人和非法人组织写明两个名称；
    自然人不显示姓名和号码，请报送单位按行号核对自己的文件。
    """
    after = decode_cursor(query["cursor"], int)
    with db.reading() as reader:
        row = service.batch(reader, may_see(), batch_id)
        rows = quarantine.list_quarantined(reader, row, query["limit"] + 1, after[0] if after else 0)
    more = rows[query["limit"] - 1].row_number if len(rows) > query["limit"] else None
    return {"items": rows[: query["limit"]], "next_cursor": None if more is None else encode_cursor(more)}


@blp.route("/batches/<uuid:batch_id>/quarantine/<int:row_number>/decision", methods=["POST"])
@allow("batches.decide")
@keyed
@blp.arguments(DecisionBody)
@blp.response(201, BatchDetailView)
@problems(NotFound, DecisionMade, BatchNotReady, UploadForgotten)
def decide_quarantined(body: dict[str, Any], batch_id: UUID, row_number: int) -> dict[str, Any]:
    """裁定隔离的一行

    accept：核对无误，按代码入档（法人和非法人组织的档案随之更名）；reject：退回报送单位，列入 `rejected.csv`。
    只裁定一次，理由记入操作日志之外的批次记录。
    """
    operation, by = callers.operation(), sender_of(_office(), "batches.decide")
    with db.transaction() as session:
        quarantine.decide(session, operation, batch_id, row_number, body["decision"], body["reason"], by)
    with db.reading() as reader:
        return detail_of(reader, service.batch(reader, None, batch_id))


def _office() -> UUID:
    return min(callers.current().organisations_for("batches.decide"))


# --- templates -------------------------------------------------------------------------------------------------------


@blp.route("/catalogue/items/<code>/template.csv", methods=["GET"])
@public
@blp.response(200, {"type": "string"}, content_type="text/csv")
@problems(NotFound)
def show_template_csv(code: str) -> Response:
    """下载一个条目的报送模板（CSV）

    只有表头，UTF-8 带 BOM，从第二行起填写。列名就是目录的标题。
    """
    with db.reading() as reader:
        content = returned.template_csv(catalogue.item(reader, code))
    return _file(content, "text/csv", f"{code}.csv", "no-cache")


@blp.route("/catalogue/items/<code>/template.xlsx", methods=["GET"])
@public
@blp.response(200, {"type": "string", "format": "binary"}, content_type=MEDIA_TYPE[XLSX])
@problems(NotFound)
def show_template_xlsx(code: str) -> Response:
    """下载一个条目的报送模板（工作簿）

    第一张工作表是表头；第二张写明每一列是否必填、类型、允许的内容和也接受的列名。
    """
    with db.reading() as reader:
        content = returned.template_workbook(catalogue.item(reader, code))
    return _file(content, MEDIA_TYPE[XLSX], f"{code}.xlsx", "no-cache")
