"""What batches hold of persons: whole files, sealed, in which nobody is looked for."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.kit.personal import Keeper, Kept, Leaving


def erase(_session: Session, _leaving: Leaving) -> dict[str, int]:
    """A file is not searched for a person: it goes as a whole on its day."""
    return {}


_FILES = Kept(
    "部门报送的文件", "报送单位的整个文件，加密保存，不能按人查找", "三十天，到期连同密钥删除",
    "《个人信息保护法》第十三条第一款第三项、第十九条；退回有误的行所必需",
)  # fmt: skip
KEEPER = Keeper(
    room="batches", sections=(), erase=erase,
    kept={
        "batch_frames": _FILES,
        "quarantined_rows": Kept(
            "等待核对的行", "姓名与号码不符的一行，加密保存", "项目办公室裁定时删除，至迟九十天",
            "《个人信息保护法》第八条（保证个人信息的质量）",
        ),
    },
)  # fmt: skip
