"""What an offer asks and what it gives, as pure functions of facts and a day.

No session, no clock. A personal score serves encouragement only (NDRC notices of July and August 2019): the one thing
in here that reads a level is an offer's floor, and an offer only ever adds something that nobody had before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from backend.offers.rules import NEVER_CLOSED, WINDOWS, Closed

OLDEST = 120
"""From here on an upper bound of age is none."""
OBLIGATIONS = {"pay_after": "后付费", "deposit_free": "免押金"}

EVER = date(1970, 1, 1)
"""The window of a limit that never starts anew."""

TRANSITIONS: Mapping[tuple[str, str], str] = {
    ("", "issue"): "issued",
    ("issued", "admit"): "issued",
    ("issued", "admit-last"): "used",
    ("issued", "cancel"): "cancelled",
    ("issued", "expire"): "expired",
    ("issued", "extend"): "issued",
    ("issued", "reissue"): "issued",
    ("issued", "undo"): "issued",
    ("used", "undo"): "issued",
}
"""Every legal step of a coupon: (status, act) → status; ``""`` is before it was. Nothing leaves ``cancelled`` or
``expired``; what a venue takes back within its minute makes ``used`` usable again. There is no ``transfer``: a coupon
is a person's."""


@dataclass(frozen=True)
class Terms:
    """What an offer asks of a resident. ``level_floor_rank``: 0 is the lowest level; None when there is no floor."""

    status: str
    price_points: int = 0
    level_floor_name: str = ""
    level_floor_rank: int | None = None
    consents: tuple[str, ...] = ()
    consent_titles: Mapping[str, str] = field(default_factory=dict)
    residents_of: str = ""
    residents_of_name: str = ""
    limit: int | None = None
    window: str = "ever"
    starts_on: date | None = None
    ends_on: date | None = None
    limited_stock: bool = False
    first_timers_only: bool = False
    age_from: int | None = None
    age_to: int | None = None
    closed: Closed = NEVER_CLOSED
    stacking_group: str = ""
    obligation: str = ""
    slot_scene: str = ""
    counts_no_shows: bool = False


@dataclass(frozen=True)
class Facts:
    """What is known of the caller and the shelf at this moment.

    ``stock_left``, ``day_left``: None when unlimited. ``next_slot``: the first slot with a free place, in words;
    empty when all are taken, None when the offer has none. ``paused``: the kinds of obligation that are in arrears.
    ``slot_pauses``: the scenes whose slots she may not book, and until when, in words.
    """

    signed_in: bool
    bound: bool
    adult: bool = False
    consents: frozenset[str] = frozenset()
    level_rank: int | None = None
    communities: frozenset[str] = frozenset()
    balance_points: int = 0
    used_in_window: int = 0
    had_before: bool = False
    stock_left: int | None = None
    day_left: int | None = None
    next_slot: str | None = None
    age_years: int | None = None
    groups: frozenset[str] = frozenset()
    paused: frozenset[str] = frozenset()
    slot_pauses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reason:
    """One condition: whether it holds, in words, and what the resident could do about it (empty when it holds)."""

    slug: str
    ok: bool
    text: str
    remedy: str = ""

    def told(self) -> dict[str, Any]:
        """As a refusal carries it."""
        return {"slug": self.slug, "ok": self.ok, "text": self.text, "remedy": self.remedy}


@dataclass(frozen=True)
class Verdict:
    """``entitled`` is None when nobody is signed in and bound, so that it cannot be said."""

    entitled: bool | None
    reasons: tuple[Reason, ...]

    @property
    def word(self) -> str:
        return {True: "entitled", False: "not-entitled", None: "sign-in"}[self.entitled]

    @property
    def against(self) -> tuple[Reason, ...]:
        return tuple(reason for reason in self.reasons if not reason.ok)


def may_redeem(terms: Terms, facts: Facts, today: date) -> Verdict:
    """Every reason for and against, in a fixed order; entitled when none is against.

    A caller who is not signed in, or has not bound an identity, gets None with what the offer asks for.
    """
    shelf = [_open(terms, today), *_blackout(terms, today), *_stock(facts), *_day(facts, today), *_slots(facts)]
    if not facts.bound:
        return Verdict(None, (_who(facts), *shelf))
    reasons = (*shelf, *_consents(terms, facts), *_level(terms, facts), *_community(terms, facts), *_age(terms, facts),
               *_first_time(terms, facts), *_group(terms, facts), *_arrears(terms, facts), *_no_show(terms, facts),
               *_limit(terms, facts, today), *_points(terms, facts))  # fmt: skip
    return Verdict(all(reason.ok for reason in reasons), reasons)


def _who(facts: Facts) -> Reason:
    if not facts.signed_in:
        return Reason("sign-in", False, "尚未登录，无法判断您能否享受", "登录并完成实名绑定")
    return Reason("identity", False, "尚未实名绑定，无法判断您能否享受", "完成实名绑定")


def _open(terms: Terms, today: date) -> Reason:
    if terms.status != "open":
        return Reason("open", False, "活动已下线")
    if terms.starts_on and today < terms.starts_on:
        return Reason("open", False, f"{terms.starts_on:%Y-%m-%d} 起开放兑换", f"{terms.starts_on:%Y-%m-%d} 后再来")
    if terms.ends_on and today > terms.ends_on:
        return Reason("open", False, f"兑换已于 {terms.ends_on:%Y-%m-%d} 截止")
    return Reason("open", True, "正在开放兑换")


def _stock(facts: Facts) -> list[Reason]:
    if facts.stock_left is None:
        return []
    if facts.stock_left <= 0:
        return [Reason("stock", False, "名额已领完", "有人退券后名额会放出")]
    return [Reason("stock", True, "还有名额")]


def _blackout(terms: Terms, today: date) -> list[Reason]:
    if terms.closed == NEVER_CLOSED:
        return []
    if not terms.closed.on(today):
        return [Reason("blackout", True, "今天可以兑换")]
    again = terms.closed.next_open(today)
    remedy = f"{again:%Y-%m-%d} 起可以兑换" if again else ""
    return [Reason("blackout", False, f"{today:%Y-%m-%d} 不开放兑换", remedy)]


def _day(facts: Facts, today: date) -> list[Reason]:
    if facts.day_left is None:
        return []
    if facts.day_left <= 0:
        again = today + timedelta(days=1)
        return [Reason("stock-today", False, "今天的名额已领完", f"{again:%Y-%m-%d} 零点起放出新名额")]
    return [Reason("stock-today", True, "今天还有名额")]


def _slots(facts: Facts) -> list[Reason]:
    if facts.next_slot is None:
        return []
    if not facts.next_slot:
        return [Reason("slots", False, "已放出的时段都约满了", "有人取消后会重新放出；过几天会放出新的时段")]
    return [Reason("slots", True, f"可以预约，最早的空位是 {facts.next_slot}")]


def _age(terms: Terms, facts: Facts) -> list[Reason]:
    """Yes or no: neither the age nor the birth date is said."""
    if terms.age_from is None or terms.age_to is None:
        return []
    words = _age_words(terms.age_from, terms.age_to)
    if facts.age_years is not None and terms.age_from <= facts.age_years <= terms.age_to:
        return [Reason("age", True, f"{words}，您符合")]
    young = facts.age_years is not None and facts.age_years < terms.age_from
    return [Reason("age", False, f"{words}，您不符合", f"年满 {terms.age_from} 周岁后即可享受" if young else "")]


def _age_words(least: int, most: int) -> str:
    if most >= OLDEST:
        return f"面向 {least} 周岁及以上的居民"
    return f"面向 {least} 至 {most} 周岁的居民" if least else f"面向 {most} 周岁及以下的居民"


def group_reason(*, held: bool) -> Reason:
    """Whether the person's hands are free for a coupon of the offer's group."""
    if held:
        return Reason("group", False, "同类优惠同一时间只能持有一张券，您已有一张可用的", "用完或取消那一张后可以兑换")
    return Reason("group", True, "同类优惠您没有别的可用券")


def _group(terms: Terms, facts: Facts) -> list[Reason]:
    return [group_reason(held=terms.stacking_group in facts.groups)] if terms.stacking_group else []


def _arrears(terms: Terms, facts: Facts) -> list[Reason]:
    """Arrears pause this kind of offer and nothing else; no score ever reads them."""
    if not terms.obligation:
        return []
    kind = OBLIGATIONS.get(terms.obligation, terms.obligation)
    if terms.obligation in facts.paused:
        remedy = "在「待付款项」中付清后立即恢复；其他优惠和信用分不受影响"
        return [Reason("arrears", False, f"您有逾期未付的{kind}款项，这类优惠暂停", remedy)]
    return [Reason("arrears", True, f"没有逾期未付的{kind}款项")]


def _no_show(terms: Terms, facts: Facts) -> list[Reason]:
    """Not coming pauses the booking of slots in the offer's scene and nothing else; no score ever reads it."""
    if until := facts.slot_pauses.get(terms.slot_scene) if terms.slot_scene else None:
        remedy = f"{until} 起可以再约；确实到过场的，请联系项目办公室更正。其他优惠和信用分不受影响"
        return [Reason("no-show", False, f"您多次预约未到，这个场景的时段预约暂停到 {until}", remedy)]
    return [Reason("no-show", True, "没有因为预约未到而暂停")] if terms.counts_no_shows else []


def _consents(terms: Terms, facts: Facts) -> list[Reason]:
    reasons = []
    for purpose in terms.consents:
        title = terms.consent_titles.get(purpose, purpose)
        if purpose == "score" and not facts.adult:
            reasons.append(Reason("adult", False, "信用分只面向年满十八周岁的居民"))
        elif purpose in facts.consents:
            reasons.append(Reason("consent", True, f"已授权「{title}」"))
        else:
            remedy = f"在「同意事项」中开启「{title}」，可随时撤回"
            reasons.append(Reason("consent", False, f"需要授权「{title}」", remedy))
    return reasons


def _level(terms: Terms, facts: Facts) -> list[Reason]:
    if terms.level_floor_rank is None:
        return []
    name = terms.level_floor_name
    if facts.level_rank is None or "score" not in facts.consents:
        return [Reason("level", False, f"面向信用等级 {name} 及以上；您的等级尚不可用", "授权信用分后即可核对")]
    if facts.level_rank < terms.level_floor_rank:
        return [Reason("level", False, f"面向信用等级 {name} 及以上", "在「信用分」中查看每一项加分依据和下一等级")]
    return [Reason("level", True, f"信用等级达到 {name}")]


def _community(terms: Terms, facts: Facts) -> list[Reason]:
    if not terms.residents_of:
        return []
    name = terms.residents_of_name or terms.residents_of
    if terms.residents_of in facts.communities:
        return [Reason("community", True, f"您是{name}的居民")]
    return [Reason("community", False, f"面向{name}的居民", f"在{name}签署邻里公约")]


def _first_time(terms: Terms, facts: Facts) -> list[Reason]:
    if not terms.first_timers_only:
        return []
    if facts.had_before:
        return [Reason("first-time", False, "仅限首次兑换；您以前领过这项优惠")]
    return [Reason("first-time", True, "仅限首次兑换，您还没有领过")]


def _limit(terms: Terms, facts: Facts, today: date) -> list[Reason]:
    if terms.limit is None:
        return []
    words = f"每人{WINDOWS[terms.window]}限 {terms.limit} 份"
    left = terms.limit - facts.used_in_window
    if left > 0:
        return [Reason("limit", True, f"{words}，还可兑换 {left} 份")]
    again = next_window(terms.window, today)
    return [Reason("limit", False, f"{words}，已用完", f"{again:%Y-%m-%d} 起可再次兑换" if again else "")]


def _points(terms: Terms, facts: Facts) -> list[Reason]:
    if terms.price_points == 0:
        return [Reason("points", True, "不需要积分")]
    short = terms.price_points - facts.balance_points
    if short <= 0:
        return [Reason("points", True, f"需要 {terms.price_points} 积分，余额足够")]
    return [Reason("points", False, f"需要 {terms.price_points} 积分，还差 {short} 积分", "参加社区志愿活动可获得积分")]


def window_start(window: str, today: date) -> date:
    """The first day of the window that ``today`` falls in: the key under which a limit is counted."""
    if window == "day":
        return today
    if window == "month":
        return today.replace(day=1)
    if window == "year":
        return today.replace(month=1, day=1)
    if window == "ever":
        return EVER
    raise ValueError(f"unknown window {window!r}")


def next_window(window: str, today: date) -> date | None:
    """The first day of the next window; None when there is none."""
    start = window_start(window, today)
    if window == "day":
        return start + timedelta(days=1)
    if window == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start.replace(year=start.year + 1) if window == "year" else None


def last_good_day(redeemed_on: date, valid_days: int) -> date:
    """The last Shanghai day on which a coupon is good: the day of redemption counts as none, so 1 day is tomorrow."""
    return redeemed_on + timedelta(days=valid_days)


def share_points(price_points: int, uses_total: int, use_no: int) -> int:
    """How many of a coupon's points go to the partner at its ``use_no``-th use (1-based); the last takes the remainder.

    Over all uses the shares sum to the price exactly; each is ≥ 0.
    """
    if not 1 <= use_no <= uses_total or price_points < 0:
        raise ValueError("use_no counts from 1 to uses_total and a price is not negative")
    share = price_points // uses_total
    return price_points - share * (uses_total - 1) if use_no == uses_total else share


def may_become(status: str, later: str) -> bool:
    """Whether some act leads from one status to the other in one step."""
    return any(before == status and after == later for (before, _), after in TRANSITIONS.items())


def next_status(status: str, act: str) -> str | None:
    """What ``act`` makes of a coupon in ``status``; None when it may not happen."""
    return TRANSITIONS.get((status, act))
