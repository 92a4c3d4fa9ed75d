"""The good calls of the routes about partners' webhooks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.webhooks import service as webhooks
from tests.factories import accounts as people
from tests.factories import perks as shops

URL = "http://127.0.0.1:1024/hook"
FIELDS: dict[str, Any] = {"url": URL, "events": ["admission.created"], "description": "演示收银系统"}


def orderer(who: people.Staff) -> webhooks.Orderer:
    return webhooks.Orderer(who.staff_id, "partner-manager", {who.organisation_id})


def webhook(session: Session, who: people.Staff, **fields: Any) -> webhooks.Given:
    """A webhook of somebody's organisation, in place of all that it had."""
    by = orderer(who)
    for one in webhooks.webhooks(session, by.scope):
        webhooks.delete_one(session, by, one.id)
    return webhooks.create(session, by, None, {**FIELDS, **fields}, shops.act(who.staff_id))


def delivery(session: Session, who: people.Staff, webhook_id: UUID) -> UUID:
    return webhooks.ping(session, orderer(who), webhook_id, shops.act(who.staff_id)).id


class WebhookCalls:
    """A part of ``World``: each method makes what the call of its name needs."""

    staff: dict[str, people.Staff]

    def _create_webhook(self, session: Session) -> dict[str, Any]:
        made = webhook(session, self.staff["partner-manager"])
        webhooks.delete_one(session, orderer(self.staff["partner-manager"]), made.webhook.id)
        return {"who": "partner-manager", "body": dict(FIELDS)}

    def _own_webhook(self, session: Session) -> dict[str, Any]:
        made = webhook(session, self.staff["partner-manager"])
        return {"who": "partner-manager", "params": {"webhook_id": made.webhook.id}}

    _read_webhook = _delete_webhook = _ping_webhook = _list_webhook_deliveries = _own_webhook

    def _list_webhooks(self, session: Session) -> dict[str, Any]:
        return {"who": self._own_webhook(session)["who"]}

    def _change_webhook(self, session: Session) -> dict[str, Any]:
        return {**self._own_webhook(session), "body": {"events": ["coupon.cancelled"], "description": "改名"}}

    def _rotate_webhook_secret(self, session: Session) -> dict[str, Any]:
        return {**self._own_webhook(session), "body": {"overlap_hours": 24}}

    def _retry_webhook_delivery(self, session: Session) -> dict[str, Any]:
        own = self._own_webhook(session)
        found = delivery(session, self.staff["partner-manager"], own["params"]["webhook_id"])
        return {**own, "params": {**own["params"], "delivery_id": found}}
