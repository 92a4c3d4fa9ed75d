"""What a city's perks policy may not say."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from backend.offers import lint
from tests.factories import perks as factory

OTHERS: dict[str, Any] = {
    "scoring": {"levels": [{"id": "B", "from": 0}, {"id": "A", "from": 600}]},
    "consents": {"purposes": [{"id": "score"}, {"id": "community"}]},
    "community": {"communities": [{"slug": "dongshan"}]},
}


def problems(**changes: Any) -> str:
    return "\n".join(lint.lint(factory.content(**changes), OTHERS))


def test_the_city_of_jiangning_passes(city_contents: dict[str, dict[str, Any]]) -> None:
    assert lint.lint(city_contents["perks"], city_contents) == []


def test_a_plain_offer_passes() -> None:
    assert problems() == ""


def test_an_offer_for_first_timers_passes_with_one_turn_ever() -> None:
    assert problems(first_timers_only=True, per_person={"limit": 1, "window": "ever"}) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"level_floor": "A"}, "必须以 consents"),
        ({"consents": ["score"]}, "不得索取信用分授权"),
        ({"level_floor": "Z", "consents": ["score"]}, "没有信用等级"),
        ({"level_floor": "A", "consents": ["score"], "basic_public_service": True}, "不得以信用等级为门槛"),
        ({"basic_public_service": True, "price_points": 5}, "不得以积分换取"),
        ({"basic_public_service": True, "stock_total": 5}, "不得限量"),
        ({"basic_public_service": True, "consents": ["community"]}, "不得以授权为条件"),
        ({"first_timers_only": "yes"}, "first_timers_only 应为"),
        ({"first_timers_only": True}, "必须写明 per_person"),
        ({"first_timers_only": True, "per_person": {"limit": 1, "window": "month"}}, "必须写明 per_person"),
        ({"first_timers_only": True, "per_person": {"limit": 2, "window": "ever"}}, "必须写明 per_person"),
        (
            {"first_timers_only": True, "per_person": {"limit": 1, "window": "ever"}, "basic_public_service": True},
            "不得只给首次使用的人",
        ),
        ({"basic_public_service": "no"}, "basic_public_service 应为"),
        ({"level_ceiling": "B"}, "不认识的字段 level_ceiling"),
        ({"surcharge_fen": 100}, "不认识的字段 surcharge_fen"),
        ({"benefit": {"type": "percent_off", "percent_off": -10}}, "benefit.percent_off"),
        ({"benefit": {"type": "percent_off", "percent_off": 101}}, "benefit.percent_off"),
        ({"benefit": {"type": "percent_off", "percent_off": 10, "for_level": "B"}}, "for_level"),
        ({"kind": "parking", "benefit": {"type": "goods", "quantity": 1}}, "不能给出 goods"),
        ({"kind": "punishment"}, "kind = 'punishment'"),
        ({"benefit": "free"}, "benefit.type"),
        ({"price_points": -1}, "price_points"),
        ({"price_points": True}, "price_points"),
        ({"price_points": 1.5}, "price_points"),
        ({"stock_total": -1}, "stock_total"),
        ({"uses": 0}, "uses"),
        ({"coupon_valid_days": "30"}, "coupon_valid_days"),
        ({"per_person": {"limit": 0, "window": "month"}}, "per_person.limit"),
        ({"per_person": {"limit": 1, "window": "week"}}, "per_person.window"),
        ({"per_person": {"limit": 1, "window": "month", "level": "A"}}, "per_person"),
        ({"offline": {"mode": "always"}}, "offline.mode"),
        ({"offline": {"mode": "uses"}}, "offline.max_uses"),
        ({"scene": "gone"}, "没有场景"),
        ({"partner": "gone"}, "没有合作机构"),
        ({"venues": []}, "至少要有一个场所"),
        ({"venues": ["gone"]}, "没有场所"),
        ({"residents_of": "gone"}, "没有社区"),
        ({"consents": ["gone"]}, "没有同意事项"),
        ({"consents": "score"}, "应为同意事项的列表"),
        ({"title": ""}, "title"),
        ({"refund": "never"}, "refund"),
        ({"status": "hidden"}, "status"),
        ({"starts_on": "2026-13-01"}, "starts_on"),
        ({"starts_on": "2026-03-02", "ends_on": "2026-03-01"}, "早于"),
        ({"slug": "Not A Slug"}, "小写字母"),
    ],
)  # fmt: skip
def test_the_linter_names_the_broken_rule(changes: dict[str, Any], words: str) -> None:
    assert words in problems(**changes)


def test_slugs_are_unique_and_venues_belong_to_the_offers_partner() -> None:
    content = factory.content()
    content["offers"].append(deepcopy(content["offers"][0]))
    content["partners"].append({**content["partners"][0], "slug": "other"})
    content["venues"][0]["partner"] = "other"
    told = "\n".join(lint.lint(content, OTHERS))
    assert "重复" in told
    assert "不属于合作机构" in told


@pytest.mark.parametrize("code", ["91320115DEM000014X", "91320115dem000014w", "", None, 5])
def test_a_partner_needs_a_true_unified_social_credit_code(code: Any) -> None:
    content = factory.content()
    content["partners"][0]["unified_social_credit_code"] = code
    assert any("GB 32100" in problem for problem in lint.lint(content, OTHERS))


@pytest.mark.parametrize("key", ["scenes", "partners", "venues", "offers"])
def test_a_policy_without_a_part_is_refused_without_a_crash(key: str) -> None:
    content = factory.content()
    del content[key]
    assert any(key in problem for problem in lint.lint(content, OTHERS))


def test_venues_lie_in_china() -> None:
    content = factory.content()
    content["venues"][0]["lon"] = -118.8
    assert any("不在中国境内" in problem for problem in lint.lint(content, OTHERS))


SLOTS = {"minutes": 30, "open": ["09:00-11:00"], "capacity": 10}
NO_SHOW = {"strikes": 3, "within_days": 90, "pause_days": 30}
PAY_AFTER: dict[str, Any] = {
    "kind": "pay_after", "benefit": {"type": "pay_after", "up_to_fen": 5000},
    "obligation": {"kind": "pay_after", "due_hours": 72, "remind_hours_before": [24, 2]},
}  # fmt: skip


def test_every_condition_passes_when_it_is_well_said() -> None:
    assert problems(
        age={"from": 60}, stock_per_day=50, slots={**SLOTS, "no_show": NO_SHOW},
        blackout={"days": ["2026-10-01"], "weekdays": [6, 7], "use_too": True}, stacking_group="hotel-night",
        funding_account="office", settlement_price_fen=8000, late_refund={"to": "grace", "grace_days": 30},
        offline={"mode": "value", "max_value_fen": 100_000, "code_lifetime_seconds": 3600},
    ) == ""  # fmt: skip
    assert problems(**PAY_AFTER) == ""
    assert problems(kind="upgrade", benefit={"type": "upgrade"}) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"age": {"from": 70, "to": 60}}, "age.from 大于 age.to"),
        ({"age": {}}, "from 或 to"),
        ({"age": {"from": -1}}, "age.from"),
        ({"age": {"born_before": "1960-01-01"}}, "不认识的字段 born_before"),
        ({"age": 60}, "age 应写作"),
        ({"stock_per_day": -1}, "stock_per_day"),
        ({"slots": "09:00"}, "slots 应写作"),
        ({"slots": {**SLOTS, "minutes": 0}}, "slots.minutes"),
        ({"slots": {**SLOTS, "minutes": 50}}, "整数倍"),
        ({"slots": {**SLOTS, "open": []}}, "slots.open"),
        ({"slots": {**SLOTS, "open": ["11:00-09:00"]}}, "slots.open"),
        ({"slots": {**SLOTS, "open": ["23:00-24:30"]}}, "slots.open"),
        ({"slots": {**SLOTS, "open": ["09:00-11:00", "10:00-12:00"]}}, "相互重叠"),
        ({"slots": {**SLOTS, "weekdays": [0]}}, "slots.weekdays"),
        ({"slots": {**SLOTS, "weekdays": []}}, "slots.weekdays"),
        ({"slots": {**SLOTS, "capacity": 0}}, "slots.capacity"),
        ({"slots": {**SLOTS, "level": "A"}}, "不认识的字段 level"),
        ({"slots": {**SLOTS, "no_show": {"strikes": 3}}}, "slots.no_show.within_days"),
        ({"slots": {**SLOTS, "no_show": 3}}, "slots.no_show 应写作"),
        ({"slots": SLOTS, "uses": 2}, "只能用一次"),
        ({"blackout": {"days": ["soon"]}}, "blackout.days"),
        ({"blackout": {"weekdays": [1, 2, 3, 4, 5, 6, 7]}}, "不能是每一天"),
        ({"blackout": {"use_too": "yes"}}, "blackout.use_too"),
        ({"stacking_group": "Hotel Night"}, "stacking_group"),
        ({"funding_account": "nobody", "settlement_price_fen": 1}, "funding_account"),
        ({"funding_account": "office"}, "要写明 settlement_price_fen"),
        ({"late_refund": {"to": "office"}}, "late_refund.to"),
        ({"late_refund": {"to": "grace"}}, "late_refund.grace_days"),
        ({"obligation": PAY_AFTER["obligation"]}, "obligation 只能用于"),
        ({**PAY_AFTER, "obligation": None}, "必须写明 obligation"),
        ({**PAY_AFTER, "obligation": {"kind": "deposit_free", "due_hours": 72}}, "应与 kind 一致"),
        ({**PAY_AFTER, "obligation": {"kind": "pay_after", "due_hours": 24, "remind_hours_before": [48]}}, "不超过"),
        ({**PAY_AFTER, "price_points": 5}, "只增不减法则：免押金和后付费不得以积分换取"),
        ({"offline": {"mode": "value", "max_value_fen": 5, "code_lifetime_seconds": 60}}, "需要 settlement_price_fen"),
        ({"offline": {"mode": "value", "code_lifetime_seconds": 60}}, "offline.max_value_fen"),
    ],
)  # fmt: skip
def test_a_condition_badly_said_is_refused(changes: dict[str, Any], words: str) -> None:
    assert words in problems(**changes)


@pytest.mark.parametrize(
    "gate",
    [
        {"stock_per_day": 5}, {"slots": SLOTS}, {"age": {"from": 60}}, {"residents_of": "dongshan"},
        {"per_person": {"limit": 1, "window": "day"}}, {"blackout": {"weekdays": [7]}}, {"stacking_group": "one"},
        {"price_points": 5}, {"stock_total": 5}, PAY_AFTER,
    ],
    ids=lambda gate: "+".join(gate),
)  # fmt: skip
def test_nothing_whatever_shuts_anybody_out_of_a_basic_public_service(gate: dict[str, Any]) -> None:
    assert "基本公共服务法则：" in problems(basic_public_service=True, **gate)
    assert "基本公共服务" not in problems(**gate)
