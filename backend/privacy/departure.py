"""Leaving the programme: said plainly beforehand, done in one transaction, and nothing of it can be undone.

Backups. An older backup still holds the person's data key, wrapped by the master key of its day. It stops being
readable in two ways: backups are destroyed after ``backup_days``, which the notice promises; and once the master key
has been rotated and the old one destroyed, nothing wraps the keys of those who had left by then. Whoever restores an
older backup first lets the departures since happen again (``flask privacy departures`` and ``leave-again``): the list
holds numbers only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.consents import personal as proofs
from backend.consents import service as consents
from backend.kit import clock, operations, trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.kit.personal import Kept, Leaving
from backend.ledger import service as ledger
from backend.perks import newcomers
from backend.perks import personal as perks
from backend.privacy import rooms, rules
from backend.privacy.errors import DepartureTextChanged
from backend.privacy.models import DepartureRow
from backend.records import personal as records

SWEEP_DAYS = 3
"""How long after a departure it is looked again whether an act under way left something behind."""
CHUNK = 100

CANNOT_BE_UNDONE = (
    "退出立即生效，不能撤销，也不能找回：您的数据密钥随之销毁，加密的内容再不能读出。"
    "备份最长保存 {backup_days} 天，到期销毁；期间如须恢复备份，会先重新执行您的退出。"
    "以后想再参加，要重新实名绑定，从零开始；部门以后依法报送的记录会记入新的档案，与现在的无关。"
    "退出不影响您使用任何基本公共服务。"
)


@dataclass(frozen=True)
class Notice:
    """What a person is told before she leaves. ``version`` is of the text, not of her figures."""

    version: str
    confirmation: str
    cannot_be_undone: str
    deleted: list[str]
    kept: list[Kept]
    balance_points: int
    open_coupons: int
    has_consents: list[str]


@dataclass(frozen=True)
class Departure:
    """A departure that happened. ``deleted``: rows that went, by table; ``booked_out_points`` of the wallet."""

    id: UUID
    left_at: datetime
    deleted: dict[str, int]

    @property
    def booked_out_points(self) -> int:
        return self.deleted.get("ledger_wallets", 0)

    @property
    def closed_coupons(self) -> int:
        return self.deleted.get("perks_coupons", 0)


def _text(content: Mapping[str, Any]) -> tuple[list[str], list[Kept]]:
    known = rooms.periods(content)
    deleted = rules.unique([words for keeper in rooms.ERASING for words in keeper.deleted.values()])
    kept = [Kept(*(part.format(**known) for part in one)) for keeper in rooms.ERASING for one in keeper.kept.values()]
    kept += [
        Kept(f"信用档案中的“{item['item_code']}”", "只有编号", f"退出后 {item['days']} 天", item["basis"])
        for item in content["departure"].get("kept_records", ())
    ]
    return deleted, rules.unique(kept)


def _version(content: Mapping[str, Any]) -> str:
    """The text's fingerprint: whatever changes in what is said, an older confirmation no longer counts."""
    said = [*_text(content), content["departure"]["confirmation"], _cannot_be_undone(content)]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:16]


def _cannot_be_undone(content: Mapping[str, Any]) -> str:
    return CANNOT_BE_UNDONE.format(backup_days=content["departure"]["backup_days"])


def notice(reader: Reader, resident_id: UUID) -> Notice:
    """What would be deleted, kept and lost if the person left now. Raises NotFound for who has left."""
    content = rooms.policy(reader)
    deleted, kept = _text(content)
    given = [one.purpose.title for one in consents.consents(reader, resident_id) if one.granted]
    return Notice(
        _version(content), content["departure"]["confirmation"], _cannot_be_undone(content), deleted, kept,
        ledger.balance(reader, resident_id, clock.today()), perks.open_coupons(reader, resident_id), given,
    )  # fmt: skip


def leave(
    session: Session, resident_id: UUID, actor_id: UUID, confirmation: str, version: str, operation: Operation
) -> Departure:
    """Delete a person from the programme, all of it or nothing.

    It waits for whatever is being written about her and keeps everything else out until it is done. Raises
    DepartureTextChanged, FieldError for other words than those asked for, NotFound for who has left already.
    """
    if (done := operations.begin(session, operation, "privacy.leave")) is not None:
        return departure(session, resident_id, done)
    account_id = accounts.lock_leaving(session, resident_id)
    content = rooms.policy(session)
    _judge(content, confirmation, version)
    identity = _erase(session, resident_id, account_id, content["departure"], version, operation.key)
    trail.note(session, actor_id, "resident", "privacy.leave", "resident", resident_id, {"departure_id": str(identity)})
    operations.finish(session, operation, identity)
    return departure(session, resident_id, identity)


def _erase(
    session: Session, resident_id: UUID, account_id: UUID | None, declared: Mapping[str, Any], version: str,
    key: UUID | None,
) -> UUID:  # fmt: skip
    """Let every room erase the person, and write down that she left; the departure's id. Her row is locked."""
    leaving = _leaving(session, resident_id, account_id, declared, key)
    deleted: dict[str, int] = {}
    for keeper in rooms.ERASING:
        deleted |= keeper.erase(session, leaving)
    return _write(session, leaving, declared, version, deleted)


def _judge(content: Mapping[str, Any], confirmation: str, version: str) -> None:
    current, words = _version(content), content["departure"]["confirmation"]
    if version != current:
        raise DepartureTextChanged(version=current)
    if confirmation != words:
        raise FieldError.at("/confirmation", f"请原样输入：{words}", f"Type exactly: {words}")


def _leaving(
    session: Session, resident_id: UUID, account_id: UUID | None, declared: Mapping[str, Any], key: UUID | None
) -> Leaving:
    digests = accounts.identity_digests(session, resident_id, newcomers.DIGEST_PURPOSE)
    until_on = clock.today() + timedelta(days=declared["tombstone_days"])
    kept_items = frozenset(item["item_code"] for item in declared.get("kept_records", ()))
    return Leaving(resident_id, account_id, tuple(digests), until_on, kept_items, key)


def _write(
    session: Session, leaving: Leaving, declared: Mapping[str, Any], version: str, deleted: dict[str, int]
) -> UUID:
    identity, today = new_id(), clock.today()
    longest = max((item["days"] for item in declared.get("kept_records", ())), default=None)
    session.execute(
        insert(DepartureRow).values(
            resident_id=leaving.resident_id, id=identity, left_at=clock.now(), text_version=version,
            deleted={name: count for name, count in deleted.items() if count},
            proof_until_on=today + timedelta(days=declared["proof_days"]),
            records_until_on=today + timedelta(days=longest) if longest else None, swept_at=None,
        )
    )  # fmt: skip
    return identity


def departure(reader: Reader, resident_id: UUID, departure_id: UUID) -> Departure:
    """What a departure did."""
    columns = select(DepartureRow.id, DepartureRow.left_at, DepartureRow.deleted)
    this = (DepartureRow.resident_id == resident_id, DepartureRow.id == departure_id)
    return Departure(*reader.execute(columns.where(*this)).one())


# --- afterwards ------------------------------------------------------------------------------------------------------


def due_for_sweep(reader: Reader, at: datetime) -> list[UUID]:
    """Who left lately and has not been swept for a day: some, oldest first."""
    lately = DepartureRow.left_at > at - timedelta(days=SWEEP_DAYS)
    unswept = DepartureRow.swept_at.is_(None) | (DepartureRow.swept_at < at - timedelta(hours=12))
    query = select(DepartureRow.resident_id).where(lately, unswept).order_by(DepartureRow.left_at)
    return list(reader.execute(query.limit(CHUNK)).scalars())


def sweep(session: Session, resident_id: UUID) -> int:
    """Delete what an act under way at the moment of a departure has written after it; how many rows."""
    items = rooms.policy(session)["departure"].get("kept_records", ())
    leaving = Leaving(resident_id, kept_items=frozenset(item["item_code"] for item in items))
    found = sum(sum(keeper.erase(session, leaving).values()) for keeper in rooms.ERASING)
    session.execute(update(DepartureRow).where(DepartureRow.resident_id == resident_id).values(swept_at=clock.now()))
    return found


def departed(reader: Reader, after: UUID | None, limit: int = 500) -> list[UUID]:
    """The numbers of those who have left, in their order, after one."""
    query = select(DepartureRow.resident_id).order_by(DepartureRow.resident_id).limit(limit)
    if after is not None:
        query = query.where(DepartureRow.resident_id > after)
    return list(reader.execute(query).scalars())


def leave_again(session: Session, resident_id: UUID) -> bool:
    """Erase somebody who had left before a backup brought her back; False when she is not here, or gone already."""
    try:
        account_id = accounts.lock_leaving(session, resident_id)
    except NotFound:
        return False
    content = rooms.policy(session)
    _erase(session, resident_id, account_id, content["departure"], _version(content), None)
    trail.note(session, resident_id, "system", "privacy.leave-again", "resident", resident_id)
    return True


def forget(session: Session, day: date) -> int:
    """Delete proofs and records whose time is over, and the departures of which nothing is left to keep; how many."""
    proved = DepartureRow.proof_until_on < day
    kept_on = DepartureRow.records_until_on >= day
    week = DepartureRow.proof_until_on >= day - timedelta(days=7)
    waiting = session.execute(select(DepartureRow.resident_id).where(proved, week, kept_on)).scalars()
    unkept = DepartureRow.records_until_on.is_(None) | (DepartureRow.records_until_on < day)
    done = list(session.execute(select(DepartureRow.resident_id).where(proved, unkept).limit(CHUNK)).scalars())
    proofs.forget_events(session, [*waiting, *done], clock.now())
    for resident_id in done:
        records.erase(session, Leaving(resident_id))
    session.execute(delete(DepartureRow).where(DepartureRow.resident_id.in_(done)))
    return len(done)
