"""Bodies of the webhook routes."""

from __future__ import annotations

from marshmallow import fields, validate

from backend.web.paging import PageQuery
from backend.web.schemas import Instant, Key, Request, Text, View, Whole, one_of
from backend.webhooks import rules
from backend.webhooks.addresses import MOST_URL

STATUSES = ("active", "disabled")
STATES = ("waiting", "delivered", "failed")
REASONS = ("by-hand", "gone", "failing")


def _url(*, required: bool = False) -> Text:
    return Text(most=MOST_URL, required=required, metadata={"description": "https 地址，端口 443 或 1024 以上"})


def _events(*, required: bool = False) -> fields.List:
    size = validate.Length(min=1, max=len(rules.EVENTS), error=f"应为 1 至 {len(rules.EVENTS)} 项。")
    return fields.List(fields.String(validate=one_of(*rules.EVENTS)), required=required, validate=size)


class WebhookRequest(Request):
    """``organisation_id``: needed only by somebody who manages several."""

    url = _url(required=True)
    events = _events(required=True)
    description = Text(least=0, most=200, load_default="")
    organisation_id = Key(load_default=None)


class WebhookChange(Request):
    """What is left out stays as it is."""

    url = _url()
    events = _events()
    description = Text(least=0, most=200)
    status = fields.String(validate=one_of(*STATUSES))


class SecretRequest(Request):
    """``overlap_hours``: how long the old secrets go on signing beside the new one; 0 ends them at once."""

    overlap_hours = Whole(least=0, most=168, load_default=rules.OVERLAP_HOURS)


class SecretView(View):
    """A secret that signs now. ``ends_at``: until when; null for the newest."""

    id = fields.UUID(required=True)
    created_at = Instant(required=True)
    ends_at = Instant(required=True, allow_none=True)


class WebhookView(View):
    """``failing_since``: the first failure since the last success. ``secrets``: the newest first."""

    id = fields.UUID(required=True)
    organisation_id = fields.UUID(required=True)
    url = fields.String(required=True)
    events = fields.List(fields.String(validate=one_of(*rules.EVENTS)), required=True)
    description = fields.String(required=True)
    status = fields.String(required=True, validate=one_of(*STATUSES))
    disabled_reason = fields.String(required=True, allow_none=True, validate=one_of(*REASONS))
    failing_since = Instant(required=True, allow_none=True)
    secrets = fields.List(fields.Nested(SecretView), required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class WebhookGivenView(View):
    """``secret``: said in this answer alone (``whsec_…``); null when the same request is repeated after an hour."""

    webhook = fields.Nested(WebhookView, required=True)
    secret = fields.String(required=True, allow_none=True)


class DeliveryQuery(PageQuery):
    state = fields.String(load_default=None, validate=one_of(*STATES))


class DeliveryView(View):
    """``id``: the webhook-id that was sent. ``last_error``: null after a success, else status, redirect, gone, timeout,
    tls, not-reached, broken-answer, webhook-disabled or refused-…."""

    id = fields.UUID(required=True)
    event = fields.String(required=True)
    state = fields.String(required=True, validate=one_of(*STATES))
    tries = fields.Integer(required=True)
    last_tried_at = Instant(required=True, allow_none=True)
    last_status = fields.Integer(required=True, allow_none=True)
    last_error = fields.String(required=True, allow_none=True)
    last_answer = fields.String(required=True, allow_none=True)
    next_try_at = Instant(required=True, allow_none=True)
    delivered_at = Instant(required=True, allow_none=True)
    created_at = Instant(required=True)
