"""Giving, withdrawing and asking for consent; the log of looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.accounts.errors import AdultsOnly
from backend.consents import service
from backend.consents.errors import ConsentMissing, ConsentTextChanged, GuardianNeeded
from backend.consents.models import ConsentEventRow
from backend.kit import city as cities
from backend.kit import clock, outbox
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from tests.factories import accounts as make

City = dict[str, dict[str, Any]]
VERSION = "2026.1"


@pytest.fixture(autouse=True)
def loaded(city: City) -> None:
    """江宁 is loaded."""


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    def listen(_session: Session, payload: dict[str, Any]) -> None:
        heard.append(payload)

    outbox.within("consents.changed", listen)
    yield heard
    outbox._within["consents.changed"].remove(listen)


@pytest.fixture
def new_text(session: Session, city: City) -> Callable[[], str]:
    """Put a new text of every purpose in force."""

    def load() -> str:
        content = deepcopy(city["consents"])
        content["version"] = version = f"t-{new_id()}"
        for item in content["purposes"]:
            item["text_version"] = version
        cities.load(session, {"consents": content})
        return version

    return load


def events(session: Session, resident: make.Resident) -> int:
    mine = ConsentEventRow.resident_id == resident.resident_id
    return session.execute(select(func.count()).select_from(ConsentEventRow).where(mine)).scalar_one()


def test_nothing_is_agreed_to_at_first(session: Session) -> None:
    resident = make.resident(session)
    assert {c.purpose.id for c in service.consents(session, resident.resident_id)} >= {"score", "community", "messages"}
    assert not any(c.granted for c in service.consents(session, resident.resident_id))
    with pytest.raises(ConsentMissing) as missing:
        service.require(session, resident.resident_id, "score")
    assert missing.value.members["purpose"] == "score"
    assert missing.value.members["opt_in"] == {"method": "PUT", "path": "/api/v1/me/consents/score"}
    assert "PUT" in missing.value.detail_zh


def test_consent_is_given_and_withdrawn_and_both_are_told_at_once(session: Session, told: list[dict[str, Any]]) -> None:
    resident = make.resident(session)
    given = service.set_consent(session, resident.resident_id, "score", True, VERSION)
    assert given.granted and given.granted_at is not None
    service.require(session, resident.resident_id, "score")
    assert not service.granted(session, resident.resident_id, "community")
    withdrawn = service.set_consent(session, resident.resident_id, "score", False)
    assert not withdrawn.granted and withdrawn.granted_at is None
    assert not service.granted(session, resident.resident_id, "score")
    key = {"resident_id": str(resident.resident_id), "purpose": "score"}
    assert told == [{**key, "granted": True}, {**key, "granted": False}]
    assert events(session, resident) == 2


def test_repeating_a_decision_changes_nothing(session: Session, told: list[dict[str, Any]]) -> None:
    resident = make.resident(session)
    first = service.set_consent(session, resident.resident_id, "score", True, VERSION)
    with clock.shifted(timedelta(hours=1)):
        assert service.set_consent(session, resident.resident_id, "score", True, VERSION) == first
    service.set_consent(session, resident.resident_id, "community", False)
    assert len(told) == 1 and events(session, resident) == 1


def test_a_text_that_is_not_in_force_cannot_be_agreed_to(session: Session, told: list[dict[str, Any]]) -> None:
    resident = make.resident(session)
    for stale in ("2025.1", None, ""):
        with pytest.raises(ConsentTextChanged) as changed:
            service.set_consent(session, resident.resident_id, "score", True, stale)
        assert changed.value.members["text_version"] == VERSION
    assert told == [] and events(session, resident) == 0


def test_a_new_text_needs_to_be_agreed_to_anew(
    session: Session, told: list[dict[str, Any]], new_text: Callable[[], str]
) -> None:
    resident = make.resident(session)
    service.set_consent(session, resident.resident_id, "score", True, VERSION)
    version = new_text()
    standing = service.consent(session, resident.resident_id, "score")
    assert not standing.granted and standing.needs_renewal
    assert not service.granted(session, resident.resident_id, "score")
    service.set_consent(session, resident.resident_id, "score", True, version)
    assert service.granted(session, resident.resident_id, "score")
    assert [news["granted"] for news in told] == [True, True]


def test_a_consent_to_an_earlier_text_can_be_withdrawn(
    session: Session, told: list[dict[str, Any]], new_text: Callable[[], str]
) -> None:
    resident = make.resident(session)
    service.set_consent(session, resident.resident_id, "score", True, VERSION)
    new_text()
    withdrawn = service.set_consent(session, resident.resident_id, "score", False, VERSION)
    assert not withdrawn.granted and not withdrawn.needs_renewal
    assert [news["granted"] for news in told] == [True, False]


def test_only_adults_may_have_a_score(session: Session) -> None:
    today = clock.today()
    youth = make.resident(session, today - timedelta(days=365 * 16))
    with pytest.raises(AdultsOnly):
        service.set_consent(session, youth.resident_id, "score", True, VERSION)
    assert service.set_consent(session, youth.resident_id, "community", True, VERSION).granted
    child = make.resident(session, today - timedelta(days=365 * 10))
    with pytest.raises(GuardianNeeded) as needed:
        service.set_consent(session, child.resident_id, "community", True, VERSION)
    assert needed.value.members == {"below_age": 14}


def test_an_unknown_purpose_is_not_found_and_never_granted(session: Session) -> None:
    resident = make.resident(session)
    with pytest.raises(NotFound):
        service.set_consent(session, resident.resident_id, "marketing", True, VERSION)
    assert not service.granted(session, resident.resident_id, "marketing")


def test_many_agree_at_once_except_whom_age_excludes(session: Session, told: list[dict[str, Any]]) -> None:
    adults = [make.resident(session, bound=False) for _ in range(5)]
    child = make.resident(session, clock.today() - timedelta(days=365 * 10), bound=False)
    everyone = [who.resident_id for who in (*adults, child)]
    assert service.give_for_many(session, everyone, "score") == 5
    assert service.give_for_many(session, everyone, "score") == 0
    assert all(service.granted(session, who.resident_id, "score") for who in adults)
    assert not service.granted(session, child.resident_id, "score")
    assert told == [] and events(session, adults[0]) == 1


def look(session: Session, resident: make.Resident, actor: make.Staff, purpose: str = "办理异议") -> None:
    service.record_look(
        session, resident.resident_id, actor.staff_id, "office", purpose, ["name", "records"], "异议申请",
        actor.organisation_id, authorisation="case:2026-17",
    )  # fmt: skip


def test_a_look_says_who_when_what_and_why(session: Session) -> None:
    resident, staff = make.resident(session), make.staff(session)
    look(session, resident, staff)
    [seen] = service.looks(session, resident.resident_id, 10)
    assert (seen.actor, seen.role, seen.organisation) == ("测试工作人员", "项目办公室", "测试单位")
    assert (seen.purpose, seen.field_ids, seen.basis) == ("办理异议", ["name", "records"], "异议申请")
    assert seen.fields == ["姓名", "信用档案"]
    assert (seen.authorisation, seen.authorisation_id) == ("2026-17", "case:2026-17")
    service.record_look(
        session, resident.resident_id, new_id(), "nightly", "复核", ["score"], "依法", authorisation="document:测1"
    )
    newest = service.looks(session, resident.resident_id, 1)[0]
    assert (newest.actor, newest.role, newest.organisation) == ("系统", "nightly", None)


def test_looks_are_paged_newest_first_without_gap_or_repeat(session: Session) -> None:
    resident, staff, other = make.resident(session), make.staff(session), make.resident(session)
    with clock.at(clock.now()):
        for number in range(7):
            look(session, resident, staff, f"第{number}次")
    look(session, other, staff)
    found, before = [], None
    while page := service.looks(session, resident.resident_id, 3, before):
        found += page
        before = (page[-1].at, page[-1].id)
    assert len({seen.id for seen in found}) == 7
    assert found == sorted(found, key=lambda seen: (seen.at, seen.id), reverse=True)


def test_a_look_without_an_authorisation_is_a_mistake(session: Session) -> None:
    resident = make.resident(session)
    for wrong in ("", "case", "case:", "case: ", "本人在场", "presence:nobody", "rumour:7", "case:" + "7" * 160):
        with pytest.raises(ValueError):
            service.record_look(
                session, resident.resident_id, new_id(), "office", "复核", [], "依法", authorisation=wrong
            )


def test_a_consent_is_named_by_its_latest_giving(session: Session) -> None:
    resident, other = make.resident(session), make.resident(session)
    for granted in (True, False, True):
        service.set_consent(session, resident.resident_id, "score", granted, VERSION)
    found = service.authorisations(session, {resident.resident_id, other.resident_id}, "score")
    given = select(ConsentEventRow.id).where(
        ConsentEventRow.resident_id == resident.resident_id, ConsentEventRow.granted
    )
    latest = session.execute(given.order_by(ConsentEventRow.at.desc())).scalars().first()
    assert found == {resident.resident_id: f"consent:score:{latest}"}


def test_ages_are_counted_on_the_shanghai_day(session: Session) -> None:
    born_on = date(2008, 3, 6)
    resident = make.resident(session, born_on)
    with clock.at(clock.start_of_day(date(2026, 3, 6)) - timedelta(minutes=1)):
        with pytest.raises(AdultsOnly):
            service.set_consent(session, resident.resident_id, "score", True, VERSION)
    with clock.at(clock.start_of_day(date(2026, 3, 6)) + timedelta(minutes=1)):
        assert service.set_consent(session, resident.resident_id, "score", True, VERSION).granted
