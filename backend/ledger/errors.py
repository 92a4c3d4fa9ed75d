"""Why the ledger refuses."""

from __future__ import annotations

from backend.kit.errors import DomainError


class NotEnoughPoints(DomainError):
    """Members: ``needed_points``, ``available_points``."""

    slug = "not-enough-points"
    status = 409
    title_zh = "积分不足"
    title_en = "Not enough points"
    explain_zh = "available_points 是现在可用的积分，已到期的积分和已冻结给其他优惠的积分不计在内。什么都没有扣除。"
    explain_en = "`available_points` can be spent now; points that ended or are held for another offer do not count."


class BudgetExhausted(DomainError):
    """Members: ``needed_points``, ``available_points``, ``month``."""

    slug = "budget-exhausted"
    status = 409
    title_zh = "本月积分额度不足"
    title_en = "The month's budget is used up"
    explain_zh = "发放单位本月的积分额度不够发放这一笔。请联系项目办公室追加额度，或下月再发。什么都没有发放。"
    explain_en = "The issuing organisation's budget for the month does not cover this award. Nothing was awarded."


class HoldClosed(DomainError):
    """Members: ``needed_points``, ``open_points``."""

    slug = "hold-closed"
    status = 409
    title_zh = "冻结的积分已经处理"
    title_en = "The held points are already dealt with"
    explain_zh = "这笔冻结的积分已退回或已结算，剩余的不够这一次处理。同一积分不会既退回又结算。"
    explain_en = "These held points went back or were settled before; what is still held does not cover this."


class AlreadyReversed(DomainError):
    """Member: ``reversal_id``."""

    slug = "already-reversed"
    status = 409
    title_zh = "这笔积分已经冲正"
    title_en = "Already reversed"
    explain_zh = "一笔积分变动只能冲正一次。reversal_id 是先前那笔冲正的编号。"
    explain_en = "A transfer is reversed once. `reversal_id` names the transfer that did it."


class NotReversible(DomainError):
    """Member: ``kind``, the kind of the transfer."""

    slug = "not-reversible"
    status = 409
    title_zh = "这类积分变动不能冲正"
    title_en = "This transfer cannot be reversed"
    explain_zh = "可以冲正的是发放和结算。冻结的积分请取消相应的优惠来退回；退回、到期和更正本身不能再冲正。"
    explain_en = "Awards and settlements can be reversed. A hold is released instead; other kinds stand."


class PointsLimitReached(DomainError):
    """Members: ``limit`` (``transfers_per_minute`` or ``per_day.<code>``), ``most``, ``again_at`` (UTC)."""

    slug = "points-limit-reached"
    status = 429
    title_zh = "积分变动太频繁或已到当日上限"
    title_en = "The limit on points is reached"
    explain_zh = (
        "城市规定了一个钱包每分钟的积分变动次数，以及某类积分一天的上限；limit 是到达的那一项，again_at 之后可以再试。"
        "什么都没有改变。退回、结算、到期和更正不受限制。"
    )
    explain_en = (
        "A city limits how often a wallet moves in a minute, and how many points of a kind in a day. `limit` names the"
        " one reached; try again after `again_at`. Nothing has changed. Refunds, settlements, expiry and corrections"
        " are never limited."
    )
