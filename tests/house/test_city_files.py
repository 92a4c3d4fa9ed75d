"""The city's files agree with each other and with the score law, before any room reads them."""

from __future__ import annotations

import re
import string
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from stdnum.cn import ric, uscc

FOLDER = Path(__file__).resolve().parents[2] / "config" / "cities" / "320115"
KINDS = ("city", "consents", "deadlines", "catalogue", "scoring", "merchants", "community", "perks")
FIVE_YEARS_DAYS = 5 * 365
"""《征信业管理条例》第十六条."""

NEVER = ("宗教", "信仰", "基因", "遗传", "指纹", "血型", "疾病", "病史", "存款", "证券", "税额", "纳税数额")
"""《征信业管理条例》第十四条: what may be accepted nowhere."""
NOT_OF_A_PERSON = (*NEVER, "税", "保险", "收入", "房产", "不动产", "志愿", "献血", "垃圾", "邻里")
"""Nor, of a person, anything of property or civic life in what feeds the score or the archive."""

PERMIT_FIELDS = {
    "document_name", "document_no", "licence_category", "certificate_name", "licence_no", "licence_content",
    "decided_on", "valid_from_on", "valid_until_on", "authority", "authority_code", "current_status",
}  # fmt: skip
PENALTY_FIELDS = {
    "document_no", "violation_type", "violation_facts", "penalty_basis", "penalty_category", "penalty_content",
    "fine_wanyuan", "confiscated_wanyuan", "revoked_licence", "decided_on", "valid_until_on", "publicity_until_on",
    "authority", "authority_code",
}  # fmt: skip
PARTY_FIELDS = {
    "party_name", "party_kind", *(f"party_code_{number}" for number in range(1, 7)), "legal_representative",
    "legal_representative_id_type", "legal_representative_id_number", "data_source", "data_source_code", "remarks",
}  # fmt: skip

CONVENIENCES = ("deposit_free", "green_lane", "service", "pay_after", "upgrade")
"""What a level may open: never a price, a ticket or goods."""
BENEFIT_MEMBERS = {
    "free_ticket": {"persons"}, "percent_off": {"percent_off"}, "amount_off": {"amount_fen"}, "goods": {"quantity"},
    "deposit_free": {"up_to_fen"}, "free_minutes": {"minutes"}, "green_lane": set(), "service": set(),
    "pay_after": {"up_to_fen"}, "upgrade": set(),
}  # fmt: skip


def read(kind: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{kind}.toml").read_text("utf-8"))


CITY, CONSENTS, DEADLINES, CATALOGUE, SCORING, MERCHANTS, COMMUNITY, PERKS = (read(kind) for kind in KINDS)
ITEMS = {item["code"]: item for item in CATALOGUE["items"]}
PERSONAL = [item for item in ITEMS.values() if item["subject"] == "natural_person"]
OFFERS = {offer["slug"]: offer for offer in PERKS["offers"]}
LEVELS = [level["id"] for level in SCORING["levels"]]
COMMUNITIES = {community["slug"]: community for community in COMMUNITY["communities"]}
BEHAVIOURS = {behaviour["id"]: behaviour for behaviour in COMMUNITY["behaviours"]}


def keys(rows: list[dict[str, Any]], name: str) -> set[str]:
    """The values of a key, which must be unique."""
    values = [row[name] for row in rows]
    assert len(values) == len(set(values)), f"{name} repeats"
    return set(values)


def words(value: object) -> str:
    """Every text within a value."""
    if isinstance(value, dict):
        return " ".join(words(inner) for inner in value.values())
    if isinstance(value, list):
        return " ".join(words(inner) for inner in value)
    return str(value)


@pytest.mark.parametrize("kind", KINDS)
def test_each_file_says_its_version_and_day(kind: str) -> None:
    content = read(kind)
    assert content["version"] and isinstance(content["effective_on"], date)


@pytest.mark.parametrize(
    ("kind", "table", "name"),
    [
        ("city", "districts", "id"), ("consents", "purposes", "id"), ("deadlines", "clocks", "id"),
        ("deadlines", "publicity", "id"), ("catalogue", "items", "code"), ("scoring", "levels", "id"),
        ("scoring", "dimensions", "id"), ("scoring", "indicators", "id"), ("merchants", "grades", "id"),
        ("merchants", "indicators", "id"), ("merchants", "trades", "id"), ("community", "communities", "slug"),
        ("community", "behaviours", "id"), ("community", "activities", "slug"), ("perks", "scenes", "id"),
        ("perks", "partners", "slug"), ("perks", "venues", "slug"), ("perks", "offers", "slug"),
    ],
)  # fmt: skip
def test_ids_are_unique(kind: str, table: str, name: str) -> None:
    assert keys(read(kind)[table], name)


def test_rules_name_their_basis() -> None:
    rules = [
        *CITY["districts"], *CONSENTS["purposes"], *DEADLINES["clocks"], *DEADLINES["publicity"], *ITEMS.values(),
        *SCORING["indicators"], *MERCHANTS["indicators"], *MERCHANTS["trades"], *COMMUNITIES.values(),
        *BEHAVIOURS.values(), *PERKS["scenes"], *OFFERS.values(),
    ]  # fmt: skip
    assert [rule for rule in rules if not rule.get("basis")] == []
    assert set(CITY["kept_years"]) == set(CITY["kept_years_basis"])


def test_places_lie_in_jiangning() -> None:
    for place in [*CITY["districts"], *PERKS["venues"]]:
        assert 31.6 <= place["lat"] <= 32.1 and 118.5 <= place["lon"] <= 119.05, place


def test_consents_tell_what_the_law_asks() -> None:
    assert {"score", "community", "messages"} <= keys(CONSENTS["purposes"], "id")
    for purpose in CONSENTS["purposes"]:
        for section in ("用哪些信息", "给谁看", "存多久", "怎样撤回"):
            assert section in purpose["text"], (purpose["id"], section)
        assert purpose["title"] and purpose["text_version"] and purpose["withdrawal_effect"]
        assert purpose["adult_only"] or purpose["guardian_below_age"] == 14
    assert next(p for p in CONSENTS["purposes"] if p["id"] == "score")["adult_only"] is True


def test_deadlines_cover_every_case() -> None:
    clocks = {clock["id"]: clock["workdays"] for clock in DEADLINES["clocks"]}
    fixed = {"record_report": 7, "objection_flag": 1, "objection_decide": 5, "repair_decide": 3, "repair_feedback": 10}
    assert {name: clocks[name] for name in fixed} == fixed
    assert {"complaint_accept", "complaint_answer", "score_review", "privacy_request"} <= set(clocks)
    longest = {row["id"]: row["maximum_days"] for row in DEADLINES["publicity"]}
    assert longest == {"minor": 90, "general": 365, "serious": 1095}


def test_catalogue_is_wide_and_each_item_complete() -> None:
    assert len(ITEMS) >= 32
    for code, item in ITEMS.items():
        assert item["subject"] in ("natural_person", "legal_entity")
        assert item["effect"] in ("favourable", "adverse", "neutral")
        assert item["disclosure"] in ("public", "authorised", "government")
        assert item["legal_basis"] and item["category"] and item["source_departments"] and item["due_workdays"] == 7
        names = keys(item["fields"], "name")
        assert {"document_no", "decided_on"} <= names, code
        assert set(item["natural_key"]) <= {field["name"] for field in item["fields"] if field["required"]}, code
        assert {field["type"] for field in item["fields"]} <= {
            "text",
            "date",
            "integer",
            "decimal",
            "unified_social_credit_code",
        }


def test_catalogue_keeps_adverse_records_five_years_and_publishes_three_at_most() -> None:
    for item in ITEMS.values():
        if item["effect"] == "adverse":
            assert 0 < item["retention_days"] <= FIVE_YEARS_DAYS
        assert item.get("publicity_days", 1) <= min(1095, item["retention_days"])


def test_nothing_of_a_natural_person_is_published() -> None:
    assert [item["code"] for item in PERSONAL if item["disclosure"] == "public" or "publicity_days" in item] == []


def test_double_publicity_has_the_standard_fields() -> None:
    for code, standard in (("LE-LIC-01", PERMIT_FIELDS), ("LE-PEN-01", PENALTY_FIELDS)):
        item = ITEMS[code]
        names = {field["name"] for field in item["fields"]}
        assert standard | PARTY_FIELDS <= names
        assert item["subject"] == "legal_entity" and item["disclosure"] == "public"
    assert ITEMS["LE-PEN-01"]["severity_field"] in {field["name"] for field in ITEMS["LE-PEN-01"]["fields"]}


def test_forbidden_information_is_named_nowhere() -> None:
    everything = words(list(ITEMS.values())) + words(SCORING)
    assert [word for word in NEVER if word in everything] == []
    personal = words(PERSONAL) + words(SCORING["indicators"]) + words(SCORING["dimensions"])
    assert [word for word in NOT_OF_A_PERSON if word in personal] == []


def test_score_scale_and_levels_ascend() -> None:
    scale, bounds = SCORING["scale"], [level["from"] for level in SCORING["levels"]]
    assert scale == {"min": 0, "base": 600, "max": 1000}
    assert bounds[0] == scale["min"] and bounds == sorted(set(bounds)) and bounds[-1] < scale["max"]
    assert SCORING["levels"][0]["name"] == "待提升" and "A+" in LEVELS


def test_dimensions_are_capped() -> None:
    assert 4 <= len(SCORING["dimensions"]) <= 5
    for dimension in SCORING["dimensions"]:
        assert dimension["cap_up"] > 0 and dimension["cap_down"] > 0


def test_indicators_rest_on_items_that_may_feed_the_score() -> None:
    dimensions, bound = keys(SCORING["dimensions"], "id"), set()
    for indicator in SCORING["indicators"]:
        item = ITEMS[indicator["item"]]
        assert item["may_feed_score"] and item["legal_basis"] and item["subject"] == "natural_person"
        assert item["effect"] == ("favourable" if indicator["points"] > 0 else "adverse"), indicator["id"]
        assert indicator["dimension"] in dimensions
        bound.add(item["code"])
    assert len(SCORING["indicators"]) >= 6 and len(bound) >= 5
    assert bound == {item["code"] for item in ITEMS.values() if item["may_feed_score"]}


def test_indicators_decay_downwards_and_end() -> None:
    for indicator in SCORING["indicators"]:
        assert isinstance(indicator["points"], int) and indicator["points"] != 0
        assert 0 < indicator["lasts_days"] <= FIVE_YEARS_DAYS
        steps = [(step["after_days"], step["percent"]) for step in indicator["decay"]]
        assert steps == sorted(steps, key=lambda step: (step[0], -step[1])) and len(steps) == len(dict(steps))
        percents = [100, *(percent for _, percent in steps)]
        assert percents == sorted(percents, reverse=True) and percents[-1] > 0
        assert all(0 < days < indicator["lasts_days"] for days, _ in steps)
        assert ("per_period_cap" in indicator) == ("period_days" in indicator)
        for cap in ("per_period_cap", "total_cap"):
            assert indicator.get(cap, abs(indicator["points"])) >= abs(indicator["points"])
        named = {name for _, name, _, _ in string.Formatter().parse(indicator["reason_template"]) if name}
        assert named <= {"title", "source", "decided_on", "expires_on"}


def test_community_deeds_earn_points_and_never_feed_the_score() -> None:
    assert {community["kind"] for community in COMMUNITIES.values()} == {"residential", "village"}
    assert len(BEHAVIOURS) >= 12 and COMMUNITY["budget"]["monthly_points"] > 0
    assert COMMUNITY["points_expire"] in ("year_end", "rolling_365", "never")
    assert set(BEHAVIOURS).isdisjoint(indicator["id"] for indicator in SCORING["indicators"])
    for behaviour in BEHAVIOURS.values():
        assert behaviour["points"] > 0
        assert behaviour["review"] == ("one" if behaviour["points"] <= 20 else "two")
        assert behaviour.get("daily_cap", behaviour["points"]) >= behaviour["points"]
        assert behaviour["monthly_cap"] >= behaviour.get("daily_cap", behaviour["points"])
    assert (BEHAVIOURS["waste-sorting"]["points"], BEHAVIOURS["waste-sorting"]["daily_cap"]) == (2, 10)


def test_communities_and_activities_refer_to_what_exists() -> None:
    districts = keys(CITY["districts"], "id")
    for community in COMMUNITIES.values():
        assert community["district"] in districts and "演示" in community["organisation_name"]
        assert community["covenant"]["version"] and len(community["covenant"]["text"]) >= 5
    for activity in COMMUNITY["activities"]:
        behaviour = BEHAVIOURS[activity["behaviour"]]
        assert behaviour["award"] == "check_in"
        assert COMMUNITIES[activity["community"]]["kind"] in behaviour["kinds"]
        assert re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", activity["starts"]["at"])


def test_partners_are_synthetic_and_their_codes_valid_and_reserved() -> None:
    codes = keys(PERKS["partners"], "unified_social_credit_code")
    for code in codes:
        assert uscc.is_valid(code) and re.fullmatch(r"9[13]320115DEM00\d{3}[0-9X][0-9A-Z]", code), code
        assert code[16] == organisation_check(code[8:16]), code
    assert all(partner["name"].startswith("演示") for partner in PERKS["partners"])
    assert all("演示" in venue["name"] and "演示" in venue["address"] for venue in PERKS["venues"])


def organisation_check(body: str) -> str:
    """The check character of an organisation code by GB 11714."""
    weighted = zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)
    return "0123456789X"[(11 - sum(int(c, 36) * weight for c, weight in weighted) % 11) % 11]


def test_offers_refer_to_what_exists() -> None:
    scenes, venues = keys(PERKS["scenes"], "id"), {venue["slug"]: venue for venue in PERKS["venues"]}
    partners, purposes = keys(PERKS["partners"], "slug"), keys(CONSENTS["purposes"], "id")
    assert {venue["partner"] for venue in venues.values()} <= partners
    for slug, offer in OFFERS.items():
        assert offer["scene"] in scenes and offer["partner"] in partners and offer["venues"], slug
        assert {venues[name]["partner"] for name in offer["venues"]} == {offer["partner"]}, slug
        assert set(offer["consents"]) <= purposes, slug
        assert not offer["level_floor"] or offer["level_floor"] in LEVELS[1:], slug
        assert offer.get("residents_of") is None or offer["residents_of"] in COMMUNITIES, slug
    assert {offer["scene"] for offer in OFFERS.values()} == scenes


def test_offers_with_a_level_floor_ask_for_the_score_and_only_add() -> None:
    for slug, offer in OFFERS.items():
        assert offer["basic_public_service"] is False, slug
        assert bool(offer["level_floor"]) == ("score" in offer["consents"]), slug
        assert not offer["level_floor"] or offer["kind"] in CONVENIENCES, slug


def test_offers_use_every_condition_that_there_is_and_say_who_pays() -> None:
    for key in ("age", "stock_per_day", "slots", "blackout", "stacking_group", "late_refund", "obligation"):
        assert [slug for slug, offer in OFFERS.items() if offer.get(key)], key
    assert {"pay_after", "upgrade"} <= {offer["kind"] for offer in OFFERS.values()}
    funders = {"office", *keys(PERKS["partners"], "slug"), *COMMUNITIES}
    paid = [offer for offer in OFFERS.values() if offer.get("settlement_price_fen")]
    assert len(paid) > len(OFFERS) / 2 and {offer["funding_account"] for offer in paid} <= funders
    groups = [offer["stacking_group"] for offer in OFFERS.values() if offer.get("stacking_group")]
    assert any(groups.count(group) > 1 for group in groups)
    for slug, offer in OFFERS.items():
        if offer["kind"] in ("pay_after", "deposit_free"):
            assert offer["obligation"]["kind"] == offer["kind"] and offer["benefit"]["up_to_fen"], slug


def test_offers_are_complete() -> None:
    for slug, offer in OFFERS.items():
        members = set(offer["benefit"]) - {"type"}
        assert members == BENEFIT_MEMBERS[offer["benefit"]["type"]], slug
        assert all(offer["benefit"][member] >= 1 for member in members), slug
        assert offer["summary"] and offer["benefit_text"], slug
        assert offer["price_points"] >= 0 and offer["stock_total"] >= 0 and offer["uses"] >= 1, slug
        assert offer["per_person"]["limit"] >= 1, slug
        assert offer["per_person"]["window"] in ("day", "month", "year", "ever"), slug
        assert offer["coupon_valid_days"] >= 1 and offer["code_lifetime_seconds"] >= 60, slug
        assert offer["refund"] in ("until_used", "none"), slug
        offline = offer["offline"]
        assert offline["mode"] in ("none", "uses"), slug
        assert (offline["mode"] == "uses") == {"max_uses", "code_lifetime_seconds"}.issubset(offline), slug


def test_offers_cover_what_the_plan_promises_travellers() -> None:
    travel = [offer for offer in OFFERS.values() if offer["scene"] in ("you", "xing")]
    assert len(travel) >= 10
    assert {"ticket", "percent_off", "deposit_free", "green_lane", "transit_discount"} <= {o["kind"] for o in travel}
    assert any(
        "免查房" in o["benefit_text"] and "免排队" in o["benefit_text"] for o in travel if o["kind"] == "green_lane"
    )
    assert any(offer["kind"] == "ticket" and offer["price_points"] == 0 for offer in travel)
    assert any(0 < offer["stock_total"] <= 5 for offer in OFFERS.values())
    assert any(offer["uses"] > 1 for offer in OFFERS.values())
    assert any(offer.get("residents_of") for offer in OFFERS.values())
    assert any(offer["kind"] == "parking" for offer in OFFERS.values())


def test_merchant_grades_cover_the_scale_and_indicators_are_complete() -> None:
    scale, bounds = MERCHANTS["scale"], [grade["from"] for grade in MERCHANTS["grades"]]
    assert bounds == sorted(set(bounds), reverse=True) and bounds[-1] == scale["min"]
    assert all(re.fullmatch(r"#[0-9A-F]{6}", grade["colour"]) for grade in MERCHANTS["grades"])
    assert len(MERCHANTS["indicators"]) >= 20
    for indicator in MERCHANTS["indicators"]:
        needed = {"flag": set(), "each": {"total_cap", "within_days"}, "ratio": {"at_least_percent", "min_samples"}}
        assert needed[indicator["form"]] <= set(indicator) and indicator["points"] != 0
    assert MERCHANTS["pledge"]["version"] and len(MERCHANTS["pledge"]["text"]) >= 5


def test_demo_vocabulary_is_plainly_synthetic() -> None:
    demo = read("demo")
    assert set(demo["names"]["surnames"]) <= {"演示", "示例", "测试"} and demo["shops"]["prefix"] == "演示"
    assert set(demo["shops"]["trade_words"]) == keys(MERCHANTS["trades"], "id")
    numbers = demo["id_numbers"]
    assert (numbers["sequence_from"], numbers["sequence_until"]) == (996, 999)
    for born in (value for value in numbers.values() if isinstance(value, date)):
        fitting = [d["code"] for d in numbers["divisions"] if fits(born, d)]
        stem = f"{fitting[0]}{born:%Y%m%d}{numbers['sequence_from']}"
        assert len(fitting) == 1 and ric.is_valid(stem + ric.calc_check_digit(stem + "0")), born


def fits(born: date, division: dict[str, Any]) -> bool:
    return bool(division.get("born_from", date.min) <= born <= division.get("born_until", date.max))


def test_no_file_names_a_real_company() -> None:
    for kind in (*KINDS, "demo"):
        text = (FOLDER / f"{kind}.toml").read_text("utf-8")
        assert not re.search(r"有限公司|集团|股份", text), kind
