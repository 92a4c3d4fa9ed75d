"""What a resident declared of herself, as she may have it; and its end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.declarations import models, rules, shelves
from backend.declarations.shelves import PEOPLE
from backend.kit import city
from backend.kit.db import Reader
from backend.kit.personal import PAGE, Column, Keeper, Leaving, Page, Section, delete_where, listing

_DECLARATION = (
    Column("id", "编号"),
    Column("item_code", "目录条目"),
    Column("document_no", "文书号"),
    Column("decided_on", "文书日期", "day"),
    Column("fields", "申报内容", "json"),
    Column("status", "状态", words=rules.STATUS_TEXT),
    Column("pledge_version", "接受的承诺书版本"),
    Column("declared_at", "申报时间", "instant"),
    Column("due_on", "核实期限", "day"),
    Column("decided_at", "决定时间", "instant"),
    Column("reason", "决定的理由"),
    Column("ended_at", "撤回或撤销时间", "instant"),
    Column("end_reason", "撤销的理由"),
    Column("record_id", "成为哪条档案"),
)
_PICTURE = (
    Column("file_id", "图片编号"),
    Column("declaration_id", "申报编号"),
    Column("position", "第几张（从 0 数起）", "whole"),
)


def _page(reader: Reader, resident_id: UUID, after: Any) -> Page:
    found = shelves.several(reader, PEOPLE, shelves.which(PEOPLE, resident_id), PAGE, after)
    rows = []
    for one in found:
        said = one.content._asdict() if one.content else dict.fromkeys(rules.Content._fields)
        rows.append({column.name: said.get(column.name, getattr(one, column.name, None)) for column in _DECLARATION})
    return Page(rows, (found[-1].declared_at, found[-1].id) if len(found) == PAGE else None)


def _words(reader: Reader) -> dict[str, dict[str, str]]:
    """What the catalogue calls its items and their columns."""
    items = [one for one in city.get(reader, "catalogue").content["items"] if one["subject"] == rules.PERSON]
    columns = {field["name"]: field["title"] for item in reversed(items) for field in item["fields"]}
    return {"item_code": {item["code"]: item["title"] for item in items}, "fields": columns}


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """All declarations with their pictures. Who is about to decide one finds nothing left."""
    mine = {"resident_id": leaving.resident_id}
    return {table.name: delete_where(session, table, **mine)
            for table in (models.queue, models.pictures, models.declarations)}  # fmt: skip


_WHY = (
    "自主申报：由来源部门或项目办公室核实您申报的信息",
    "您的申报和真实性承诺（《个人信息保护法》第十三条第一款第一项）",
)
_UNTIL = "内容和附件在决定后按承诺书写明的天数删除；退出时全部删除"
KEEPER = Keeper(
    room="declarations",
    sections=(
        Section("declarations", "自主申报", *_WHY, _UNTIL, _DECLARATION, _page, _words),
        Section(
            "declaration-pictures", "自主申报的附件", *_WHY, _UNTIL, _PICTURE,
            listing(models.pictures, "file_id", _PICTURE),
        ),
    ),
    erase=erase,
    deleted={
        "declarations": "自主申报和核实意见", "declaration_pictures": "自主申报所附图片的关联",
        "declaration_queue": "待核实的自主申报",
    },
    apart={"entity_declaration_pictures": "所有者是经营主体的工作人员账号，不是居民"},
)  # fmt: skip
