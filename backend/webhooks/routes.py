"""Webhooks over HTTP, for partners' managers."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, NotFound
from backend.web import callers, paging
from backend.web.api import blueprint
from backend.web.callers import allow, keyed
from backend.web.problems import problems
from backend.webhooks import schemas, service
from backend.webhooks.errors import TooManyWebhooks, TooManyWebhookSecrets, WebhookDisabled

blp = blueprint("webhooks", "合作单位的回调：登记地址、轮换密钥、查看发送记录")
READ, MANAGE = "webhooks.read", "webhooks.manage"
ONE = "/partner/webhooks/<uuid:webhook_id>"


def _scope(action: str) -> frozenset[UUID]:
    return callers.current().organisations_for(action)


def _by() -> service.Orderer:
    caller = callers.current()
    return service.Orderer(caller.account_id, caller.role_for(MANAGE), _scope(MANAGE))


@blp.route("/partner/webhooks", methods=["GET"])
@allow(READ)
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.WebhookView))
def list_webhooks(query: dict[str, Any]) -> dict[str, Any]:
    """本单位的回调地址

    `disabled_reason`：by-hand 人工停用，gone 对方答了 410，failing 连续五天没有一次成功。
    """
    with reading() as reader:
        return paging.part_of(service.webhooks(reader, _scope(READ)), query)


@blp.route("/partner/webhooks", methods=["POST"])
@allow(MANAGE)
@keyed
@blp.arguments(schemas.WebhookRequest)
@blp.response(201, schemas.WebhookGivenView)
@problems(FieldError, NotFound, TooManyWebhooks)
def create_webhook(body: dict[str, Any]) -> service.Given:
    """登记一个回调地址，一个单位最多 5 个

    只接受公共网络上的 https 地址，端口 443 或 1024 以上；域名在登记时和每次发送时都要解析到公网地址。不跟随跳转。
    `secret`（`whsec_…`）只在这次答复里；没有收到答复时，一小时内用同一个 Idempotency-Key 重发可以再得到，之后为 null。

    **发送**：POST，JSON `{type, timestamp, data}`，不超过 20 KiB，尽快答 2xx 即可（连同连接最多等 15 秒）。

    **签名**按 Standard Webhooks：`webhook-signature` 里每个 `v1,` 之后是 HMAC-SHA256 的 base64，被签的是
    `id.timestamp.body`，密钥是 `whsec_` 之后的 base64；任何一个对上即可。请用收到的原始字节计算，并拒绝
    `webhook-timestamp` 相差五分钟以上的请求。

    **重复与次序**：同一件事的 `webhook-id` 始终不变，可能收到不止一次，次序不保证；请按 `webhook-id` 去重。
    失败后约三天内重试十二次，间隔越来越长；答 410 立即停用；连续五天没有一次成功也会停用。详见 WEBHOOKS.md。
    """
    service.check_url(body["url"])
    with transaction() as session:
        return service.create(session, _by(), body["organisation_id"], body, callers.operation())


@blp.route(ONE, methods=["GET"])
@allow(READ)
@blp.response(200, schemas.WebhookView)
@problems(NotFound)
def read_webhook(webhook_id: UUID) -> service.WebhookView:
    """一个回调地址"""
    with reading() as reader:
        return service.webhook(reader, _scope(READ), webhook_id)


@blp.route(ONE, methods=["PATCH"])
@allow(MANAGE)
@blp.arguments(schemas.WebhookChange)
@blp.response(200, schemas.WebhookView)
@problems(FieldError, NotFound)
def change_webhook(body: dict[str, Any], webhook_id: UUID) -> service.WebhookView:
    """修改地址、订阅、说明，停用或重新启用

    停用期间发生的事不补发；停用时还在等待重试的转为 failed，可以逐条重发。
    """
    if "url" in body:
        service.check_url(body["url"])
    with transaction() as session:
        return service.change(session, _by(), webhook_id, body)


@blp.route(ONE, methods=["DELETE"])
@allow(MANAGE)
@blp.response(204)
@problems(NotFound)
def delete_webhook(webhook_id: UUID) -> None:
    """删除回调地址，连同密钥和发送记录"""
    with transaction() as session:
        service.delete_one(session, _by(), webhook_id)


@blp.route(f"{ONE}/secret", methods=["POST"])
@allow(MANAGE)
@keyed
@blp.arguments(schemas.SecretRequest)
@blp.response(201, schemas.WebhookGivenView)
@problems(NotFound, TooManyWebhookSecrets)
def rotate_webhook_secret(body: dict[str, Any], webhook_id: UUID) -> service.Given:
    """轮换密钥

    新密钥只显示这一次。旧密钥在 `overlap_hours`（0 至 168，默认 24）小时内与新的并行签名，请求头里同时有几个签名；
    泄露时填 0，立即停用旧密钥。
    """
    with transaction() as session:
        return service.rotate(session, _by(), webhook_id, body["overlap_hours"], callers.operation())


@blp.route(f"{ONE}/pings", methods=["POST"])
@allow(MANAGE)
@keyed
@blp.response(201, schemas.DeliveryView)
@problems(NotFound, WebhookDisabled)
def ping_webhook(webhook_id: UUID) -> service.DeliveryView:
    """发一个测试通知（`webhook.ping`），不论订阅了什么；结果在发送记录里"""
    with transaction() as session:
        return service.ping(session, _by(), webhook_id, callers.operation())


@blp.route(f"{ONE}/deliveries", methods=["GET"])
@allow(READ)
@blp.arguments(schemas.DeliveryQuery, location="query")
@blp.response(200, paging.page_of(schemas.DeliveryView))
@problems(NotFound)
def list_webhook_deliveries(query: dict[str, Any], webhook_id: UUID) -> dict[str, Any]:
    """发送记录，从新到旧，保存 30 天

    `state`：waiting 等待发送或重试（`next_try_at`），delivered 已送达，failed 不再重试。
    `last_answer` 是对方答复的前 500 个字符。
    """
    position = paging.decode_cursor(query["cursor"], datetime, UUID)
    before = (position[0], position[1]) if position else None
    with reading() as reader:
        found = service.deliveries(
            reader, _scope(READ), webhook_id, query["limit"] + 1, state=query["state"], before=before
        )
    return paging.page(found, query["limit"], lambda one: (one.created_at, one.id))


@blp.route(f"{ONE}/deliveries/<uuid:delivery_id>/retries", methods=["POST"])
@allow(MANAGE)
@keyed
@blp.response(201, schemas.DeliveryView)
@problems(NotFound, WebhookDisabled)
def retry_webhook_delivery(webhook_id: UUID, delivery_id: UUID) -> service.DeliveryView:
    """重发一条，已送达的也可以：同一个 `webhook-id`，同样的内容，重新计次"""
    with transaction() as session:
        return service.retry(session, _by(), webhook_id, delivery_id, callers.operation())
