"""Why a proof cannot be given."""

from __future__ import annotations

from backend.kit.errors import DomainError


class RootNotYet(DomainError):
    """Member: ``day``."""

    slug = "root-not-yet"
    status = 409
    title_zh = "当日的根还没有公布"
    title_en = "The day's root is not published yet"
    explain_zh = (
        "一天的积分流水在第二天凌晨一点之后封账，随后公布当日的根。请等根公布以后再取证明；"
        "day 是这一笔所在的日期（上海）。"
    )
    explain_en = (
        "A day's transfers are closed after one o'clock the next morning in Shanghai, and its root is published then."
        " Ask again once it is; `day` is the day of this line."
    )


class LineNotProven(DomainError):
    """Member: ``day``."""

    slug = "line-not-proven"
    status = 409
    title_zh = "这一笔与公布的根不符"
    title_en = "This line does not agree with the published root"
    explain_zh = (
        "这一笔流水不在当日公布的根之内：它在公布之后被改动或补写。请联系项目办公室，并保存本页；"
        "运维人员以 flask ledger verify-roots 查明。"
    )
    explain_en = (
        "This line is not among those over which the day's root was published: it was changed or written afterwards."
        " Tell the programme office; its operators find out with `flask ledger verify-roots`."
    )
