"""A partner's webhooks: make, change, rotate, try out, and see what became of what was sent.

``Scope`` is the organisations for which somebody may. Others' webhooks are not found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.kit import clock, db, operations, trail
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import NIL, new_id
from backend.kit.operations import Operation
from backend.webhooks import rules, secrets, sending
from backend.webhooks.addresses import Unacceptable
from backend.webhooks.errors import TooManyWebhooks, WebhookDisabled
from backend.webhooks.models import Delivery, Webhook
from backend.webhooks.secrets import SecretView
from backend.webhooks.telling import on_news, tell

__all__ = [
    "MOST_WEBHOOKS", "DeliveryView", "Given", "Orderer", "WebhookView", "change", "check_url", "create", "delete_one",
    "deliveries", "on_news", "ping", "retry", "rotate", "tell", "webhook", "webhooks",
]  # fmt: skip

MOST_WEBHOOKS = 5
BY_HAND, GONE, FAILING = "by-hand", "gone", "failing"
_HOOKS: Any = Webhook.__table__
_ROWS: Any = Delivery.__table__


class Orderer(NamedTuple):
    """Who acts, under which role, and for which organisations."""

    account_id: UUID
    role: str
    scope: Collection[UUID]


class WebhookView(NamedTuple):
    """A webhook as its managers see it. ``secrets``: which sign now and until when, never themselves."""

    id: UUID
    organisation_id: UUID
    url: str
    events: list[str]
    description: str
    status: str
    disabled_reason: str | None
    failing_since: datetime | None
    secrets: list[SecretView]
    created_at: datetime
    updated_at: datetime


class Given(NamedTuple):
    """A webhook and its new secret, said in this answer alone: None when the request is repeated after an hour."""

    webhook: WebhookView
    secret: str | None


class DeliveryView(NamedTuple):
    """What became of one event. ``id``: the ``webhook-id`` that the partner sees. ``next_try_at``: None unless it
    waits. ``last_answer``: the first 500 characters of what was answered."""

    id: UUID
    event: str
    state: str
    tries: int
    last_tried_at: datetime | None
    last_status: int | None
    last_error: str | None
    last_answer: str | None
    next_try_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime


def check_url(url: str) -> str:
    """Resolve and judge a URL, before any transaction is open. Raises FieldError at ``/url``."""
    try:
        sending.current().judged(url)
    except Unacceptable as refused:
        raise FieldError.at("/url", refused.zh, refused.en) from None
    return url


# --- reading -------------------------------------------------------------------------------------------------------


def webhooks(reader: Reader, scope: Collection[UUID]) -> list[WebhookView]:
    """The webhooks of some organisations, in the order in which they were made."""
    query = select(_HOOKS).where(_HOOKS.c.partner_id.in_(scope)).order_by(_HOOKS.c.created_at, _HOOKS.c.id)
    rows = reader.execute(query).all()
    signing = secrets.views(reader, [row.id for row in rows])
    return [_view(row, signing[row.id]) for row in rows]


def webhook(reader: Reader, scope: Collection[UUID], webhook_id: UUID) -> WebhookView:
    """One of them. Raises NotFound."""
    row = _row(reader, scope, webhook_id)
    return _view(row, secrets.views(reader, [row.id])[row.id])


def _view(row: Any, signing: list[SecretView]) -> WebhookView:
    return WebhookView(
        row.id, row.partner_id, row.url, row.events.split(), row.description, row.status, row.disabled_reason,
        row.failing_since, signing, row.created_at, row.updated_at,
    )  # fmt: skip


def _row(reader: Reader, scope: Collection[UUID], webhook_id: UUID, *, lock: bool = False) -> Any:
    query = select(_HOOKS).where(_HOOKS.c.id == webhook_id, _HOOKS.c.partner_id.in_(scope))
    row = reader.execute(db.for_update(query) if lock else query).first()
    if row is None:
        raise NotFound("没有这个回调地址。", "There is no such webhook.")
    return row


# --- making and changing -------------------------------------------------------------------------------------------


def create(
    session: Session, by: Orderer, organisation_id: UUID | None, fields: Mapping[str, Any], operation: Operation
) -> Given:
    """A webhook of an organisation: ``url`` (checked before), ``events``, ``description``; live at once.

    Raises NotFound for another's organisation, FieldError where it must be named, TooManyWebhooks for a sixth.
    """
    if (made := operations.begin(session, operation, kind="webhooks.create")) is not None:
        return Given(webhook(session, by.scope, made), secrets.said_again(session, made))
    partner_id, webhook_id, now = _organisation(by.scope, organisation_id), new_id(), clock.now()
    row = dict(
        id=webhook_id, partner_id=partner_id, url=fields["url"], events=_joined(fields["events"]),
        description=fields["description"], status="active", disabled_reason=None, failing_since=None,
        created_at=now, updated_at=now,
    )  # fmt: skip
    if not any(
        insert_if_absent(session, Webhook, {**row, "place": place}, ("partner_id", "place"))
        for place in range(1, MOST_WEBHOOKS + 1)
    ):
        raise TooManyWebhooks(most=MOST_WEBHOOKS)
    secret = secrets.draw(session, webhook_id, secret_id=webhook_id)
    trail.note(session, by.account_id, by.role, "webhook.create", "webhook", webhook_id, {"partner": str(partner_id)})
    operations.finish(session, operation, webhook_id)
    return Given(webhook(session, by.scope, webhook_id), secret)


def _organisation(scope: Collection[UUID], named: UUID | None) -> UUID:
    if named is not None and named not in scope:
        raise NotFound("没有这个单位。", "There is no such organisation.")
    if named is None and len(scope) != 1:
        raise FieldError.at("/organisation_id", "您管理多个单位，请写明是哪一个。", "Name one of your organisations.")
    return named or next(iter(scope))


def _joined(events: Iterable[str]) -> str:
    """With a space on both sides of each, so that one statement finds who wants an event."""
    return f" {' '.join(sorted(set(events)))} "


def change(session: Session, by: Orderer, webhook_id: UUID, fields: Mapping[str, Any]) -> WebhookView:
    """Change what is given of ``url`` (checked before), ``events``, ``description``, ``status``. Raises NotFound.

    Disabling gives up what still waits; enabling begins anew and forgets how long it had been failing.
    """
    row = _row(session, by.scope, webhook_id, lock=True)
    new = {name: fields[name] for name in ("url", "description") if name in fields}
    if "events" in fields:
        new["events"] = _joined(fields["events"])
    status = fields.get("status", row.status)
    if status == "active" and row.status != "active":
        new |= {"status": "active", "disabled_reason": None, "failing_since": None}
    changed = sorted(name for name in new if new[name] != row._mapping[name])
    if changed:
        session.execute(update(_HOOKS).where(_HOOKS.c.id == webhook_id).values(**new, updated_at=clock.now()))
        trail.note(session, by.account_id, by.role, "webhook.change", "webhook", webhook_id, {"fields": changed})
    if status == "disabled":
        disable(session, row.partner_id, webhook_id, BY_HAND, by)
    return webhook(session, by.scope, webhook_id)


def disable(
    session: Session, partner_id: UUID, webhook_id: UUID, reason: str, by: Orderer = Orderer(NIL, "system", ())
) -> bool:
    """Stop a webhook and give up what waits for it. False when it had stopped already."""
    live = (_HOOKS.c.id == webhook_id, _HOOKS.c.status == "active")
    new = dict(status="disabled", disabled_reason=reason, updated_at=clock.now())
    if session.execute(update(_HOOKS).where(*live).values(**new).returning(_HOOKS.c.id)).first() is None:
        return False
    give_up_waiting(session, partner_id, webhook_id)
    trail.note(session, by.account_id, by.role, "webhook.disable", "webhook", webhook_id, {"reason": reason})
    return True


def give_up_waiting(session: Session, partner_id: UUID, webhook_id: UUID) -> None:
    """What waits for a disabled webhook waits no more; each may be sent again by hand."""
    waiting = (_ROWS.c.partner_id == partner_id, _ROWS.c.webhook_id == webhook_id, _ROWS.c.state == "waiting")
    session.execute(update(_ROWS).where(*waiting).values(state="failed", last_error="webhook-disabled"))


def delete_one(session: Session, by: Orderer, webhook_id: UUID) -> None:
    """Delete a webhook with its secrets and its log; what is on its way just now still arrives. Raises NotFound."""
    row = _row(session, by.scope, webhook_id, lock=True)
    secrets.forget(session, webhook_id)
    session.execute(delete(_ROWS).where(_ROWS.c.partner_id == row.partner_id, _ROWS.c.webhook_id == webhook_id))
    session.execute(delete(_HOOKS).where(_HOOKS.c.id == webhook_id))
    trail.note(session, by.account_id, by.role, "webhook.delete", "webhook", webhook_id)


def rotate(session: Session, by: Orderer, webhook_id: UUID, overlap_hours: int, operation: Operation) -> Given:
    """A new secret. The old ones go on signing beside it for the overlap (0 ends them now).

    Raises NotFound, TooManyWebhookSecrets.
    """
    secret_id = new_id()
    if (made := operations.begin(session, operation, kind="webhooks.rotate", makes=secret_id)) is not None:
        return Given(webhook(session, by.scope, webhook_id), secrets.said_again(session, made))
    _row(session, by.scope, webhook_id, lock=True)
    secrets.end_old(session, webhook_id, overlap_hours)
    secret = secrets.draw(session, webhook_id, secret_id)
    detail = {"overlap_hours": overlap_hours}
    trail.note(session, by.account_id, by.role, "webhook.rotate", "webhook", webhook_id, detail)
    return Given(webhook(session, by.scope, webhook_id), secret)


# --- what is sent --------------------------------------------------------------------------------------------------


def ping(session: Session, by: Orderer, webhook_id: UUID, operation: Operation) -> DeliveryView:
    """Queue a test event (``webhook.ping``), whatever is subscribed to. Raises NotFound, WebhookDisabled."""
    event_id, now = new_id(), clock.now()
    made = operations.begin(session, operation, kind="webhooks.ping", makes=event_id)
    row = _row(session, by.scope, webhook_id)
    if made is None:
        _require_live(row)
        body = rules.body(rules.PING, now, {"webhook_id": str(webhook_id)})
        said = dict(
            partner_id=row.partner_id, webhook_id=webhook_id, id=event_id, event=rules.PING, body=body,
            state="waiting", tries=0, tries_before=0, due_at=now, created_at=now,
        )  # fmt: skip
        session.execute(insert(_ROWS).values(**said))
    return _delivery(session, row, made or event_id)


def retry(session: Session, by: Orderer, webhook_id: UUID, delivery_id: UUID, operation: Operation) -> DeliveryView:
    """Send one event again, now, with a new round of tries, whatever became of it before; the same id, the same body.

    Raises NotFound, WebhookDisabled.
    """
    made = operations.begin(session, operation, kind="webhooks.retry", makes=delivery_id)
    row = _row(session, by.scope, webhook_id)
    if made is None:
        _require_live(row)
        again = dict(state="waiting", tries_before=_ROWS.c.tries, due_at=clock.now(), delivered_at=None)
        session.execute(update(_ROWS).where(*_this(row, delivery_id)).values(**again))
    return _delivery(session, row, delivery_id)


def _require_live(row: Any) -> None:
    if row.status != "active":
        raise WebhookDisabled(disabled_reason=row.disabled_reason)


def _this(row: Any, delivery_id: UUID) -> tuple[Any, ...]:
    return (_ROWS.c.partner_id == row.partner_id, _ROWS.c.webhook_id == row.id, _ROWS.c.id == delivery_id)


def _delivery(reader: Reader, row: Any, delivery_id: UUID) -> DeliveryView:
    found = reader.execute(select(_ROWS).where(*_this(row, delivery_id))).first()
    if found is None:
        raise NotFound("没有这条发送记录，或者已过保存期。", "There is no such delivery, or it has been forgotten.")
    return _told(found)


def _told(row: Any) -> DeliveryView:
    return DeliveryView(
        row.id, row.event, row.state, row.tries, row.last_tried_at, row.last_status, row.last_error, row.last_answer,
        row.due_at if row.state == "waiting" else None, row.delivered_at, row.created_at,
    )  # fmt: skip


def deliveries(
    reader: Reader, scope: Collection[UUID], webhook_id: UUID, limit: int, state: str | None = None,
    before: tuple[datetime, UUID] | None = None,
) -> list[DeliveryView]:  # fmt: skip
    """Up to ``limit`` deliveries of a webhook, the newest first. Raises NotFound."""
    hook = _row(reader, scope, webhook_id)
    query = select(_ROWS).where(_ROWS.c.partner_id == hook.partner_id, _ROWS.c.webhook_id == webhook_id)
    if state is not None:
        query = query.where(_ROWS.c.state == state)
    if before is not None:
        query = query.where(tuple_(_ROWS.c.created_at, _ROWS.c.id) < before)
    rows = reader.execute(query.order_by(_ROWS.c.created_at.desc(), _ROWS.c.id.desc()).limit(limit)).all()
    return [_told(row) for row in rows]
