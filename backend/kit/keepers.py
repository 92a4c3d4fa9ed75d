"""What the kit itself keeps of a person: pictures, keys of repeated requests, news on its way, the trail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from backend.kit import files, operations, outbox, trail
from backend.kit.db import Reader
from backend.kit.personal import Column, Keeper, Kept, Leaving, Page, Section, delete_where, listing, table_of

FILES, OPERATIONS, OUTBOX, TRAIL = (
    table_of(model) for model in (files.StoredFile, operations.OperationRow, outbox.OutboxRow, trail.TrailRow)
)

_PHOTO = (
    Column("id", "编号"),
    Column("created_at", "上传时间", "instant"),
    Column("media_type", "格式"),
    Column("size_bytes", "字节数", "whole"),
    Column("width_pixels", "宽（像素）", "whole"),
    Column("height_pixels", "高（像素）", "whole"),
)
_ACTS = {
    "privacy.copy": "取得自己的信息副本", "privacy.correct-phone": "更正手机号", "privacy.correct-name": "更正姓名",
}  # fmt: skip
ACT = (
    Column("at", "时间", "instant"),
    Column("action", "做了什么", words=_ACTS),
    Column("role", "以何身份", words={"resident": "本人"}),
)


def acts_of(reader: Reader, account_id: UUID, after: Any) -> Page:
    """What an account's holder did that the trail notes, for her own eyes."""
    return listing(TRAIL, "id", ACT, whose="actor_id")(reader, account_id, after)


def photo_ids(reader: Reader, owner_id: UUID, after: Any) -> Page:
    """The ids of an owner's pictures, page by page; their bytes are read one by one (``files.open_image``)."""
    return listing(FILES, "id", _PHOTO[:1], whose="owner_id")(reader, owner_id, after)


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Pictures (their bytes go with the next sweep), remembered requests but the departure's own, delivered news."""
    gone = {"files": delete_where(session, FILES, owner_id=leaving.resident_id)}
    others = OPERATIONS.c.key != leaving.operation_key if leaving.operation_key else OPERATIONS.c.key.is_not(None)
    for actor_id in filter(None, (leaving.resident_id, leaving.account_id)):
        session.execute(delete(OPERATIONS).where(OPERATIONS.c.actor_id == actor_id, others))
    delivered = OUTBOX.c.state.in_(("done", "dead"))
    session.execute(delete(OUTBOX).where(OUTBOX.c.shard_id == leaving.resident_id, delivered))
    return gone


KEEPER = Keeper(
    room="kit",
    sections=(
        Section(
            "photos", "我上传的照片", "申报社区善行、自主申报信用信息时作为证明",
            "您的同意（《个人信息保护法》第十三条第一款第一项）",
            "社区申报审核后 {evidence_days} 天，撤回同意时立即删除；自主申报按承诺书写明的天数；退出时全部删除",
            _PHOTO, listing(FILES, "id", _PHOTO, whose="owner_id"),
        ),
    ),
    erase=erase,
    deleted={
        "files": "上传的照片", "operations": "办理请求的幂等键（只有摘要，三十天即删）", "outbox": "已送达的内部通知",
    },
    kept={
        "trail": Kept(
            "操作日志", "只有编号和做了什么，没有姓名、号码和内容", "与日志同期，供审计核对",
            "《个人信息保护法》第五十一条、第五十五条；《网络安全法》第二十三条",
        )
    },
)  # fmt: skip
