"""Reporting a file or rows, following what becomes of them, taking them back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from flask import request

from backend.batches import pushing, service, uploads
from backend.batches.errors import BatchNotReady, NotYourItem, TooManyWaiting
from backend.batches.schemas import BatchDetailView, BatchesQuery, BatchQuery, BatchView, RowsBody, WithdrawalBody
from backend.batches.service import NewBatch, Sender
from backend.catalogue import service as catalogue
from backend.catalogue.rules import Item
from backend.intake import workbooks
from backend.intake.errors import FileRefused
from backend.intake.scanning import CSV, FORMATS, JSON, LONGEST_RECORD_BYTES, PIECE_BYTES, XLSX, Scanner, require_format
from backend.intake.tables import CsvTable
from backend.kit import db
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.vault import Vault
from backend.web import api, callers
from backend.web.callers import allow, keyed
from backend.web.paging import decode_cursor, page, page_of
from backend.web.problems import UnsupportedMediaType, problems
from backend.web.streaming import PROBLEMS, Body

MOST_BYTES = {CSV: 500 * 1024 * 1024, XLSX: workbooks.MOST_BYTES, JSON: pushing.MOST_BYTES}
MEDIA_TYPE = {kind: media_type for media_type, kind in FORMATS.items()}
_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": _FILE},
            MEDIA_TYPE[XLSX]: {"schema": _FILE},
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["rows"],
                    "additionalProperties": False,
                    "properties": {
                        "item_code": {"type": ["string", "null"], "description": "可以不写；写了须与查询参数相同"},
                        "rows": {
                            "type": "array", "minItems": 1, "maxItems": 1000,
                            "items": {
                                "type": "object", "minProperties": 1, "maxProperties": 200,
                                "additionalProperties": {"type": ["string", "number", "null"]},
                                "description": "列名（目录的标题、字段名或别名）→ 值",
                            },
                        },
                    },
                }
            },
        },
    }
}  # fmt: skip

blp = api.blueprint("batches", "部门报送：批次和审核结果")


def sender_of(organisation_id: UUID, action: str) -> Sender:
    """The caller, as one who acts for an organisation."""
    caller = callers.current()
    return Sender(caller.account_id, caller.role_for(action), organisation_id)


def may_see() -> frozenset[UUID] | None:
    """Whose batches the caller sees: her departments', and the office everybody's."""
    caller = callers.current()
    if any(held.role == "office" for held in caller.roles):
        return None
    return caller.organisations_for("batches.read")


@blp.route("/batches", methods=["POST"])
@allow("batches.send")
@keyed
@blp.doc(**BODY)
@blp.arguments(BatchQuery, location="query")
@blp.response(201, BatchDetailView)
@problems(NotFound, FieldError, NotYourItem, FileRefused, TooManyWaiting, UnsupportedMediaType, *PROBLEMS)
def send_batch(query: dict[str, Any]) -> dict[str, Any]:
    """报送一个文件，或几行

    请求体就是文件本身：`text/csv`（UTF-8 或 GB18030，最大 500 MiB、一百万行）、`.xlsx`（最大 32 MiB、十万行），
    或 JSON（`{"rows": [{列名: 值}]}`，最大 1 MiB、一千行）。列名用目录的标题、字段名或别名，次序不限；
    表头上面可以有标题行。模板见 `GET /catalogue/items/{code}/template.csv`。

    CSV 和工作簿先收下（status 为 received），由后台逐行审核：可以入档的入档，有误的退回，每行要么全部入档要么不入。
    用 `GET /batches/{batch_id}` 看进度和结果，用 `rejected.csv` 取回有误的行，改好后再报；已入档的行再报一次不起变化。
    JSON 当场审核，`verdicts` 逐行给出结果。名称与代码（姓名与号码）不符的行先隔离，由项目办公室裁定。

    同一文书号已有不同内容的行在 report 方式下退回；确有变更的用 correction。check 只审核，不入档。
    只能报送目录写明本部门为来源单位的条目。
    """
    kind = FORMATS.get(request.mimetype)
    if kind is None:
        raise UnsupportedMediaType("请用 text/csv、.xlsx 的媒体类型或 application/json。")
    mine = callers.current().organisations_for("batches.send")
    with db.reading() as reader:
        organisation_id, item = service.may_send(reader, mine, query["item_code"])
        service.require_room(reader, organisation_id)
    sender = sender_of(organisation_id, "batches.send")
    batch_id = _push(query, sender) if kind == JSON else _receive(kind, query, sender, item)
    with db.reading() as reader:
        return detail_of(reader, service.batch(reader, mine, batch_id))


def _receive(kind: str, query: dict[str, Any], sender: Sender, item: Item) -> UUID:
    """Keep a file as it comes, look at it on the way, and note it as a batch."""
    body, vault = Body(MOST_BYTES[kind]), Vault.new(new_id())
    with _forgotten_unless_received(vault) as received:
        scanner, start = Scanner(), b""
        for number, piece in enumerate(body.pieces(PIECE_BYTES)):
            if kind == CSV:
                scanner.feed(piece)
            elif number == 0:
                require_format(kind, piece)
            if len(start) < LONGEST_RECORD_BYTES:
                start += piece
            with db.transaction() as session:
                uploads.keep_frame(session, vault, number, piece)
        found = scanner.finish() if kind == CSV else None
        if found:  # a head that does not fit is told at once
            CsvTable(lambda at, size: start[at : at + size], len(start), found.encoding, item)
        new = NewBatch(
            vault.row, item.code, query["mode"], kind, query["file_name"] or "", body.size, body.digest(),
            found.encoding if found else "", found.rows if found else None,
        )  # fmt: skip
        operation = callers.streamed_operation(body.digest())
        with db.transaction() as session:
            batch_id = service.receive(session, operation, sender, new, vault)
        received.append(batch_id)
    return batch_id


@contextmanager
def _forgotten_unless_received(vault: Vault) -> Iterator[list[UUID]]:
    """What was kept of an upload goes again when it was refused, broke off, or was a repeat."""
    received: list[UUID] = []
    try:
        yield received
    finally:
        if vault.row not in received:
            with db.transaction() as session:
                uploads.forget(session, vault.row)


def _push(query: dict[str, Any], sender: Sender) -> UUID:
    request.max_content_length = MOST_BYTES[JSON]
    told = blp.ARGUMENTS_PARSER.parse(RowsBody(), request, location="json")
    if told["item_code"] not in (None, query["item_code"]):
        raise FieldError.at("/item_code", "与查询参数 item_code 不同。", "Not the item of the query.")
    raw = request.get_data(cache=True)
    canonical = json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(canonical).digest()
    new = NewBatch(new_id(), query["item_code"], query["mode"], JSON, query["file_name"] or "", len(raw), digest)
    operation = callers.streamed_operation(digest)
    with db.transaction() as session:
        return pushing.push(session, operation, sender, new, told["rows"], raw)


@blp.route("/batches", methods=["GET"])
@allow("batches.read")
@blp.arguments(BatchesQuery, location="query")
@blp.response(200, page_of(BatchView))
def list_batches(query: dict[str, Any]) -> dict[str, Any]:
    """列出批次，从新到旧

    数据专员看本单位的；项目办公室看全部，可按单位、条目、状态筛选。
    """
    before = cast("tuple[datetime, UUID] | None", decode_cursor(query["cursor"], datetime, UUID))
    where = {name: query[name] for name in ("item_code", "status", "organisation_id") if query[name] is not None}
    with db.reading() as reader:
        rows = service.list_batches(reader, may_see(), where, query["limit"] + 1, before)
        names, items = service.names_of(reader, rows), catalogue.items(reader)
    found = page(rows, query["limit"], lambda row: (row.received_at, row.id))
    return {**found, "items": [_view(row, names, items) for row in found["items"]]}


@blp.route("/batches/<uuid:batch_id>", methods=["GET"])
@allow("batches.read")
@blp.response(200, BatchDetailView)
@problems(NotFound)
def read_batch(batch_id: UUID) -> dict[str, Any]:
    """查看一个批次的进度、计数和发现的问题

    `findings` 按列和问题计数，每一项都有一句说明。处理中每隔几秒查一次即可。
    """
    with db.reading() as reader:
        return detail_of(reader, service.batch(reader, may_see(), batch_id))


def _view(row: service.Batch, names: dict[UUID, str], items: dict[str, Item]) -> dict[str, Any]:
    item = items.get(row.item_code)
    return {
        **row._mapping, "digest": row.digest.hex(), "organisation": names.get(row.organisation_id, ""),
        "item_title": item.title if item else row.item_code, "upload_kept": row.data_key_sealed is not None,
    }  # fmt: skip


def detail_of(reader: db.Reader, row: service.Batch) -> dict[str, Any]:
    """A batch with what was found in it; verdicts on rows are for the department that sent them."""
    view = _view(row, service.names_of(reader, [row]), catalogue.items(reader))
    own = row.organisation_id in callers.current().organisations_for("batches.download")
    verdicts = pushing.verdicts_of(reader, row) if own else []
    return {**view, "findings": service.findings_of(reader, row), "verdicts": verdicts}


@blp.route("/batches/<uuid:batch_id>/withdrawal", methods=["POST"])
@allow("batches.send")
@keyed
@blp.arguments(WithdrawalBody)
@blp.response(201, BatchDetailView)
@problems(NotFound, BatchNotReady)
def withdraw_batch(body: dict[str, Any], batch_id: UUID) -> dict[str, Any]:
    """撤回一个批次

    这一批新增的记录撤销，更正过的恢复原来的内容；此后又有变更的不动。由后台分段进行（status 为 withdrawing）。
    撤回后同样的文件可以重新报送。处理中的批次请等处理完再撤回。
    """
    mine, operation = callers.current().organisations_for("batches.send"), callers.operation()
    with db.transaction() as session:
        row = service.batch(session, mine, batch_id)
        sender = sender_of(row.organisation_id, "batches.send")
        service.withdraw(session, operation, mine, batch_id, sender, body["reason"])
    with db.reading() as reader:
        return detail_of(reader, service.batch(reader, mine, batch_id))
