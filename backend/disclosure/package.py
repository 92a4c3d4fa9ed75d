"""The files of an export, each marked with who took it, when and why."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.consents import service as consents
from backend.disclosure.rules import FIELDS, SHARED_STATES, table
from backend.kit import clock
from backend.ledger import service as ledger
from backend.records import service as records

ENTRIES_AT_ONCE = 500
EFFECTS = {"favourable": "守信", "adverse": "失信", "neutral": "中性"}


class Mark(NamedTuple):
    """Who takes it. ``copy_id`` tells this copy from any other."""

    approval_id: UUID
    by: UUID
    role: str
    copy_id: UUID


def build(session: Session, row: Any, known: Collection[UUID], mark: Mark) -> bytes:
    """The ZIP file. ``row``: the disclosure; ``known``: those of its people who are still there."""
    wanted = row.terms["fields"]
    ids = [UUID(found) for found in dict.fromkeys(found for found, _ in row.people) if found and UUID(found) in known]
    told = _mark(session, row, mark)
    files = {"说明.txt": b"\xef\xbb\xbf" + "\r\n".join(told).encode(), "people.csv": _people(session, row, ids, told)}
    for name, make in (("records", _records), ("wallet", _wallet), ("consents", _consents)):
        if name in wanted:
            files[f"{name}.csv"] = make(session, ids, told)
    out, at = io.BytesIO(), clock.now().astimezone(clock.SHANGHAI)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, at.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _mark(session: Session, row: Any, mark: Mark) -> list[str]:
    who = accounts.display_names(session, [mark.by]).get(mark.by, str(mark.by))
    where = accounts.organisation(session, row.organisation_id).name
    at = clock.now().astimezone(clock.SHANGHAI)
    terms = row.terms
    return [
        f"导出人：{who}（{accounts.ROLES.get(mark.role, mark.role)}，{where}）",
        f"导出时间：{at:%Y-%m-%d %H:%M:%S}（上海时间）",
        f"用途：{terms['purpose']}",
        f"法律依据：{terms['legal_basis']}；文号：{terms['document_no']}",
        f"字段：{'、'.join(FIELDS[name] for name in terms['fields'])}",
        f"审批编号：{mark.approval_id}；副本编号：{mark.copy_id}",
        "只能用于上述用途，不得转给他人，用毕销毁。已修复、撤下、过期的信用信息不在其中；信用分不提供。",
    ]


def _people(session: Session, row: Any, ids: Collection[UUID], told: list[str]) -> bytes:
    shown = [name for name in ("name", "id_number", "phone") if name in row.terms["fields"]]
    opened = {resident_id: accounts.open_person(session, resident_id) for resident_id in ids}
    lines = []
    for number, (found, named) in enumerate(row.people, start=1):
        person = opened.get(UUID(found)) if found else None
        values = [getattr(person, name) for name in shown] if person else [""] * len(shown)
        lines.append([number, named, found if person else "", "有" if person else "没有登记", *values])
    header = ["序号", "查询所用", "居民编号", "登记情况", *(FIELDS[name] for name in shown)]
    return _marked(header, lines, told)


def _marked(header: list[str], lines: list[list[object]], told: list[str]) -> bytes:
    """The table, and below it the mark: a file that is taken out of the ZIP still says whose it is."""
    return table(header, [*lines, [], *([line] for line in told)])


def _records(session: Session, ids: Collection[UUID], told: list[str]) -> bytes:
    today = clock.today()
    lines: list[list[object]] = [
        [i, one.title, EFFECTS[one.effect], one.item_code, one.source_name, one.document_no, one.decided_on,
         SHARED_STATES[one.status], one.counts_until_on]
        for i in ids for one in records.records_of(session, i)
        if one.status in SHARED_STATES and one.counts_until_on >= today
    ]  # fmt: skip
    header = ["居民编号", "名称", "性质", "目录编码", "认定单位", "文号", "认定日期", "状态", "使用期至"]
    return _marked(header, lines, told)


def _wallet(session: Session, ids: Collection[UUID], told: list[str]) -> bytes:
    lines: list[list[object]] = [
        [i, one.at.astimezone(clock.SHANGHAI).isoformat(timespec="seconds"), one.amount_points, one.title, one.reason,
         one.counterparty, one.balance_after_points]
        for i in ids for one in _entries(session, i)
    ]  # fmt: skip
    return _marked(["居民编号", "时间", "积分", "名目", "理由", "对方", "之后余额"], lines, told)


def _entries(session: Session, resident_id: UUID) -> Iterator[ledger.Entry]:
    before: int | None = None
    while page := ledger.entries(session, resident_id, ENTRIES_AT_ONCE, before):
        yield from page
        before = page[-1].number


def _consents(session: Session, ids: Collection[UUID], told: list[str]) -> bytes:
    lines: list[list[object]] = [
        [i, one.purpose.id, one.purpose.title, "同意" if one.granted else "未同意", one.purpose.text_version]
        for i in ids for one in consents.consents(session, i)
    ]  # fmt: skip
    return _marked(["居民编号", "事项", "名称", "状态", "文本版本"], lines, told)
