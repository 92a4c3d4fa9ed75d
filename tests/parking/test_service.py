"""Plates, consent, questions, stays, and what each of them leaves."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from backend.admissions.models import Admission
from backend.codes.errors import CodeExpired, CodeNotVerified
from backend.consents import service as consents
from backend.consents.errors import ConsentMissing, ConsentTextChanged
from backend.kit import clock, db, seal
from backend.kit.errors import FieldError, NotFound
from backend.messages.models import MessageRow
from backend.obligations import service as obligations
from backend.parking import jobs, plates, rotation, rules, seen, service
from backend.parking import models as tables
from backend.parking.errors import (
    BenefitNotAvailable,
    NotACarPark,
    PlateNotHers,
    StayEnded,
    TicketKnown,
    TicketUnknown,
    TooManyPlates,
)
from backend.perks import coupons
from backend.perks import service as perks
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.parking.conftest import (
    LATER,
    CarPark,
    allowed,
    asked,
    car_park,
    confirmed,
    driver,
    entered,
    left,
    lookups,
    offer_of,
    plate,
    registered,
    version,
)


@pytest.fixture
def park(session: Session) -> CarPark:
    return car_park(session)


def whose(session: Session, park: CarPark) -> set[object]:
    """Whom the tickets of a car park name."""
    mine = select(tables.tickets.c.resident_id).where(tables.tickets.c.venue_id == park.shop.venue_id)
    return set(session.execute(mine).scalars())


# --- plates ----------------------------------------------------------------------------------------------------------


def test_a_registered_plate_is_sealed_and_found_by_nobody(session: Session, park: CarPark) -> None:
    made = registered(session, people.resident(session))
    allowed(session, park, made)
    (row,) = plates.hers(session, made.id)
    assert made.plate not in row.plate_sealed and plates.opened(session, row) == made.plate
    assert not lookups(session, made.id) and not asked(session, park, made.plate)["entitled"]
    assert service.my_questions(session, made.id, 10) == []


def test_the_same_plate_twice_is_one_and_a_sixth_is_refused(session: Session) -> None:
    who = people.resident(session)
    first = registered(session, who)
    assert registered(session, who, first.plate).plate_id == first.plate_id
    for _ in range(4):
        registered(session, who)
    with pytest.raises(TooManyPlates):
        registered(session, who)
    service.remove(session, who.resident_id, first.plate_id)
    registered(session, who)


def test_confirming_needs_the_code_of_whoever_registered_the_plate(session: Session, park: CarPark) -> None:
    made, other = registered(session, people.resident(session)), people.resident(session)
    act = shops.act(park.device.device_id)
    wrong = coupons.presentation_code(session, other.resident_id).text
    with pytest.raises(PlateNotHers):
        service.confirm_plate(session, park.door, made.plate, wrong, act)
    counter = coupons.presentation_code(session, made.id, perks.COUNTER_USE).text
    with pytest.raises(CodeNotVerified):
        service.confirm_plate(session, park.door, made.plate, counter, shops.act(park.device.device_id))
    code = coupons.presentation_code(session, made.id).text
    with clock.shifted(timedelta(seconds=61)), pytest.raises(CodeExpired):
        service.confirm_plate(session, park.door, made.plate, code, shops.act(park.device.device_id))
    confirmed(session, park, made)
    assert service.listed(session, made.id)[0].state == rules.CONFIRMED


def test_a_device_at_no_car_park_confirms_and_asks_nothing(session: Session) -> None:
    shop = car_park(session, kind="ticket", benefit={"type": "free_ticket", "persons": 1})
    made = registered(session, people.resident(session))
    with pytest.raises(NotACarPark):
        confirmed(session, shop, made)
    with pytest.raises(NotACarPark):
        asked(session, shop, made.plate)
    with pytest.raises(NotACarPark):
        entered(session, shop, made.plate)


def test_whoever_confirms_a_plate_ends_the_earlier_holders_who_is_told(session: Session, park: CarPark) -> None:
    seller = driver(session, park)
    ticket = entered(session, park, seller.plate)
    buyer = registered(session, people.resident(session), seller.plate)
    assert asked(session, park, seller.plate)["entitled"]
    confirmed(session, park, buyer)
    (old,) = service.listed(session, seller.id)
    assert (old.state, old.ended_at is not None) == (rules.ENDED, True)
    assert not asked(session, park, seller.plate)["entitled"]  # the buyer has allowed nobody yet
    (told,) = session.execute(select(MessageRow.kind, MessageRow.body).where(MessageRow.recipient_id == seller.id))
    assert told.kind == "plate-moved" and seller.plate not in told.body
    with pytest.raises(BenefitNotAvailable):
        left(session, park, ticket, park.offer_id)
    allowed(session, park, buyer)
    assert asked(session, park, seller.plate)["entitled"]
    assert lookups(session, seller.id, buyer.id) == {buyer.id}


def test_a_removed_plate_is_found_no_more(session: Session, park: CarPark) -> None:
    made = driver(session, park)
    service.remove(session, made.id, made.plate_id)
    assert not lookups(session, made.id) and not asked(session, park, made.plate)["entitled"]
    with pytest.raises(NotFound):
        service.remove(session, made.id, made.plate_id)


# --- consent ---------------------------------------------------------------------------------------------------------


def test_allowing_an_operator_needs_the_general_consent_and_the_text_in_force(session: Session, park: CarPark) -> None:
    made, partner = registered(session, people.resident(session)), park.shop.partner_id
    confirmed(session, park, made)
    with pytest.raises(ConsentMissing):
        service.set_operator(session, made.id, made.plate_id, partner, True, version(session))
    consents.set_consent(session, made.id, "parking", True, version(session))
    assert not asked(session, park, made.plate)["entitled"]
    with pytest.raises(ConsentTextChanged):
        service.set_operator(session, made.id, made.plate_id, partner, True, "2020.1")
    for stranger in (uuid4(), people.organisation(session, "partner")):
        with pytest.raises(NotFound):
            service.set_operator(session, made.id, made.plate_id, stranger, True, version(session))
    shown = service.set_operator(session, made.id, made.plate_id, partner, True, version(session))
    assert [each["partner_id"] for each in shown.operators] == [partner]
    assert asked(session, park, made.plate)["entitled"]


def test_what_is_allowed_to_one_operator_is_not_to_another(session: Session, park: CarPark) -> None:
    made, other = driver(session, park), car_park(session)
    assert not asked(session, other, made.plate)["entitled"]
    (question,) = service.my_questions(session, made.id, 10)
    assert (question.operator.id, question.answered_yes, question.plate) == (other.shop.partner_id, False, made.plate)


@pytest.mark.parametrize("how", ["operator", "general"])
def test_a_withdrawal_counts_at_once_also_for_the_car_inside(session: Session, park: CarPark, how: str) -> None:
    made = driver(session, park)
    ticket = entered(session, park, made.plate)
    if how == "operator":
        service.set_operator(session, made.id, made.plate_id, park.shop.partner_id, False, None)
    else:
        consents.set_consent(session, made.id, "parking", False)
        consents.set_consent(session, made.id, "parking", True, version(session))  # and nobody is allowed again by it
    assert not asked(session, park, made.plate)["entitled"]
    assert whose(session, park) == {None}
    with pytest.raises(BenefitNotAvailable):
        left(session, park, ticket, park.offer_id)
    assert left(session, park, ticket)["benefit"] is None
    (stay,) = service.my_stays(session, made.id, 10)
    assert (stay.state, stay.fee_fen) == (rules.UNLINKED, None)


@pytest.mark.parametrize("which", ["general", "general text", "operator text"])
def test_each_of_the_two_consents_counts_by_itself_and_to_the_text_in_force(
    session: Session, park: CarPark, which: str
) -> None:
    made = driver(session, park)
    given, row = consents.consents_table(), tables.operators
    assert asked(session, park, made.plate)["entitled"]
    change = {
        "general": update(given).where(given.c.resident_id == made.id).values(granted=False),
        "general text": update(given).where(given.c.resident_id == made.id).values(text_version="2020.1"),
        "operator text": update(row).where(row.c.resident_id == made.id).values(text_version="2020.1"),
    }[which]
    session.execute(change)
    assert not asked(session, park, made.plate)["entitled"]


# --- asking ----------------------------------------------------------------------------------------------------------


def test_no_plate_no_consent_and_nothing_to_have_are_one_answer(session: Session, park: CarPark) -> None:
    costly = car_park(session, price_points=10)
    known = driver(session, park)
    poor = driver(session, costly)
    for where, text in ((park, plate()), (costly, known.plate), (costly, poor.plate)):
        told = asked(session, where, text)
        assert (told["entitled"], told["benefits"]) == (False, [])
        assert set(told) == {"id", "entitled", "benefits", "valid_until"}


def test_a_coupon_that_she_holds_comes_before_what_is_redeemed_at_once(session: Session) -> None:
    park = car_park(session, {**LATER})
    made = driver(session, park)
    assert [(each["offer_id"], each["held"]) for each in asked(session, park, made.plate)["benefits"]] == [
        (park.offer_id, False), (offer_of(park, 1), False),
    ]  # fmt: skip
    coupon = perks.redeem(session, made.id, offer_of(park, 1), shops.act(made.id)).coupon
    told = asked(session, park, made.plate)
    assert [(each["offer_id"], each["held"]) for each in told["benefits"]] == [
        (offer_of(park, 1), True), (park.offer_id, False),
    ]  # fmt: skip
    assert str(coupon.id) not in str(told) and str(made.id) not in str(told)


def test_a_coupon_of_another_venue_or_another_kind_is_none_here(session: Session, park: CarPark) -> None:
    elsewhere, made = car_park(session, price_points=5), driver(session, park)
    ticket = shops.shop(session)
    shops.give_points(session, made.id, 50)
    for offer_id in (elsewhere.offer_id, ticket.offer_id):
        perks.redeem(session, made.id, offer_id, shops.act(made.id))
    assert [each["offer_id"] for each in asked(session, park, made.plate)["benefits"]] == [park.offer_id]


def test_a_repeat_gets_the_same_answer_whatever_has_become_of_it(session: Session, park: CarPark) -> None:
    made, act = driver(session, park), shops.act(park.device.device_id)
    first = service.ask(session, park.door, made.plate, act)
    service.remove(session, made.id, made.plate_id)
    again = service.ask(session, park.door, made.plate, act)
    assert again["entitled"] and str(again["id"]) == str(first["id"])
    assert again["valid_until"] == first["valid_until"]
    assert len(service.my_questions(session, made.id, 10)) == 1


def test_a_question_is_a_few_statements(database: db.Database, city: object) -> None:
    with db.transaction() as session:
        park = car_park(session)
        made = driver(session, park)
        asked(session, park, made.plate)
    said: list[str] = []

    def heard(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", heard)
    try:
        with db.transaction() as session:
            assert asked(session, park, made.plate)["entitled"]
    finally:
        event.remove(database.engine, "before_cursor_execute", heard)
    acts = [each for each in said if not each.lstrip().upper().startswith(("BEGIN", "SET", "PRAGMA", "SAVEPOINT"))]
    assert len(acts) <= 12, "\n".join(acts)


# --- entries and exits -----------------------------------------------------------------------------------------------


def test_a_stay_uses_one_benefit_and_the_driver_sees_it(session: Session, park: CarPark) -> None:
    made = driver(session, park)
    ticket = entered(session, park, made.plate)
    told = left(session, park, ticket, park.offer_id)
    assert told["benefit"] == {
        "offer_id": park.offer_id, "title": "演示停车一小时", "kind": "parking",
        "benefit": {"type": "free_minutes", "minutes": 60},
    }  # fmt: skip
    (admission,) = session.execute(select(Admission.__table__).where(Admission.resident_id == made.id)).all()
    assert (admission.id, admission.source, admission.standing) == (told["admission_id"], "operator", "admitted")
    assert (admission.venue_id, admission.device_id) == (park.shop.venue_id, park.device.device_id)
    (stay,) = service.my_stays(session, made.id, 10)
    assert (stay.state, stay.fee_fen, stay.offer_id) == (rules.LEFT, 800, park.offer_id)
    assert {each.purpose for each in service.my_questions(session, made.id, 10)} == {"entry", "exit"}
    with pytest.raises(StayEnded):
        left(session, park, ticket, park.offer_id)
    assert whose(session, park) == {None}


def test_a_held_coupon_is_used_rather_than_a_new_one(session: Session) -> None:
    park = car_park(session, price_points=5)
    made = driver(session, park)
    shops.give_points(session, made.id, 5)
    coupon = perks.redeem(session, made.id, park.offer_id, shops.act(made.id)).coupon
    left(session, park, entered(session, park, made.plate), park.offer_id)
    assert perks.coupon(session, made.id, coupon.id).status == "used"
    with pytest.raises(BenefitNotAvailable):
        left(session, park, entered(session, park, made.plate), park.offer_id)


def test_what_is_paid_afterwards_is_charged_with_what_is_owed(session: Session) -> None:
    park = car_park(session, LATER)
    made = driver(session, park)
    told = left(session, park, entered(session, park, made.plate), offer_of(park, 1), owed_fen=700)
    bill = obligations.my_obligation(session, made.id, told["obligation_id"])
    assert (bill.state, bill.amount_fen, bill.charge_reason) == ("charged", 700, "停车费")
    told = left(session, park, entered(session, park, made.plate), offer_of(park, 1), owed_fen=0)
    assert obligations.my_obligation(session, made.id, told["obligation_id"]).state == "released"
    told = left(session, park, entered(session, park, made.plate), offer_of(park, 1))
    assert obligations.my_obligation(session, made.id, told["obligation_id"]).state == "open"


@pytest.mark.parametrize("owed", [5_001, 8_001])
def test_more_than_the_offer_or_the_fee_allows_is_not_owed(session: Session, owed: int) -> None:
    park = car_park(session, LATER)
    ticket = entered(session, park, driver(session, park).plate)
    with pytest.raises(FieldError) as refused:
        left(session, park, ticket, offer_of(park, 1), owed_fen=owed, fee_fen=8_000)
    assert refused.value.members["errors"][0]["pointer"] == "/owed_fen"


def test_nothing_is_owed_under_a_benefit_that_is_not_paid_afterwards(session: Session, park: CarPark) -> None:
    ticket = entered(session, park, driver(session, park).plate)
    for offer_id in (park.offer_id, None):
        with pytest.raises(FieldError), session.begin_nested():
            left(session, park, ticket, offer_id, owed_fen=1)


def test_of_a_car_without_consent_only_the_ticket_is_kept(session: Session, park: CarPark) -> None:
    other = car_park(session)
    for text in (plate(), driver(session, other).plate):
        ticket = entered(session, park, text)
        row = session.execute(select(tables.tickets).where(tables.tickets.c.ticket == ticket)).one()
        assert row.resident_id is None and text not in str(tuple(row))
        assert left(session, park, ticket)["benefit"] is None
        mine = session.execute(select(tables.stays).where(tables.stays.c.venue_id == park.shop.venue_id)).all()
        assert mine == [] and text not in str(session.execute(select(tables.answers.c.told)).all())


def test_tickets_are_a_venues_own_and_used_once(session: Session, park: CarPark) -> None:
    other, made = car_park(session), driver(session, park)
    ticket = entered(session, park, made.plate)
    with pytest.raises(TicketKnown):
        entered(session, park, plate(), ticket)
    with pytest.raises(TicketUnknown):
        left(session, other, ticket)
    with pytest.raises(TicketUnknown):
        left(session, park, "T-never")
    entered(session, other, plate(), ticket)
    tail = made.plate[1:]
    with pytest.raises(FieldError):
        entered(session, park, made.plate, f"T-{tail}-1")


def test_an_exit_before_its_entry_or_in_the_future_is_refused(session: Session, park: CarPark) -> None:
    ticket = entered(session, park, driver(session, park).plate, minutes_ago=5)
    for off in (timedelta(minutes=-6), timedelta(minutes=3), timedelta(days=-8)):
        with pytest.raises(FieldError) as refused:
            left(session, park, ticket, exited_at=clock.now() + off)
        assert refused.value.members["errors"][0]["pointer"] == "/exited_at"
    for minutes in (-3, 8 * 24 * 60):
        with pytest.raises(FieldError):
            entered(session, park, plate(), minutes_ago=minutes)


def test_a_persons_limit_holds_at_the_gate_too(session: Session) -> None:
    park = car_park(session, per_person={"limit": 1, "window": "day"})
    made = driver(session, park)
    left(session, park, entered(session, park, made.plate), park.offer_id)
    assert not asked(session, park, made.plate)["entitled"]
    with pytest.raises(BenefitNotAvailable):
        left(session, park, entered(session, park, made.plate), park.offer_id)


# --- keeping and forgetting ------------------------------------------------------------------------------------------


def test_questions_stays_tickets_and_answers_go_after_their_days(database: db.Database, city: object) -> None:
    with db.transaction() as session:
        park = car_park(session)
        made = driver(session, park)
        asked(session, park, made.plate)
        left(session, park, entered(session, park, made.plate), park.offer_id)
        pending = registered(session, people.resident(session))
        days = seen.kept_days(session)
    with clock.shifted(timedelta(days=days) - timedelta(hours=1)):
        jobs.forget(clock.today())
    with db.reading() as reader:
        assert len(service.my_questions(reader, made.id, 10)) == 3 and service.my_stays(reader, made.id, 10)
        assert service.listed(reader, pending.id) == []  # thirty days
    with clock.shifted(timedelta(days=days, hours=1)):
        jobs.forget(clock.today())
        assert jobs.forget(clock.today()) == "0 forgotten"
    with db.reading() as reader:
        for table in (tables.questions, tables.stays, tables.tickets, tables.answers):
            assert reader.execute(select(table)).all() == [], table.name
        assert [each.state for each in service.listed(reader, made.id)] == [rules.CONFIRMED]


def test_both_hash_keys_find_a_plate_while_one_replaces_the_other(session: Session, park: CarPark) -> None:
    made, before = driver(session, park), seal.current()
    new = seal.Sealer(before.master_keys, before.current, {**before.hash_keys, "h9": b"9" * 32}, "h9")
    try:
        seal.bind(new)
        assert asked(session, park, made.plate)["entitled"]
        assert rotation.rehash(session, None, 100).changed >= 1
        assert rotation.rehash(session, None, 100).changed == 0
        assert rotation.forget_digests(session, before.current_hash, 100) >= 1
        seal.bind(seal.Sealer(before.master_keys, before.current, {"h9": b"9" * 32}, "h9"))
        assert asked(session, park, made.plate)["entitled"]
    finally:
        seal.bind(before)
