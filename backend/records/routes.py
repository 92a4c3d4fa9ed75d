"""One's own archive."""

from __future__ import annotations

from datetime import date
from typing import Any, cast
from uuid import UUID

from backend.catalogue.rules import Item
from backend.kit import db
from backend.records import rules, service
from backend.records.schemas import RecordView
from backend.web import callers
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow
from backend.web.paging import PageQuery, decode_cursor, page, page_of
from backend.web.problems import problems

blp = blueprint("records", "信用档案：本人名下的公共信用信息")


@blp.route("/me/records", methods=["GET"])
@allow("records.read_own")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(RecordView))
@problems(IdentityNotBound)
def list_my_records(query: dict[str, Any]) -> dict[str, Any]:
    """本人的信用档案

    按决定日期从新到旧。每条写明依据哪个目录条目、哪份文书、由谁认定、现在的状态和使用到哪一天；
    异议处理中、已修复、已撤销的也列出，但不再使用。
    """
    caller = callers.current()
    after = decode_cursor(query["cursor"], date, UUID)
    with db.reading() as reader:
        items = service.items(reader)
        found = service.records_of(reader, caller.person(), query["limit"] + 1, cast("tuple[date, UUID] | None", after))
    answer = page(found, query["limit"], lambda record: (record.decided_on, record.id))
    answer["items"] = [_view(record, items.get(record.item_code)) for record in answer["items"]]
    return answer


def _view(record: service.Record, item: Item | None) -> dict[str, Any]:
    titles = {f.name: f.title for f in item.fields} if item else {}
    return {
        "id": record.id, "item_code": record.item_code, "item_title": item.title if item else record.item_code,
        "category": item.category if item else "", "effect": record.effect, "title": record.title,
        "source": record.source_name, "document_no": record.document_no, "decided_on": record.decided_on,
        "ended_on": record.ended_on, "counts_until_on": record.counts_until_on, "status": record.status,
        "status_text": rules.STATUS_TEXT[record.status], "changed_at": record.changed_at,
        "change_reason": record.change_reason, "may_feed_score": bool(item and item.may_feed_score),
        "fields": [
            {"name": name, "title": titles.get(name, name), "value": value} for name, value in record.fields.items()
        ],
    }  # fmt: skip
