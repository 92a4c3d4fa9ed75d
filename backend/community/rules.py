"""What may be done in a community, and how many points it earns: facts and dates in, verdicts with reasons out.

Points are whole numbers, never negative, never money and never part of a credit score (中办国办 2025-03-21
《关于健全社会信用体系的意见》: private conduct stays out of credit evaluation). Days are days in Asia/Shanghai.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID, uuid5

KINDS = ("residential", "village")
EXPIRY = ("year_end", "rolling_365", "never")
MOST_POINTS_ONE_REVIEWER = 20
"""What one worker may grant for one deed, as practised; above it a second worker must agree."""
DEFAULT_MAX_AGE_DAYS = 30
MOST_PENDING = 30
"""How many undecided submissions one resident may have: a desk is not to be flooded."""
_COMMUNITIES = UUID("0b5c2f5e-6a0e-5a53-8d0c-9a2b8e1f3c47")


@lru_cache(maxsize=2048)
def community_id(slug: str) -> UUID:
    """The id of a community: a function of its slug."""
    return uuid5(_COMMUNITIES, slug)


def activity_id(slug: str, starts_at: datetime) -> UUID:
    """The id of an activity that the city's file describes: a function of its slug and start."""
    return uuid5(_COMMUNITIES, f"{slug}@{starts_at.isoformat()}")


class Evidence(NamedTuple):
    """What must be handed in with a deed."""

    photo: bool
    text: bool


@dataclass(frozen=True)
class Behaviour:
    """A deed that earns points. Caps count points on deeds of one day or one month; None is no cap.

    ``award``: ``review`` (a worker decides on a submission) or ``check_in`` (being there is the deed).
    ``reviewers``: how many workers must approve, 1 or 2.
    """

    id: str
    title: str
    points: int
    kinds: tuple[str, ...]
    evidence: Evidence
    daily_cap: int | None
    monthly_cap: int | None
    award: str
    reviewers: int


def behaviours(content: Mapping[str, Any]) -> dict[str, Behaviour]:
    """The behaviours of a community policy by id."""
    return {item["id"]: _behaviour(item) for item in content.get("behaviours", ())}


def _behaviour(item: Mapping[str, Any]) -> Behaviour:
    evidence = item.get("evidence", {})
    return Behaviour(
        id=item["id"],
        title=item["title"],
        points=item["points"],
        kinds=tuple(item.get("kinds", KINDS)),
        evidence=Evidence(evidence.get("photo", False), evidence.get("text", False)),
        daily_cap=item.get("daily_cap"),
        monthly_cap=item.get("monthly_cap"),
        award=item.get("award", "review"),
        reviewers=2 if item.get("review", "one") == "two" else 1,
    )


class Grant(NamedTuple):
    """What a deed earns after caps; ``reasons`` (Chinese) say what was cut and why, empty when nothing was."""

    points: int
    reasons: tuple[str, ...]


def under_caps(behaviour: Behaviour, day_points: int, month_points: int) -> Grant:
    """The points of one more deed, given what deeds of that day and of that month have earned before.

    Both figures count the same resident and behaviour by the day of the deed, wherever and whenever reviewed.
    The day's cap is told first; the result lies between 0 and ``behaviour.points``.
    """
    points, reasons = behaviour.points, []
    for name, cap, earned in (("每日", behaviour.daily_cap, day_points), ("每月", behaviour.monthly_cap, month_points)):
        if cap is not None and points > (left := max(cap - earned, 0)):
            reasons.append(f"{name}上限 {cap} 分，已得 {earned} 分，本次计 {left} 分")
            points = left
    return Grant(points, tuple(reasons))


def month_of(day: date) -> tuple[date, date]:
    """The first day of the day's month and of the month after it."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def expires_on(mode: str, awarded_on: date) -> date | None:
    """The last good day of points awarded on a day; None is without end. ``mode``: one of EXPIRY."""
    if mode == "year_end":
        return date(awarded_on.year, 12, 31)
    return awarded_on + timedelta(days=365) if mode == "rolling_365" else None


def told(instant: datetime) -> str:
    """An instant as problems tell it: UTC, ISO 8601."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Deed(NamedTuple):
    """What a resident submits."""

    behaviour: str
    happened_at: datetime
    text: str
    photos: int


def submission_problems(
    behaviour: Behaviour | None, community_kind: str, deed: Deed, now: datetime, max_age_days: int
) -> list[tuple[str, str, str]]:
    """What is wrong with a deed: JSON pointer, Chinese, English. Empty when it may be submitted."""
    if behaviour is None or community_kind not in behaviour.kinds:
        return [("/behaviour", "本社区没有这项善行。", "This community has no such behaviour.")]
    found = []
    if behaviour.award == "check_in":
        found.append(("/behaviour", "这项善行在活动现场签到即得，不需申报。", "Earned by checking in at the activity."))
    if deed.happened_at > now:
        found.append(("/happened_at", "发生时间不能晚于现在。", "It cannot have happened in the future."))
    elif deed.happened_at < now - timedelta(days=max_age_days):
        found.append(("/happened_at", f"只接受最近 {max_age_days} 天内的善行。", f"At most {max_age_days} days old."))
    if behaviour.evidence.photo and not deed.photos:
        found.append(("/photo_ids", "这项善行需要照片。", "This behaviour needs a photo."))
    if behaviour.evidence.text and not deed.text.strip():
        found.append(("/text", "请写明时间、地点和经过。", "Say when, where and what."))
    return found


# --- what a city's file may say --------------------------------------------------------------------------------

_FORBIDDEN_KEYS = re.compile(r"score|cash|money|_fen$|credit_limit|credit_line|loan|deduct|fine$|penalt|现金|扣分")
_SLUG = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")


def lint(content: Mapping[str, Any], contents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every rule that a community file breaks, in Chinese. ``contents``: all files of the city by kind."""
    known = {item.get("id"): item for item in _tables(content, "behaviours")}
    return [
        *_lint_keys(content, ""),
        *_lint_common(content),
        *_lint_communities(_tables(content, "communities"), contents.get("city", {})),
        *[problem for item in _tables(content, "behaviours") for problem in _lint_behaviour(item)],
        *_repeated("善行", [item.get("id") for item in _tables(content, "behaviours")]),
        *_lint_activities(content, known),
        *_lint_scoring(known, contents.get("scoring", {})),
    ]


def _tables(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = content.get(name, [])
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _lint_keys(value: Any, path: str) -> Iterator[str]:
    """No key anywhere may tie civic conduct to a score, to money or to a deduction."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        if isinstance(key, str) and _FORBIDDEN_KEYS.search(key.lower()):
            yield f"{path}{key}：社区积分不得影响信用分、不得兑换现金或授信、不得作为扣罚"
        yield from _lint_keys(inner, f"{path}{key}.")


def _lint_common(content: Mapping[str, Any]) -> Iterator[str]:
    if content.get("points_expire") not in EXPIRY:
        yield f"points_expire 应为 {'、'.join(EXPIRY)} 之一"
    budget = content.get("budget")
    if not isinstance(budget, dict) or not _whole(budget.get("monthly_points"), 1):
        yield "budget.monthly_points 应为正整数：没有额度就没有积分"
    if not _whole(content.get("max_age_days", DEFAULT_MAX_AGE_DAYS), 1):
        yield "max_age_days 应为正整数"
    for name in ("communities", "behaviours"):
        if not _tables(content, name):
            yield f"缺少 [[{name}]]"


def _lint_communities(items: Sequence[Mapping[str, Any]], city: Mapping[str, Any]) -> Iterator[str]:
    districts = {item.get("id") for item in _tables(city, "districts")}
    yield from _repeated("社区", [item.get("slug") for item in items])
    for item in items:
        slug = item.get("slug")
        where = f"社区 {slug}"
        if not isinstance(slug, str) or not _SLUG.fullmatch(slug):
            yield f"{where}：slug 应由小写字母、数字和连字符组成"
        if not item.get("name") or not item.get("organisation_name"):
            yield f"{where}：缺少 name 或 organisation_name"
        if item.get("kind") not in KINDS:
            yield f"{where}：kind 应为 {'、'.join(KINDS)} 之一"
        if districts and item.get("district") not in districts:
            yield f"{where}：city.toml 中没有片区 {item.get('district')}"
        covenant = item.get("covenant")
        articles = covenant.get("text") if isinstance(covenant, dict) else None
        if not (isinstance(covenant, dict) and covenant.get("version")):
            yield f"{where}：公约缺少 version"
        if not isinstance(articles, list) or not articles or not all(isinstance(a, str) and a for a in articles):
            yield f"{where}：公约 text 应为非空的条文列表"


def _lint_behaviour(item: Mapping[str, Any]) -> Iterator[str]:
    where = f"善行 {item.get('id')}"
    points, review = item.get("points"), item.get("review", "one")
    if not isinstance(item.get("id"), str) or not _SLUG.fullmatch(item["id"]):
        yield f"{where}：id 应由小写字母、数字和连字符组成"
    if not item.get("title"):
        yield f"{where}：缺少 title"
    if not _whole(points, 1):
        yield f"{where}：points 应为正整数，社区积分不得为负"
    if review not in ("one", "two"):
        yield f"{where}：review 应为 one 或 two"
    elif _whole(points, MOST_POINTS_ONE_REVIEWER + 1) and review != "two":
        yield f'{where}：超过 {MOST_POINTS_ONE_REVIEWER} 分须两人审核（review = "two"）'
    if item.get("award", "review") not in ("review", "check_in"):
        yield f"{where}：award 应为 review 或 check_in"
    if item.get("award") == "check_in" and review == "two":
        yield f"{where}：签到即得的善行没有第二位审核人，points 不得超过 {MOST_POINTS_ONE_REVIEWER}"
    kinds = item.get("kinds", list(KINDS))
    if not isinstance(kinds, list) or not kinds or not set(kinds) <= set(KINDS):
        yield f"{where}：kinds 应从 {'、'.join(KINDS)} 中选"
    evidence = item.get("evidence")
    if not isinstance(evidence, dict) or not all(isinstance(evidence.get(k, False), bool) for k in ("photo", "text")):
        yield f"{where}：缺少 evidence = {{photo, text}}"
    yield from _lint_caps(where, item)


def _lint_caps(where: str, item: Mapping[str, Any]) -> Iterator[str]:
    caps = [item.get("daily_cap"), item.get("monthly_cap")]
    if not all(cap is None or _whole(cap, 1) for cap in caps):
        yield f"{where}：daily_cap、monthly_cap 应为正整数"
    elif caps[0] is not None and caps[1] is not None and caps[0] > caps[1]:
        yield f"{where}：每日上限不能高于每月上限"


def _lint_activities(content: Mapping[str, Any], known: Mapping[Any, Mapping[str, Any]]) -> Iterator[str]:
    kinds = {item.get("slug"): item.get("kind") for item in _tables(content, "communities")}
    activities = _tables(content, "activities")
    yield from _repeated("活动", [item.get("slug") for item in activities])
    for item in activities:
        where = f"活动 {item.get('slug')}"
        if item.get("community") not in kinds:
            yield f"{where}：没有社区 {item.get('community')}"
        if not _starts(item.get("starts")):
            yield f"{where}：starts 应为 {{in_days, at, minutes}}，at 形如 19:00，minutes 为 1 至 1440"
        if not item.get("title") or not item.get("place"):
            yield f"{where}：缺少 title 或 place"
        behaviour = known.get(item.get("behaviour"))
        if behaviour is None:
            yield f"{where}：没有善行 {item.get('behaviour')}"
        elif item.get("community") in kinds and kinds[item["community"]] not in behaviour.get("kinds", KINDS):
            yield f"{where}：善行 {item.get('behaviour')} 不适用于这类社区"


def _starts(when: Any) -> bool:
    return (
        isinstance(when, dict)
        and _whole(when.get("in_days"), 0)
        and re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", str(when.get("at"))) is not None
        and _whole(when.get("minutes"), 1)
        and when["minutes"] <= 1440
    )


def _lint_scoring(known: Mapping[Any, Any], scoring: Mapping[str, Any]) -> Iterator[str]:
    """Civic conduct never enters the score."""
    for indicator in _tables(scoring, "indicators"):
        for field in ("id", "item"):
            if indicator.get(field) in known:
                yield f"善行 {indicator[field]} 不得作为 scoring.toml 的计分项：社区行为不进入信用分"


def _repeated(what: str, names: Sequence[Any]) -> Iterator[str]:
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"{what} {name} 重复"


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
