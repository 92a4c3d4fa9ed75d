"""Nobody judges her own affair: not through a ward, a desk, a second account, a departure, or another organisation."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.errors import SpendingPaused
from backend.accounts.models import PersonRow, StaffRow
from backend.approvals.rules import Actor, same_person
from backend.codes import service as codes
from backend.community.errors import OwnSubmission
from backend.delegation import service as delegation
from backend.delegation.errors import DelegationRefused
from backend.delegation.proof import CardProof
from backend.kit import db
from backend.perks import service as perks
from tests.checked_client import CheckedClient
from tests.community.conftest import DONGSHAN, neighbour, worker_of
from tests.community.deeds import approve, hand_in
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.privacy.conftest import leave


@pytest.fixture(autouse=True)
def _city(city: dict[str, Any]) -> None:
    """江宁."""


def card(who: people.Resident) -> CardProof:
    return CardProof(who.name, who.id_number)


def clerk_of(session: Session, person: UUID | None = None) -> delegation.Clerk:
    employee = people.staff(session, "counter-clerk")
    return delegation.Clerk(employee.staff_id, "counter-clerk", employee.organisation_id, person)


def guard(session: Session, clerk: delegation.Clerk, guardian: people.Resident, ward: people.Resident) -> Any:
    wanted = delegation.Guardianship("ward", card(guardian), card(ward), "指定监护", "测〔2026〕2号", None)
    return delegation.register_guardian(session, clerk, wanted, shops.act(clerk.account_id))


@pytest.mark.parametrize("side", [0, 1])
def test_a_clerk_registers_no_guardianship_of_which_she_is_a_side(session: Session, side: int) -> None:
    sides = people.resident(session), people.resident(session)
    with pytest.raises(DelegationRefused) as refused:
        guard(session, clerk_of(session, sides[side].resident_id), *sides)
    assert refused.value.members["why"] == "own-affair"
    assert guard(session, clerk_of(session), *sides).kind == "ward"


def test_a_clerk_does_not_help_herself(session: Session) -> None:
    herself = people.resident(session)
    clerk = clerk_of(session, herself.resident_id)
    with pytest.raises(DelegationRefused) as refused:
        delegation.start_helping(session, clerk, card(herself), shops.act(clerk.account_id))
    assert refused.value.members["why"] == "own-affair"


def test_a_worker_judges_no_deed_of_whom_she_guards_or_has_helped(session: Session) -> None:
    doer, worker = neighbour(session, DONGSHAN), worker_of(session, DONGSHAN)
    who = accounts.open_person(session, doer)
    ward = people.Resident(doer, who.name, who.id_number)
    deed = hand_in(session, doer)
    guardian = people.resident(session)
    guard(session, clerk_of(session), guardian, ward)
    with pytest.raises(OwnSubmission):
        approve(session, worker._replace(resident_id=guardian.resident_id), deed.id)
    clerk = delegation.Clerk(worker.account_id, "counter-clerk", None)
    helping = delegation.start_helping(session, clerk, card(ward), shops.act(worker.account_id))
    delegation.end_at_counter(session, clerk, doer, helping.id)
    with pytest.raises(OwnSubmission):
        approve(session, worker, deed.id)
    assert approve(session, worker_of(session, DONGSHAN), deed.id).submission_status == "approved"


def test_two_accounts_of_one_person_stay_one_persons_after_she_left(session: Session) -> None:
    codes.ensure_keys(session, "320115")
    who = people.resident(session)
    one, other, third = (people.staff(session).staff_id for _ in range(3))
    mine = StaffRow.id.in_([one, other])
    session.execute(update(StaffRow).where(mine).values(resident_id=who.resident_id))
    leave(session, who)
    persons = [accounts.person_of_staff(session, each) for each in (one, other, third)]
    assert persons[0] == persons[1] is not None and persons[2] is None
    assert persons[0] != who.resident_id, "nothing leads from a colleague's name to the number in the books"
    assert session.execute(select(PersonRow.status).where(PersonRow.resident_id == persons[0])).first() is None
    assert same_person(Actor(one, "office", persons[0]), Actor(other, "office", persons[1]))


def test_a_guardians_pause_holds_for_what_is_bought_for_the_ward(session: Session) -> None:
    codes.ensure_keys(session, "320115")
    ward, guardian = people.resident(session), people.paused_resident(session)
    shop = shops.shop(session, price_points=5)
    shops.give_points(session, ward.resident_id, 10)
    with pytest.raises(SpendingPaused):
        perks.redeem(
            session, ward.resident_id, shop.offer_id, shops.act(guardian.resident_id), guardian_id=guardian.resident_id
        )
    assert perks.redeem(session, ward.resident_id, shop.offer_id, shops.act(ward.resident_id)).price_points == 5


def test_the_digest_of_an_export_cannot_be_tried_for_who_is_registered(client: CheckedClient) -> None:
    with db.transaction() as session:
        token, number = people.staff_token(session, people.staff(session)), people.id_number()
    body = {"people": [{"id_number": number}], "fields": ["name"], "purpose": "核对名单", "legal_basis": "测试依据",
            "document_no": "测〔2026〕3号", "reason": "测试导出"}  # fmt: skip
    made = [client.post("/api/v1/approvals/exports", json=body, token=token, key=uuid4()) for _ in range(2)]
    assert {answer.status_code for answer in made} == {201}, made[0].get_json()
    first, second = (answer.get_json() for answer in made)
    assert first["digest"] != second["digest"], "what is hidden is salted anew each time"
    assert "hidden" not in json.dumps([first, second])
