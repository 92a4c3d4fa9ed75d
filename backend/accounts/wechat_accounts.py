"""Residents' way in: WeChat says who made a login code; the account may later be bound to a person."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import sessions
from backend.accounts.errors import SignInRefused
from backend.accounts.models import WechatAccountRow, WechatOpenidRow
from backend.kit import clock
from backend.kit.db import insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.wechat import service as wechat


def check_wechat_code(code: str) -> wechat.WechatUser:
    """Who made a login code. Asks WeChat, so it stands outside any transaction. Raises what the client raises."""
    return wechat.current().exchange_login_code(code)


def sign_in_wechat(session: Session, user: wechat.WechatUser, user_agent: str = "") -> sessions.Grant:
    """Open a session for a WeChat user, whose account is made at the first time. Raises SignInRefused."""
    account_id = _account(session, user)
    row = session.execute(
        select(WechatAccountRow.status, WechatAccountRow.unionid).where(WechatAccountRow.id == account_id)
    ).one()
    if row.status != "active":
        raise SignInRefused()
    if user.unionid and row.unionid != user.unionid:
        session.execute(update(WechatAccountRow).where(WechatAccountRow.id == account_id).values(unionid=user.unionid))
    return sessions.open_session(session, "resident", account_id, user_agent)


def _account(session: Session, user: wechat.WechatUser) -> UUID:
    """The account of an openid. The look-up row decides which of two first sign-ins makes it."""
    known = select(WechatOpenidRow.account_id).where(WechatOpenidRow.openid == user.openid)
    account_id: UUID | None = session.execute(known).scalar()
    if account_id is not None:
        return account_id
    made_id = new_id()
    if not insert_if_absent(session, WechatOpenidRow, dict(openid=user.openid, account_id=made_id), ("openid",)):
        return UUID(str(session.execute(known).scalar_one()))
    session.execute(
        insert(WechatAccountRow).values(
            id=made_id, openid=user.openid, unionid=user.unionid, resident_id=None, status="active",
            created_at=clock.now(),
        )
    )  # fmt: skip
    return made_id


def set_wechat_account_status(session: Session, account_id: UUID, status: str) -> None:
    """``suspended`` ends every session of the account at once. Raises NotFound."""
    this = WechatAccountRow.id == account_id
    changed = update(WechatAccountRow).where(this).values(status=status).returning(WechatAccountRow.id)
    if session.execute(changed).first() is None:
        raise NotFound()
    if status == "suspended":
        sessions.end_sessions(session, account_id, "suspended")
