"""Who acts for a person and for whom she acts, as she may have it, and what stays of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.delegation.models import DelegationActorRow, DelegationRow
from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.personal import Column, Keeper, Kept, Leaving, Page, Section, delete_where, listing, table_of

_DELEGATIONS, _ACTORS = table_of(DelegationRow), table_of(DelegationActorRow)
_SEALED = "document_no_sealed"
_COLUMNS = (
    Column("kind", "方式", words={"guardian": "监护人", "ward": "监护人", "helper": "窗口代办"}),
    Column("basis", "依据"),
    Column("document_no", "文书号"),
    Column("starts_at", "自", "instant"),
    Column("ends_at", "至", "instant"),
    Column("ended_at", "提前结束", "instant"),
)
_STORED = tuple(Column(_SEALED, column.title) if column.name == "document_no" else column for column in _COLUMNS)
_stored = listing(_DELEGATIONS, "id", _STORED)


def _page(reader: Reader, resident_id: UUID, after: Any) -> Page:
    rows, position = _stored(reader, resident_id, after)
    opened = [{**row, "document_no": _document_no(reader, resident_id, row[_SEALED])} for row in rows]
    return Page([{column.name: row[column.name] for column in _COLUMNS} for row in opened], position)


def _document_no(reader: Reader, resident_id: UUID, sealed: str | None) -> str | None:
    return accounts.open_for(reader, resident_id, "delegations", _SEALED, sealed) if sealed else None


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Delete who acted for the person; what she did for others ends, and stays with them under her number alone."""
    mine, now = leaving.resident_id, clock.now()
    actors = session.execute(
        select(_DELEGATIONS.c.actor_id, _DELEGATIONS.c.id).where(_DELEGATIONS.c.resident_id == mine)
    )
    for row in actors.all():
        delete_where(session, _ACTORS, actor_id=row.actor_id, id=row.id)
    gone = {"delegations": delete_where(session, _DELEGATIONS, resident_id=mine)}
    for row in session.execute(select(_ACTORS.c.resident_id, _ACTORS.c.id).where(_ACTORS.c.actor_id == mine)).all():
        this = (_DELEGATIONS.c.resident_id == row.resident_id, _DELEGATIONS.c.id == row.id)
        open_still = update(_DELEGATIONS).where(*this, _DELEGATIONS.c.ended_at.is_(None))
        session.execute(open_still.values(ended_at=now, ended_by="actor"))
    gone["delegation_actors"] = delete_where(session, _ACTORS, actor_id=mine)
    return gone


KEEPER = Keeper(
    room="delegation",
    sections=(
        Section(
            "delegations", "谁替我办事", "证明代办有登记、在期限内", "《民法典》第二十七条、第一百六十五条",
            "直到您退出",
            _COLUMNS, _page,
        ),
    ),
    erase=erase,
    deleted={"delegation_actors": "您替谁办事的索引"},
    kept={
        "delegations": Kept(
            "您替别人办过事的登记", "替您办事的登记已删除；您替别人办的留在对方名下，只有编号，立即结束",
            "直到对方退出", "《民法典》第二十七条、第一百六十五条",
        )
    },
)  # fmt: skip
