"""Writing down what partners are told, within the transaction in which it happens."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, String, Text, bindparam, insert, literal, select
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.db import Id, UtcDateTime
from backend.kit.ids import new_id
from backend.kit.outbox import Joins
from backend.kit.prepared import Batch, Prepared
from backend.webhooks import rules
from backend.webhooks.models import Delivery, Webhook

_HOOKS: Any = Webhook.__table__
_ROWS: Any = Delivery.__table__


@lru_cache(maxsize=32)
def _write(event: str) -> Prepared:
    """One statement, however many listen, and none: a row for each of the partner's webhooks that wants ``event``."""
    instant = bindparam("instant", type_=UtcDateTime())
    row = {
        "partner_id": _HOOKS.c.partner_id, "webhook_id": _HOOKS.c.id, "id": bindparam("event_id", type_=Id),
        "event": literal(event, String), "body": bindparam("body", type_=Text), "state": literal("waiting", String),
        "tries": literal(0, Integer), "tries_before": literal(0, Integer), "due_at": instant, "created_at": instant,
    }  # fmt: skip
    wants = _HOOKS.c.events.contains(f" {event} ", autoescape=True)
    mine = _HOOKS.c.partner_id == bindparam("partner", type_=Id)
    found = select(*row.values()).where(mine, _HOOKS.c.status == "active", wants)
    return Prepared(insert(_ROWS).from_select(list(row), found, include_defaults=False))


def tell(session: Session, partner_id: UUID, event: str, data: Mapping[str, Any], batch: Batch | None = None) -> None:
    """Queue ``event`` (of ``rules.EVENTS``) for every live webhook of a partner that subscribes to it.

    The rows share the fate of the transaction. ``data`` is JSON: ids as text, instants as ISO 8601; it names no
    resident and nothing that follows one from partner to partner. Raises ValueError for what may not be told and for
    more than 20 KiB. With ``batch`` the statement is left to it.
    """
    if event not in rules.EVENTS:
        raise ValueError(f"{event} is not an event")
    instant = clock.now()
    values = {
        "partner": partner_id, "event_id": new_id(), "body": rules.body(event, instant, data), "instant": instant,
    }  # fmt: skip
    if batch is None:
        _write(event).run(session, values)
    else:
        batch.add(_write(event), values)


def on_news(topic: str) -> Joins:
    """What the composition root *joins* to ``topic`` (of ``rules.NEWS``): it tells the partner that the news names
    what of it is the partner's to know."""
    said = rules.NEWS[topic]

    def handle(session: Session, news: dict[str, Any], batch: Batch | None = None) -> None:
        data = {name: news[name] for name in said.fields if name in news}
        tell(session, UUID(news["partner_id"]), said.event, data, batch)

    return handle
