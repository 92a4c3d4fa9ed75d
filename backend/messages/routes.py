"""The inbox of a person, and what she answered to WeChat's dialogue."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, NotFound
from backend.messages import schemas, service
from backend.web import api, callers, paging
from backend.web.callers import allow, keyed
from backend.web.problems import problems

blp = api.blueprint("messages", "消息：站内信箱与微信订阅消息")


def _recipients() -> list[UUID]:
    """The person, and her account: what was said to a WeChat that is nobody's any more is read there."""
    caller = callers.current()
    return [one for one in (caller.resident_id, caller.inbox_account_id) if one is not None]


@blp.route("/me/messages", methods=["GET"])
@allow("messages.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, schemas.InboxPage)
def list_messages(query: dict[str, Any]) -> dict[str, Any]:
    """我的消息

    最近的在前，`unread` 是未读条数。每一条都在这里，不论是否同意过微信通知。未实名的微信也有信箱：
    账号在别处找回时，原来的微信从这里得知。保存天数由城市规定（默认 180 天）。
    """
    limit, recipients = query["limit"], _recipients()
    position = paging.decode_cursor(query["cursor"], datetime, UUID)
    with reading() as reader:
        before = (position[0], position[1]) if position else None
        found = service.messages(reader, recipients, limit + 1, before)
        page = paging.page(found, limit, lambda row: (row.created_at, row.id))
        return page | {"unread": service.unread(reader, recipients)}


@blp.route("/me/messages/<uuid:message_id>/read", methods=["POST"])
@allow("messages.read")
@blp.response(200, schemas.MessageView)
@problems(NotFound)
def read_message(message_id: UUID) -> Any:
    """把一条消息标为已读

    重复调用不改变什么。
    """
    with transaction() as session:
        return service.read_message(session, _recipients(), message_id)


@blp.route("/me/messages/templates", methods=["GET"])
@allow("messages.accept")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.TemplateView))
def list_templates(query: dict[str, Any]) -> dict[str, Any]:
    """可以订阅的微信消息模板

    把 `template_id` 交给 `wx.requestSubscribeMessage`，再把它的答复交回 `/me/messages/acceptances`。
    """
    with reading() as reader:
        found = service.templates(reader, callers.current().account_id)
    return paging.part_of(found, query)


@blp.route("/me/messages/acceptances", methods=["POST"])
@allow("messages.accept")
@keyed
@blp.arguments(schemas.AcceptanceRequest)
@blp.response(201, schemas.AcceptanceView)
@problems(FieldError)
def accept_messages(body: dict[str, Any]) -> dict[str, Any]:
    """记下订阅消息的答复

    `result` 是 `wx.requestSubscribeMessage` 对这个模板的答复。每次 `accept` 只能发一条；用完以后消息仍在信箱里。
    还须同意“接收微信通知”（`messages`）才会发送。同一个幂等键只算一次。
    """
    template, caller = body["template"], callers.current()
    with transaction() as session:
        service.known_template(session, template)
        left = service.accept(session, caller.account_id, template, body["result"], callers.operation())
    return {"template": template, "unspent": left}
