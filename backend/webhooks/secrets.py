"""The secrets that sign: drawn here, sealed at rest, several at once while one takes another's place."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from backend.kit import clock, seal
from backend.kit.db import Reader
from backend.webhooks import rules
from backend.webhooks.errors import TooManyWebhookSecrets
from backend.webhooks.models import WebhookSecret

_SECRETS: Any = WebhookSecret.__table__
SAID_AGAIN = timedelta(hours=1)
_PLACE = {"table": "webhook_secrets", "column": "secret_sealed"}


class SecretView(NamedTuple):
    """A secret as its owners see it: never itself."""

    id: UUID
    created_at: datetime
    ends_at: datetime | None


def _living(webhook_id: UUID) -> tuple[Any, ...]:
    return (
        _SECRETS.c.webhook_id == webhook_id,
        or_(_SECRETS.c.ends_at.is_(None), _SECRETS.c.ends_at > clock.now()),
    )


def draw(session: Session, webhook_id: UUID, secret_id: UUID) -> str:
    """A fresh secret, written sealed; its text, said this once."""
    text = rules.secret_text(os.urandom(rules.SECRET_BYTES))
    sealed = seal.seal_system(text, **_PLACE, row=secret_id)
    row = dict(id=secret_id, webhook_id=webhook_id, secret_sealed=sealed, created_at=clock.now(), ends_at=None)
    session.execute(insert(_SECRETS).values(**row))
    return text


def said_again(reader: Reader, secret_id: UUID) -> str | None:
    """A secret once more, for who repeats the very request that made it within the hour: its answer may have got lost.
    None later, and when it has ended."""
    fresh = _SECRETS.c.created_at > clock.now() - SAID_AGAIN
    row = reader.execute(select(_SECRETS.c.secret_sealed).where(_SECRETS.c.id == secret_id, fresh)).first()
    return None if row is None else seal.open_system(row.secret_sealed, **_PLACE, row=secret_id)


def end_old(session: Session, webhook_id: UUID, overlap_hours: int) -> None:
    """Let the secrets that live end with the overlap, none later than it would have. The webhook's row is locked.

    Raises TooManyWebhookSecrets where as many would sign as one header should hold.
    """
    living, ends_at = _living(webhook_id), clock.now() + timedelta(hours=overlap_hours)
    later = or_(_SECRETS.c.ends_at.is_(None), _SECRETS.c.ends_at > ends_at)
    session.execute(update(_SECRETS).where(*living, later).values(ends_at=ends_at))
    count = session.execute(select(func.count()).select_from(_SECRETS).where(*_living(webhook_id))).scalar_one()
    if count >= rules.MOST_SECRETS:
        raise TooManyWebhookSecrets(most=rules.MOST_SECRETS)


def living(reader: Reader, webhook_id: UUID) -> list[str]:
    """The secrets that sign now, the newest first."""
    query = select(_SECRETS.c.id, _SECRETS.c.secret_sealed).where(*_living(webhook_id))
    rows = reader.execute(query.order_by(_SECRETS.c.created_at.desc(), _SECRETS.c.id.desc())).all()
    return [seal.open_system(row.secret_sealed, **_PLACE, row=row.id) for row in rows]


def views(reader: Reader, webhook_ids: list[UUID]) -> dict[UUID, list[SecretView]]:
    """The secrets that sign now, by webhook, the newest first."""
    columns = (_SECRETS.c.webhook_id, _SECRETS.c.id, _SECRETS.c.created_at, _SECRETS.c.ends_at)
    mine = _SECRETS.c.webhook_id.in_(webhook_ids)
    live = or_(_SECRETS.c.ends_at.is_(None), _SECRETS.c.ends_at > clock.now())
    found: dict[UUID, list[SecretView]] = {one: [] for one in webhook_ids}
    newest = (_SECRETS.c.created_at.desc(), _SECRETS.c.id.desc())
    for row in reader.execute(select(*columns).where(mine, live).order_by(*newest)):
        found[row.webhook_id].append(SecretView(row.id, row.created_at, row.ends_at))
    return found


def forget(session: Session, webhook_id: UUID) -> None:
    """Delete a webhook's secrets."""
    session.execute(delete(_SECRETS).where(_SECRETS.c.webhook_id == webhook_id))


def forget_ended(session: Session) -> int:
    """Delete the secrets whose time is over; how many."""
    over = delete(_SECRETS).where(_SECRETS.c.ends_at <= clock.now())
    return len(session.execute(over.returning(_SECRETS.c.id)).all())


def reseal(session: Session, after: UUID | None, limit: int) -> tuple[list[UUID], int]:
    """Seal the next secrets by key under the current master key: which were looked at, and how many changed."""
    query = select(_SECRETS.c.id, _SECRETS.c.secret_sealed).order_by(_SECRETS.c.id).limit(limit)
    rows = session.execute(query.where(_SECRETS.c.id > after) if after else query).all()
    changed = 0
    for row in rows:
        if seal.current().is_current(row.secret_sealed):
            continue
        text = seal.open_system(row.secret_sealed, **_PLACE, row=row.id)
        this = (_SECRETS.c.id == row.id, _SECRETS.c.secret_sealed == row.secret_sealed)
        new = update(_SECRETS).where(*this).values(secret_sealed=seal.seal_system(text, **_PLACE, row=row.id))
        changed += session.execute(new.returning(_SECRETS.c.id)).first() is not None
    return [row.id for row in rows], changed
