"""Which WeChat account is whose. The rooms above decide; what is written here is only ever one pair at a time."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts import people
from backend.accounts.models import PersonRow, WechatAccountRow
from backend.kit import clock
from backend.kit.db import Reader


def openid_of_account(reader: Reader, account_id: UUID) -> str:
    """The openid behind a WeChat account."""
    return str(reader.execute(select(WechatAccountRow.openid).where(WechatAccountRow.id == account_id)).scalar_one())


def lock_account(session: Session, account_id: UUID) -> UUID | None:
    """Hold a WeChat account until the transaction ends; the person it is bound to, or None."""
    mine = select(WechatAccountRow.resident_id).where(WechatAccountRow.id == account_id).with_for_update()
    bound: UUID | None = session.execute(mine).one().resident_id
    return bound


def take_person(session: Session, resident_id: UUID, account_id: UUID) -> bool:
    """Join an account to a living person who has none; False, and nothing is changed, where somebody has her."""
    free = (PersonRow.resident_id == resident_id, PersonRow.status == "active", PersonRow.wechat_account_id.is_(None))
    taken = update(PersonRow).where(*free).values(wechat_account_id=account_id, bound_at=clock.now())
    if session.execute(taken.returning(PersonRow.resident_id)).first() is None:
        return False
    session.execute(update(WechatAccountRow).where(WechatAccountRow.id == account_id).values(resident_id=resident_id))
    return True


def keep_phone(session: Session, resident_id: UUID, phone: str) -> None:
    """Seal a verified phone with its holder, and point the number at them."""
    key = people.sealed_row(session, resident_id).data_key
    sealed = people.seal_field(key, "phone_sealed", resident_id, phone)
    session.execute(update(PersonRow).where(PersonRow.resident_id == resident_id).values(phone_sealed=sealed))
    people.remember_phone(session, resident_id, phone)
