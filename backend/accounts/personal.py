"""What this room keeps of a person, and how it lets go of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts import people
from backend.accounts.models import (
    PersonLookupRow,
    PersonRow,
    RefreshTokenRow,
    SessionRow,
    StaffRow,
    WechatAccountRow,
    WechatOpenidRow,
)
from backend.kit import keepers, seal
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.kit.personal import Column, Keeper, Kept, Leaving, Page, Section, delete_where, listing, table_of

_SESSIONS, _REFRESH, _ACCOUNTS, _OPENIDS, _LOOKUPS = (
    table_of(model) for model in (SessionRow, RefreshTokenRow, WechatAccountRow, WechatOpenidRow, PersonLookupRow)
)


# --- standing --------------------------------------------------------------------------------------------------------


def require_standing(session: Session, resident_id: UUID) -> None:
    """Raise NotFound when the person has left; otherwise nobody leaves before this transaction ends.

    Whatever writes something new about a person calls it before any other lock. It is shared: many such acts of one
    person go on together, and only a departure waits for them.
    """
    row = select(PersonRow.status).where(PersonRow.resident_id == resident_id)
    if session.execute(row.with_for_update(read=True, key_share=True)).scalar() == "erased":
        raise NotFound()


def has_left(reader: Reader, resident_id: UUID) -> bool:
    """Whether the person has left the programme."""
    return reader.execute(select(PersonRow.status).where(PersonRow.resident_id == resident_id)).scalar() == "erased"


def lock_leaving(session: Session, resident_id: UUID) -> UUID | None:
    """Hold a person against everything that :func:`require_standing` guards; her WeChat account, if one is bound.

    Raises NotFound for whoever has left already.
    """
    columns = select(PersonRow.status, PersonRow.wechat_account_id).where(PersonRow.resident_id == resident_id)
    row = session.execute(columns.with_for_update()).first()
    if row is None or row.status != "active":
        raise NotFound()
    account_id: UUID | None = row.wechat_account_id
    return account_id


def identity_digests(reader: Reader, resident_id: UUID, purpose: str) -> list[tuple[str, bytes]]:
    """The keyed digests of a person's id number for ``purpose``, under every hash key. Raises NotFound."""
    return seal.digests(purpose, people.open_person(reader, resident_id).id_number)


def bound_at(reader: Reader, resident_id: UUID) -> datetime | None:
    """When the person bound a WeChat account; None when nobody is bound. Raises NotFound."""
    found: datetime | None = people.sealed_row(reader, resident_id).bound_at
    return found


# --- correcting ------------------------------------------------------------------------------------------------------


def change_phone(session: Session, resident_id: UUID, phone: str) -> None:
    """Seal a verified phone with its holder; look-ups by the old number no longer find her. Raises NotFound."""
    lock_leaving(session, resident_id)
    before = people.open_person(session, resident_id).phone
    for key_id, digest in seal.digests(people.PHONE, before) if before else ():
        delete_where(session, _LOOKUPS, kind=people.PHONE, key_id=key_id, digest=digest, resident_id=resident_id)
    _write(session, resident_id, "phone_sealed", phone)
    people.remember_phone(session, resident_id, phone)


def rename(session: Session, resident_id: UUID, name: str) -> None:
    """Seal a name that somebody vouched for, in normal form. Raises NotFound."""
    lock_leaving(session, resident_id)
    _write(session, resident_id, "name_sealed", name)


def _write(session: Session, resident_id: UUID, column: str, text: str) -> None:
    key = people.sealed_row(session, resident_id).data_key
    sealed = people.seal_field(key, column, resident_id, text)
    session.execute(update(PersonRow).where(PersonRow.resident_id == resident_id).values({column: sealed}))


# --- seeing ----------------------------------------------------------------------------------------------------------

_PERSON = (
    Column("name", "姓名"),
    Column("id_number", "身份证号"),
    Column("phone", "手机号"),
    Column("birth_on", "出生日期", "day"),
    Column("bound_at", "实名绑定时间", "instant"),
    Column("created_at", "首次登记时间", "instant"),
    Column("spending_paused_until", "积分暂停使用至", "instant"),
)
_ACCOUNT = (
    Column("openid", "微信 openid"),
    Column("unionid", "微信 unionid"),
    Column("status", "状态", words={"active": "正常", "suspended": "已停用"}),
    Column("created_at", "建立时间", "instant"),
)
_SESSION = (
    Column("created_at", "登录时间", "instant"),
    Column("expires_at", "到期时间", "instant"),
    Column("ended_at", "结束时间", "instant"),
    Column("ended_because", "结束原因"),
)


def _person(reader: Reader, resident_id: UUID, _after: Any) -> Page:
    known = people.open_person(reader, resident_id)
    columns = select(PersonRow.bound_at, PersonRow.created_at, PersonRow.spending_paused_until)
    row = reader.execute(columns.where(PersonRow.resident_id == resident_id)).one()
    about = {"name": known.name, "id_number": known.id_number, "phone": known.phone}
    return Page([{**about, "birth_on": people.rules.birth_on(known.id_number), **row._mapping}], None)


def _account_of(reader: Reader, resident_id: UUID) -> UUID | None:
    mine = select(PersonRow.wechat_account_id).where(PersonRow.resident_id == resident_id)
    found: UUID | None = reader.execute(mine).scalar()
    return found


def _own_acts(reader: Reader, resident_id: UUID, after: Any) -> Page:
    account_id = _account_of(reader, resident_id)
    return keepers.acts_of(reader, account_id, after) if account_id else Page([], None)


def _sessions(reader: Reader, resident_id: UUID, after: Any) -> Page:
    account_id = _account_of(reader, resident_id)
    page = listing(_SESSIONS, "id", _SESSION, whose="account_id")
    return page(reader, account_id, after) if account_id else Page([], None)


# --- leaving ---------------------------------------------------------------------------------------------------------


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Destroy the person's key and empty the sealed fields; account, openid, sessions and look-ups go."""
    resident_id, account_id = leaving.resident_id, leaving.account_id
    gone = {"person_lookups": delete_where(session, _LOOKUPS, resident_id=resident_id)}
    bound = select(_ACCOUNTS.c.id).where(_ACCOUNTS.c.resident_id == resident_id)
    for one in {account_id, *session.execute(bound).scalars()} - {None}:
        delete_where(session, _REFRESH, account_id=one)
        gone["sessions"] = delete_where(session, _SESSIONS, account_id=one)
        delete_where(session, _OPENIDS, account_id=one)
        gone["wechat_accounts"] = delete_where(session, _ACCOUNTS, id=one)
    # Another number, the same for all her accounts: two of them stay one person, and none leads to the ledger's number.
    session.execute(update(StaffRow).where(StaffRow.resident_id == resident_id).values(resident_id=new_id()))
    session.execute(
        update(PersonRow)
        .where(PersonRow.resident_id == resident_id)
        .values(
            status="erased", data_key=None, name_sealed="", id_number_sealed="", phone_sealed=None,
            wechat_account_id=None, bound_at=None, spending_paused_until=None,
        )
    )  # fmt: skip
    return gone


_BASIS = "为您办理所必需（《个人信息保护法》第十三条第一款第二项）；实名依据为您绑定时的授权"
KEEPER = Keeper(
    room="accounts",
    sections=(
        Section("person", "我的身份", "知道您是谁，把档案和积分记在您名下", _BASIS, "直到您退出", _PERSON, _person),
        Section(
            "wechat", "微信账号", "登录", _BASIS, "直到您退出", _ACCOUNT, listing(_ACCOUNTS, "id", _ACCOUNT),
        ),
        Section(
            "sessions", "登录记录", "保持登录；发现盗用", "《网络安全法》第二十一条", "结束后九十天",
            _SESSION, _sessions,
        ),
        Section(
            "own-acts", "我办理过的个人信息事项", "说明副本、更正、撤回是何时办理的",
            "《个人信息保护法》第五十一条、第五十五条", "与操作日志同期", keepers.ACT, _own_acts,
        ),
    ),
    erase=erase,
    deleted={
        "person_lookups": "按证件号、手机号查找您的索引", "wechat_accounts": "微信账号",
        "wechat_openids": "微信 openid",
        "sessions": "登录会话", "refresh_tokens": "登录凭证",
    },
    kept={
        "people": Kept(
            "一个不再指向任何人的编号", "密钥已销毁，姓名、证件号、手机号已清空", "与积分流水相同",
            "《个人信息保护法》第七十三条（匿名化后不再是个人信息）",
        ),
        "staff": Kept(
            "您的工作人员账号（如果有）", "与您本人的关联已换成另一个编号，只用于认出同属一人的账号", "直到账号注销",
            "《网络安全法》第二十一条",
        ),
    },
)  # fmt: skip
