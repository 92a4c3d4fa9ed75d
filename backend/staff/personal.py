"""What the administration of staff knows of a person as a resident: whose account belongs to whom, and no more."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.personal import Keeper, Kept, Leaving, table_of
from backend.staff.models import InvitationRow

_INVITATIONS = table_of(InvitationRow)


def erase(session: Session, leaving: Leaving) -> dict[str, int]:
    """Take the person's number out of the invitations that were made out to her; those still open are void."""
    hers = update(_INVITATIONS).where(_INVITATIONS.c.resident_id == leaving.resident_id)
    open_still = (_INVITATIONS.c.used_at.is_(None), _INVITATIONS.c.revoked_at.is_(None))
    session.execute(hers.where(*open_still).values(revoked_at=clock.now()))
    mine = hers.values(resident_id=None)
    return {"staff_invitations": len(session.execute(mine.returning(_INVITATIONS.c.id)).all())}


KEEPER = Keeper(
    room="staff",
    sections=(),
    erase=erase,
    kept={
        "staff_invitations": Kept(
            "工作人员的邀请记录", "与您的关联已解除", "用过或过期后九十天", "《网络安全法》第二十一条"
        )
    },
    apart={"staff_pending_secrets": "工作人员账号尚未启用的动态码密钥，一小时内删除"},
)  # fmt: skip
