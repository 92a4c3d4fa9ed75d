"""Pure rules of approvals: who is whom, what was seen, until when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from backend.approvals import policies, rules
from backend.approvals.rules import Actor

NOW = datetime(2026, 3, 5, 4, tzinfo=UTC)


def test_an_account_is_itself_in_whichever_role() -> None:
    who = uuid4()
    assert rules.same_person(Actor(who, "office"), Actor(who, "auditor"))
    assert not rules.same_person(Actor(who, "office"), Actor(uuid4(), "office"))


def test_two_accounts_of_one_person_are_one_person() -> None:
    person = uuid4()
    assert rules.same_person(Actor(uuid4(), "office", person), Actor(uuid4(), "office", person))
    assert not rules.same_person(Actor(uuid4(), "office", person), Actor(uuid4(), "office", None))
    assert not rules.same_person(Actor(uuid4(), "office", person), Actor(uuid4(), "office", uuid4()))


def test_it_concerns_only_the_very_resident() -> None:
    person = uuid4()
    assert rules.concerns(Actor(uuid4(), "office", person), "resident", str(person))
    assert not rules.concerns(Actor(uuid4(), "office", person), "policy", str(person))
    assert not rules.concerns(Actor(uuid4(), "office"), "resident", "None")


def test_a_proposal_expires_on_the_instant() -> None:
    assert rules.state_at("proposed", NOW, NOW - timedelta(microseconds=1)) == "proposed"
    assert rules.state_at("proposed", NOW, NOW) == "expired"
    assert rules.state_at("approved", NOW, NOW + timedelta(days=900)) == "approved"


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSONS)
def test_what_was_seen_is_the_same_however_a_database_writes_it_down(value: object) -> None:
    again = json.loads(json.dumps({"a": value}, sort_keys=True))
    assert rules.digest({"a": value}) == rules.digest(again)


def test_another_value_or_place_is_another_digest() -> None:
    assert rules.digest({"a": 32}) == rules.digest({"a": 32.0})
    told = [{"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, {"a": True}, {"a": [1]}, {"a": 1.5}, {"a": None}, {"a": 2**60}]
    assert len({rules.digest(one) for one in told}) == len(told)


def test_only_what_the_kind_hides_is_left_out() -> None:
    payload = {"people": [{"id_number": "3***4", "found": "x"}], "found": "x", "kept": [{"a": 1}]}
    assert rules.shown_payload(payload, frozenset({"found"})) == {
        "people": [{"id_number": "3***4"}], "kept": [{"a": 1}]
    }  # fmt: skip
    assert rules.shown_payload(payload, frozenset()) == payload


# --- the difference ------------------------------------------------------------------------------------------------


def paths(before: object, after: object) -> list[str]:
    return [one["path"] for one in policies.difference(before, after)]


def test_items_with_names_are_compared_by_name() -> None:
    before = {"items": [{"code": "a", "points": 1}, {"code": "b", "points": 2}]}
    after = {"items": [{"code": "b", "points": 3}, {"code": "c", "points": 1}]}
    found = {one["path"]: (one["before"], one["after"]) for one in policies.difference(before, after)}
    assert found["items[code=b].points"] == ("2", "3")
    assert found["items[code=a]"][1] is None and found["items[code=c]"][0] is None


def test_a_changed_order_and_a_changed_type_are_differences() -> None:
    before = {"levels": [{"id": "a"}, {"id": "b"}], "most": 1}
    assert paths(before, {"levels": [{"id": "b"}, {"id": "a"}], "most": True}) == ["levels（顺序）", "most"]
    assert paths({"a": None}, {}) == ["a"]


def test_of_a_long_text_only_the_changed_sentence_is_shown() -> None:
    sentences = [f"第{n}条内容。" for n in range(100)]
    changed = [*sentences[:70], "被改动的一条。", *sentences[71:]]
    (one,) = policies.difference({"text": "".join(sentences)}, {"text": "".join(changed)})
    assert (one["before"], one["after"]) == ("第70条内容。", "被改动的一条。")


@given(JSONS, JSONS)
def test_nothing_that_differs_goes_unshown(before: object, after: object) -> None:
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert bool(policies.difference({"x": before}, {"x": after})) is not same


def test_true_is_not_one() -> None:
    assert paths({"a": [True, {"b": 1}]}, {"a": [1, {"b": True}]}) == ["a"]
