"""The catalogue over HTTP, for anyone."""

from __future__ import annotations

from typing import Any

from backend.catalogue import service
from backend.catalogue.rules import CODE, Field, Item, identity_columns
from backend.catalogue.schemas import ItemDetailView, ItemQuery, ItemView
from backend.kit import db
from backend.kit.errors import FieldError, NotFound
from backend.web.api import blueprint
from backend.web.callers import public
from backend.web.paging import decode_cursor, page, page_of
from backend.web.problems import problems

blp = blueprint("catalogue", "公共信用信息目录：归集什么、由谁归集、依据什么")


@blp.route("/catalogue/items", methods=["GET"])
@public
@blp.arguments(ItemQuery, location="query")
@blp.response(200, page_of(ItemView))
def list_items(query: dict[str, Any]) -> dict[str, Any]:
    """现行目录的全部条目，按编码排列

    目录之外的信息不得归集。每条写明对象、类别、法律依据、来源单位、公开方式、公示和保存天数、报送期限、
    能否计入信用分。
    """
    after = _after(query["cursor"])
    with db.reading() as reader:
        known = service.items(reader)
    rows = [
        item
        for code, item in sorted(known.items())
        if code > after
        and query["subject"] in (None, item.subject)
        and (query["source_department"] is None or query["source_department"] in item.source_departments)
    ]
    return page(rows[: query["limit"] + 1], query["limit"], lambda item: (item.code,))


@blp.route("/catalogue/items/<string:code>", methods=["GET"])
@public
@blp.response(200, ItemDetailView)
@problems(NotFound)
def read_item(code: str) -> dict[str, Any]:
    """一个条目，及其各列和每列的检查

    报送文件按 `identity` 的两列（姓名与号码，或名称与代码）加 `columns` 的各列制表；
    列名可用 `title` 或 `aliases` 之一。
    """
    with db.reading() as reader:
        item, version = service.item(reader, code), service.version(reader)
    told = {name: getattr(item, name) for name in ItemView._declared_fields}
    columns = [_column(field) for field in item.fields]
    return told | {"identity": _identity(item), "columns": columns, "catalogue_version": version}


def _after(cursor: str | None) -> str:
    (code,) = decode_cursor(cursor, str) or ("",)
    if cursor is not None and not CODE.fullmatch(code):
        raise FieldError.at("/query/cursor", "不是本接口给出的游标。", "Not a cursor of ours.")
    return str(code)


def _identity(item: Item) -> list[dict[str, Any]]:
    return [_column(field) for field in identity_columns(item)]


def _column(field: Field) -> dict[str, Any]:
    told = {name: getattr(field, name) for name in Field.__dataclass_fields__}
    bounds = {name: None if told[name] is None else str(told[name]) for name in ("minimum", "maximum")}
    return told | bounds
