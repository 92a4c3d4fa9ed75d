"""A person's archive, as she may have it; and its end."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Table, delete
from sqlalchemy.orm import Session

from backend.kit import city
from backend.kit.db import Reader
from backend.kit.personal import Column, Keeper, Leaving, Section, listing
from backend.records import models

STATUS = {"active": "有效", "disputed": "异议处理中", "repaired": "已修复", "withdrawn": "已撤销", "expired": "已过期"}
EFFECT = {"favourable": "守信", "adverse": "失信", "neutral": "一般"}
_RECORD = (
    Column("title", "内容"),
    Column("item_code", "目录条目"),
    Column("effect", "性质", words=EFFECT),
    Column("source_name", "来源单位"),
    Column("declaration_id", "出自自主申报"),
    Column("document_no", "文书号"),
    Column("decided_on", "决定日期", "day"),
    Column("ended_on", "终止日期", "day"),
    Column("counts_until_on", "用到", "day"),
    Column("publicity_until_on", "公示到", "day"),
    Column("status", "状态", words=STATUS),
    Column("fields", "其他内容", "json"),
    Column("version", "版本", "whole"),
    Column("known_from", "入档时间", "instant"),
    Column("changed_at", "变更时间", "instant"),
    Column("change_reason", "变更原因"),
    Column("id", "编号"),
)
_VERSION = (*_RECORD, Column("replaced_at", "被替换时间", "instant"))


def _catalogue_words(reader: Reader) -> dict[str, dict[str, str]]:
    """What the catalogue calls its items and their fields."""
    items = city.get(reader, "catalogue").content["items"]
    people = [item for item in items if item["subject"] == "natural_person"]
    fields = {field["name"]: field["title"] for item in reversed(people) for field in item["fields"]}
    return {"item_code": {item["code"]: item["title"] for item in people}, "fields": fields}


def _delete(session: Session, table: Table, resident_id: UUID, kept: Collection[str]) -> int:
    mine = delete(table).where(table.c.resident_id == resident_id)
    if kept:
        mine = mine.where(table.c.item_code.not_in(sorted(kept)))
    return len(session.execute(mine.returning(table.c.id)).all())


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """The whole archive, but for the items that the law orders kept: these stay under the number alone."""
    _delete(session, models.record_versions, leaving.resident_id, leaving.kept_items)
    return {"records": _delete(session, models.records, leaving.resident_id, leaving.kept_items)}


_WHY = ("按公共信用信息目录记录依法认定的守信、失信信息", "目录所载依据；国办发〔2020〕49号")
KEEPER = Keeper(
    room="records",
    sections=(
        Section(
            "records", "信用档案", *_WHY, "失信信息自终止之日起五年（《征信业管理条例》第十六条）；退出时立即删除",
            _RECORD, listing(models.records, "id", _RECORD), _catalogue_words,
        ),
        Section(
            "record-versions", "信用档案的历史版本", *_WHY, "与该条档案同期", _VERSION,
            listing(models.record_versions, ("id", "version"), _VERSION), _catalogue_words,
        ),
    ),
    erase=erase,
    deleted={"records": "信用档案", "record_versions": "信用档案的历史版本"},
)  # fmt: skip
