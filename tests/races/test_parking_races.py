"""Two exits of one ticket, two confirmations of one plate, and a withdrawal beside an exit."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from backend.admissions.models import Admission
from backend.kit import db
from backend.parking import rules, service
from backend.parking.errors import BenefitNotAvailable, StayEnded
from backend.parking.models import lookups
from tests.factories import accounts as people
from tests.parking.conftest import allowed, car_park, confirmed, driver, entered, left, plate, registered
from tests.races.barrier import at_once

pytestmark = pytest.mark.postgresql
TIMES = 10


@pytest.fixture(autouse=True)
def _city(city: dict[str, Any]) -> None:
    """江宁."""


def test_of_many_exits_of_one_ticket_one_uses_the_benefit(app: object) -> None:
    with db.transaction() as session:
        park = car_park(session)
        made = driver(session, park)
        ticket = entered(session, park, made.plate)
    told = at_once([lambda session: left(session, park, ticket, park.offer_id)] * TIMES)
    assert sum(isinstance(each, dict) for each in told) == 1, told
    assert sum(isinstance(each, StayEnded) for each in told) == TIMES - 1, told
    with db.reading() as reader:
        uses = reader.execute(select(Admission.id).where(Admission.resident_id == made.id)).all()
        (stay,) = service.my_stays(reader, made.id, 5)
    assert len(uses) == 1 and stay.admission_id == uses[0].id


def test_a_plate_that_several_confirm_at_once_is_one_persons(app: object) -> None:
    text = plate()
    with db.transaction() as session:
        park = car_park(session)
        rivals = [registered(session, people.resident(session), text) for _ in range(4)]
    told = at_once([lambda session, one=one: confirmed(session, park, one) for one in rivals])
    assert not [each for each in told if isinstance(each, Exception)], told
    with db.reading() as reader:
        states = [service.listed(reader, one.id)[0].state for one in rivals]
        (holder,) = {row.resident_id for row in reader.execute(select(lookups.c.resident_id)) if row.resident_id in
                     {one.id for one in rivals}}  # fmt: skip
    assert states.count(rules.CONFIRMED) == 1
    assert rivals[states.index(rules.CONFIRMED)].id == holder


def test_a_withdrawal_beside_an_exit_comes_before_it_or_after_it(app: object) -> None:
    for _ in range(3):
        with db.transaction() as session:
            park = car_park(session)
            made = driver(session, park)
            ticket = entered(session, park, made.plate)
        told = at_once([
            lambda session, p=park, t=ticket: left(session, p, t, p.offer_id),
            lambda session, p=park, m=made: allowed(session, p, m, False),
        ])  # fmt: skip
        assert isinstance(told[0], dict | BenefitNotAvailable) and not isinstance(told[1], Exception), told
        with db.reading() as reader:
            (stay,) = service.my_stays(reader, made.id, 5)
        assert stay.state == (rules.LEFT if isinstance(told[0], dict) else rules.UNLINKED)
