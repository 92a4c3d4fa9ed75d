"""Bodies of the message routes."""

from __future__ import annotations

from marshmallow import fields

from backend.web import paging
from backend.web.schemas import Instant, Request, Text, View, one_of


class MessageView(View):
    """``link``: the part of the API, and of the mini-program, where more is to be seen."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    title = fields.String(required=True)
    body = fields.String(required=True)
    link = fields.String(required=True)
    created_at = Instant(required=True)
    read_at = Instant(required=True, allow_none=True)


class InboxPage(paging.page_of(MessageView)):  # type: ignore[misc]
    """``unread``: how many messages of the whole inbox wait to be read."""

    unread = fields.Integer(required=True)


class TemplateView(View):
    """``template_id``: what ``wx.requestSubscribeMessage`` wants."""

    template = fields.String(required=True)
    title = fields.String(required=True)
    template_id = fields.String(required=True)
    unspent = fields.Integer(required=True)


class AcceptanceRequest(Request):
    """``result``: what ``wx.requestSubscribeMessage`` said of this template."""

    template = Text(most=40, required=True)
    result = fields.String(required=True, validate=one_of("accept", "reject", "ban", "filter"))


class AcceptanceView(View):
    """``unspent``: how many messages may still be sent by this template."""

    template = fields.String(required=True)
    unspent = fields.Integer(required=True)
