"""Which WeChat account is whose. The rooms above decide; what is written here is only ever one pair at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from backend.accounts import people, sessions
from backend.accounts.errors import SpendingPaused
from backend.accounts.models import PersonRow, WechatAccountRow
from backend.kit import clock
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.prepared import Part, Prepared

_PERSON: Any = PersonRow.__table__


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


def holder_of(reader: Reader, resident_id: UUID) -> UUID | None:
    """The WeChat account to which a living person is bound; None for everybody else."""
    living = (PersonRow.resident_id == resident_id, PersonRow.status == "active")
    held: UUID | None = reader.execute(select(PersonRow.wechat_account_id).where(*living)).scalar()
    return held


def move_person(session: Session, resident_id: UUID, held_by: UUID, account_id: UUID, pause: timedelta) -> bool:
    """Bind a person to another account than the one that holds her, and end every session of both.

    False, and nothing is changed, where she is not ``held_by`` that account any more: of two who move her at once
    one does. For ``pause`` she cannot spend. ``bound_at`` is the next whole second, so that whatever was signed for
    the old holder up to now, in whole seconds, is older than it.
    """
    now = clock.now()
    this = (PersonRow.resident_id == resident_id, PersonRow.status == "active", PersonRow.wechat_account_id == held_by)
    moved = update(PersonRow).where(*this).values(
        wechat_account_id=account_id, bound_at=now.replace(microsecond=0) + timedelta(seconds=1),
        spending_paused_until=now + pause if pause else None,
    )  # fmt: skip
    if session.execute(moved.returning(PersonRow.resident_id)).first() is None:
        return False
    for whose, resident in ((held_by, None), (account_id, resident_id)):
        session.execute(update(WechatAccountRow).where(WechatAccountRow.id == whose).values(resident_id=resident))
        sessions.end_sessions(session, whose, "recovered")
    return True


def holds_since(reader: Reader, resident_id: UUID) -> datetime | None:
    """Since when the present account holds a person; a code shown for her before that is another's."""
    bound = select(PersonRow.bound_at).where(PersonRow.resident_id == resident_id, PersonRow.status == "active")
    since: datetime | None = reader.execute(bound).scalar()
    return since


def require_may_spend(session: Session, resident_id: UUID) -> None:
    """Raise NotFound when the person has left, SpendingPaused while the pause after a recovery lasts.

    Otherwise nobody leaves before this transaction ends, as :func:`personal.require_standing` has it.
    """
    row = _MAY_SPEND.first(session, {"resident": resident_id})
    if row is None:
        raise NotFound()
    judge_spending(row)


SPENDER = Part(
    (_PERSON.c.status.label("person_status"), _PERSON.c.spending_paused_until),
    ((_PERSON, _PERSON.c.resident_id == bindparam("resident")),),
)
"""What :func:`judge_spending` reads, for a statement that locks the person together with something else.

It locks her shared (``FOR KEY SHARE``) and first, as :func:`require_may_spend` does."""

_MAY_SPEND = Prepared(
    select(*SPENDER.columns).where(SPENDER.joins[0][1]).with_for_update(read=True, key_share=True, of=_PERSON)
)


def judge_spending(row: Any) -> None:
    """Raise NotFound or SpendingPaused as a row of ``SPENDER`` says, read under its lock."""
    if row.person_status == "erased":
        raise NotFound()
    until = row.spending_paused_until
    if until is not None and until > clock.now():
        raise SpendingPaused(until=until.isoformat().replace("+00:00", "Z"))


def lift_pause(session: Session, resident_id: UUID) -> bool:
    """End a person's pause now. False where there is none."""
    paused = (PersonRow.resident_id == resident_id, PersonRow.spending_paused_until > clock.now())
    lifted = update(PersonRow).where(*paused).values(spending_paused_until=None).returning(PersonRow.resident_id)
    return session.execute(lifted).first() is not None
