"""Acceptances: what a person answered to WeChat's dialogue. One acceptance, one message."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from backend.kit import clock, operations
from backend.kit.db import Reader
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.messages import rules
from backend.messages.models import AcceptanceRow


def _unspent(account_id: UUID, template: str) -> tuple[Any, ...]:
    return (
        AcceptanceRow.account_id == account_id,
        AcceptanceRow.template == template,
        AcceptanceRow.spent_at.is_(None),
    )


def accept(session: Session, account_id: UUID, template: str, result: str, operation: Operation) -> int:
    """Keep what WeChat's dialogue said of a template; how many acceptances this account holds now.

    A repeat of the operation counts once. ``ban``: WeChat has switched the template off for her, so what is held is
    worthless. Beyond ``MOST_UNSPENT`` nothing is added.
    """
    if operations.begin(session, operation, kind="messages.accept", makes=account_id) is not None:
        return unspent(session, account_id, template)
    if result == "ban":
        void(session, account_id, template)
    elif result == "accept" and unspent(session, account_id, template) < rules.MOST_UNSPENT:
        session.execute(
            insert(AcceptanceRow).values(
                account_id=account_id, id=new_id(), template=template, accepted_at=clock.now(), spent_at=None
            )
        )
    return unspent(session, account_id, template)


def unspent(reader: Reader, account_id: UUID, template: str) -> int:
    """How many acceptances an account holds."""
    held = select(func.count()).select_from(AcceptanceRow).where(*_unspent(account_id, template))
    return int(reader.execute(held).scalar_one())


def spend(session: Session, account_id: UUID, template: str) -> UUID | None:
    """Use up the oldest acceptance; its id, None where there is none."""
    oldest = (
        select(AcceptanceRow.id)
        .where(*_unspent(account_id, template))
        .order_by(AcceptanceRow.accepted_at, AcceptanceRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    acceptance_id: UUID | None = session.execute(oldest).scalar()
    if acceptance_id is not None:
        this = (AcceptanceRow.account_id == account_id, AcceptanceRow.id == acceptance_id)
        session.execute(update(AcceptanceRow).where(*this).values(spent_at=clock.now()))
    return acceptance_id


def give_back(session: Session, account_id: UUID, acceptance_id: UUID) -> None:
    """Nothing was sent: the acceptance is good for another message."""
    this = (AcceptanceRow.account_id == account_id, AcceptanceRow.id == acceptance_id)
    session.execute(update(AcceptanceRow).where(*this).values(spent_at=None))


def void(session: Session, account_id: UUID, template: str) -> None:
    """WeChat counts none: neither do we."""
    session.execute(update(AcceptanceRow).where(*_unspent(account_id, template)).values(spent_at=clock.now()))
