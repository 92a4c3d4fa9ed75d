"""One turn of one webhook: claim a few of its rows, send them, write down what came of each.

A claim is a lease with a count: only who claimed a row last settles it. Whoever dies between sending and settling
leaves a row that another takes up when the lease is over: it arrives again under the same id.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.db import Reader
from backend.webhooks import rules, secrets, sending, service
from backend.webhooks.models import Delivery, Webhook
from backend.webhooks.sending import Answer

AT_ONCE = 5
LEASE = timedelta(seconds=120)
"""Longer than what is claimed at once can take (five times fifteen seconds)."""
TURN_SECONDS = 30.0
FAILURES_IN_A_TURN = 3
_HOOKS: Any = Webhook.__table__
_ROWS: Any = Delivery.__table__
log = structlog.get_logger("webhooks")
Stopped = Callable[[], bool]


class Key(NamedTuple):
    """A webhook with its partner, by whom its rows lie."""

    partner_id: UUID
    webhook_id: UUID


class _Claimed(NamedTuple):
    hook: Any
    secrets: list[str]
    rows: list[Any]


def _due(key: Key | None = None) -> tuple[Any, ...]:
    instant = clock.now()
    free = or_(_ROWS.c.lease_until.is_(None), _ROWS.c.lease_until <= instant)
    due = (_ROWS.c.state == "waiting", _ROWS.c.due_at <= instant, free)
    return due if key is None else (*due, _ROWS.c.partner_id == key.partner_id, _ROWS.c.webhook_id == key.webhook_id)


def due(reader: Reader) -> list[Key]:
    """The webhooks for which something is due."""
    found = select(_ROWS.c.partner_id, _ROWS.c.webhook_id).where(*_due()).distinct()
    return [Key(*row) for row in reader.execute(found)]


def turn(key: Key, stopped: Stopped = lambda: False) -> bool:
    """Send some of what is due for one webhook. False when it ended in failures and the webhook should rest.

    Safe in several workers at once: rows that another has claimed are passed over.
    """
    claimed, ends_at, failures = _claim(key), time.monotonic() + TURN_SECONDS, 0
    for row in claimed.rows:
        if stopped() or failures >= FAILURES_IN_A_TURN or time.monotonic() > ends_at:
            _settle(row, tries=row.tries - 1)
            continue
        answer = _send(claimed, row)
        failures += 0 if not answer.error else 1 if answer.status is not None else FAILURES_IN_A_TURN
        _note(claimed.hook, row, answer)
    return failures < FAILURES_IN_A_TURN


def _claim(key: Key) -> _Claimed:
    """Take rows whose time has come under a lease; give up or forget those that have nobody to go to."""
    with db.transaction() as session:
        hook = session.execute(select(_HOOKS).where(_HOOKS.c.id == key.webhook_id)).first()
        if hook is None:
            mine = (_ROWS.c.partner_id == key.partner_id, _ROWS.c.webhook_id == key.webhook_id)
            session.execute(delete(_ROWS).where(*mine))
            return _Claimed(None, [], [])
        if hook.status != "active":
            service.give_up_waiting(session, *key)
            return _Claimed(hook, [], [])
        query = select(_ROWS).where(*_due(key)).order_by(_ROWS.c.due_at).limit(AT_ONCE)
        rows = list(session.execute(query.with_for_update(skip_locked=True)))
        taken = [_take(session, row) for row in rows]
        return _Claimed(hook, secrets.living(session, key.webhook_id), taken)


def _take(session: Session, row: Any) -> Any:
    lease = dict(tries=row.tries + 1, lease_until=clock.now() + LEASE)
    taken = update(_ROWS).where(*_same(row)).values(**lease).returning(*_ROWS.c)
    return session.execute(taken).one()


def _same(row: Any) -> tuple[Any, ...]:
    return (_ROWS.c.partner_id == row.partner_id, _ROWS.c.webhook_id == row.webhook_id, _ROWS.c.id == row.id)


def _send(claimed: _Claimed, row: Any) -> Answer:
    payload = row.body.encode()
    headers = rules.headers(claimed.secrets, str(row.id), clock.now(), payload)
    return sending.current().post(claimed.hook.url, headers, payload)


def _note(hook: Any, row: Any, answer: Answer) -> None:
    """Write down what came of a try, and what it says about the webhook."""
    told = dict(last_tried_at=clock.now(), last_status=answer.status, last_error=answer.error or None,
                last_answer=answer.text)  # fmt: skip
    if not answer.error:
        _settle(row, **told, state="delivered", delivered_at=clock.now())
        if hook.failing_since is not None:
            _mark(hook, None)
        return
    wait = rules.pause(row.tries - row.tries_before, random.random(), answer.asked_seconds)
    _settle(row, **told, **({"state": "failed"} if wait is None else {"due_at": clock.now() + wait}))
    if answer.status == 410:
        _disable(hook, service.GONE)
    elif hook.failing_since is None:
        _mark(hook, clock.now())
    elif hook.failing_since <= clock.now() - rules.FAILING:
        _disable(hook, service.FAILING)


def _settle(row: Any, **values: Any) -> None:
    """Nothing happens where another has claimed the row since."""
    with db.transaction() as session:
        this = (*_same(row), _ROWS.c.tries == row.tries)
        session.execute(update(_ROWS).where(*this).values(**values, lease_until=None))


def _mark(hook: Any, since: Any) -> None:
    """Note that failures begin, or have ended; a failure that another noted first stands."""
    known = _HOOKS.c.failing_since
    turns = known.is_(None) if since is not None else known.is_not(None)
    with db.transaction() as session:
        session.execute(update(_HOOKS).where(_HOOKS.c.id == hook.id, turns).values(failing_since=since))


def _disable(hook: Any, reason: str) -> None:
    """Unless it is not as it was any more: somebody may have mended and enabled it, or it has answered another."""
    with db.transaction() as session:
        now = session.execute(db.for_update(select(_HOOKS).where(_HOOKS.c.id == hook.id))).first()
        if now is None or (now.url, now.failing_since) != (hook.url, hook.failing_since):
            return
        if service.disable(session, hook.partner_id, hook.id, reason):
            log.warning("webhook.disabled", webhook_id=str(hook.id), reason=reason)
