"""The inbox as its owner may have it; it goes with her."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.kit.personal import Column, Keeper, Leaving, Section, delete_where, listing, table_of
from backend.messages.models import AcceptanceRow, DeliveryRow, MessageRow

_MESSAGES, _DELIVERIES, _ACCEPTANCES = table_of(MessageRow), table_of(DeliveryRow), table_of(AcceptanceRow)
_MESSAGE = (
    Column("created_at", "时间", "instant"),
    Column("title", "标题"),
    Column("body", "内容"),
    Column("read_at", "读过的时间", "instant"),
)


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Delete what was written to the person or to her WeChat account, and what she accepted."""
    gone = {"messages": 0, "message_deliveries": 0}
    for recipient in (one for one in (leaving.resident_id, leaving.account_id) if one):
        gone["messages"] += delete_where(session, _MESSAGES, recipient_id=recipient)
        gone["message_deliveries"] += delete_where(session, _DELIVERIES, recipient_id=recipient)
    if leaving.account_id:
        gone["message_acceptances"] = delete_where(session, _ACCEPTANCES, account_id=leaving.account_id)
    return gone


KEEPER = Keeper(
    room="messages",
    sections=(
        Section(
            "messages", "发给我的消息", "告诉您办理的结果", "《个人信息保护法》第十四条、第四十四条", "直到您退出",
            _MESSAGE, listing(_MESSAGES, "id", _MESSAGE, whose="recipient_id"),
        ),
    ),
    erase=erase,
    deleted={
        "messages": "发给您的消息", "message_deliveries": "微信通知的发送记录",
        "message_acceptances": "您接受过的微信通知",
    },
)  # fmt: skip
