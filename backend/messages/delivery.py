"""Sending through WeChat: only with the consent ``messages`` and an acceptance that nothing has used up.

The inbox always has the message already. The delivery row and the spent acceptance are committed before WeChat is
called; where an answer never came, the message may have arrived and is not sent again.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.consents import service as consents
from backend.kit import city, clock, db
from backend.kit.db import Reader, insert_if_absent
from backend.messages import acceptances, rules
from backend.messages.models import DeliveryRow, MessageRow
from backend.wechat import errors as wechat_errors
from backend.wechat import service as wechat

CONSENT = "messages"
log = structlog.get_logger("messages")


class Sending(NamedTuple):
    """A message that goes out now, and the acceptance it costs."""

    recipient_id: UUID
    message_id: UUID
    account_id: UUID
    acceptance_id: UUID
    template: str
    openid: str
    template_id: str
    fields: dict[str, str]
    page: str | None


def deliver(payload: dict[str, Any]) -> None:
    """Hear of a message after its commit. Raises where WeChat could not be reached and nothing was sent: the outbox
    tries again.
    """
    with db.transaction() as session:
        sending = _prepare(session, UUID(payload["recipient_id"]), UUID(payload["message_id"]), UUID(payload["person"]))
    if sending is None:
        return
    try:
        _send(sending)
    except wechat_errors.WechatError as error:
        _failed(sending, error)
        return
    _settle(sending, "sent", None)


def _prepare(session: Session, recipient_id: UUID, message_id: UUID, person: UUID) -> Sending | None:
    """Spend an acceptance and write the delivery down; None where nothing is to be sent (any more)."""
    this = (MessageRow.recipient_id == recipient_id, MessageRow.id == message_id)
    message = session.execute(select(MessageRow.kind, MessageRow.title, MessageRow.created_at).where(*this)).first()
    if message is None or not consents.granted(session, person, CONSENT):
        return None
    template = rules.KINDS[message.kind].template
    known = templates(session).get(template)
    account_id = accounts.holder_of(session, recipient_id) if person == recipient_id else recipient_id
    if known is None or account_id is None:
        return None
    row = dict(recipient_id=recipient_id, message_id=message_id, account_id=account_id, template=template,
               outcome="sending", errcode=None, at=clock.now())  # fmt: skip
    if not insert_if_absent(session, DeliveryRow, row, ("recipient_id", "message_id")):
        return None
    acceptance_id = acceptances.spend(session, account_id, template)
    if acceptance_id is None:
        _outcome(session, recipient_id, message_id, "not-accepted", None)
        return None
    at = message.created_at.astimezone(clock.SHANGHAI)
    fields = rules.template_fields(known, message.title, f"{at:%Y年%m月%d日 %H:%M}")
    openid = accounts.openid_of_account(session, account_id)
    return Sending(recipient_id, message_id, account_id, acceptance_id, template, openid, known["id"], fields,
                   known.get("page") or None)  # fmt: skip


def templates(reader: Reader) -> dict[str, Any]:
    """The city's templates by name."""
    found: dict[str, Any] = city.get(reader, "city").content.get("messages", {}).get("templates", {})
    return found


def _send(sending: Sending) -> None:
    """A page that the released version does not have (41030) stopped nothing else: send without it."""
    client = wechat.current()
    try:
        client.send_subscribe_message(sending.openid, sending.template_id, sending.fields, page=sending.page)
    except wechat_errors.WechatPageUnknown:
        if sending.page is None:
            raise
        log.warning("messages.page_unknown", template=sending.template)
        client.send_subscribe_message(sending.openid, sending.template_id, sending.fields)


def _failed(sending: Sending, error: wechat_errors.WechatError) -> None:
    """By what WeChat's answer means for the acceptance and for another try.

    43101: WeChat counts no acceptance, so ours are stale. 40003: the openid is not this mini-program's user; nothing
    will ever reach it. 47003, 40037: our template is wrong, the acceptance is still good. No answer: perhaps sent.
    """
    again = error.worth_repeating and not error.outcome_unknown
    with db.transaction() as session:
        if isinstance(error, wechat_errors.WechatNotSubscribed | wechat_errors.WechatOpenidInvalid):
            acceptances.void(session, sending.account_id, sending.template)
        elif not error.outcome_unknown:
            acceptances.give_back(session, sending.account_id, sending.acceptance_id)
        if again:
            this = (DeliveryRow.recipient_id == sending.recipient_id, DeliveryRow.message_id == sending.message_id)
            session.execute(delete(DeliveryRow).where(*this))
        else:
            outcome = "unknown" if error.outcome_unknown else error.slug.removeprefix("wechat-")
            _outcome(session, sending.recipient_id, sending.message_id, outcome[:20], error.errcode)
    if again:
        raise error
    log.warning("messages.not_sent", template=sending.template, errcode=error.errcode, reason=error.slug)


def _settle(sending: Sending, outcome: str, errcode: int | None) -> None:
    with db.transaction() as session:
        _outcome(session, sending.recipient_id, sending.message_id, outcome, errcode)


def _outcome(session: Session, recipient_id: UUID, message_id: UUID, outcome: str, errcode: int | None) -> None:
    this = (DeliveryRow.recipient_id == recipient_id, DeliveryRow.message_id == message_id)
    session.execute(update(DeliveryRow).where(*this).values(outcome=outcome, errcode=errcode, at=clock.now()))
