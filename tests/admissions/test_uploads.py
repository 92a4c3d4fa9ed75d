"""What offline devices upload, twice and in any order, comes to the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.admissions import service
from backend.admissions.models import Admission, UsedUse
from backend.kit import clock
from backend.ledger import audit
from tests.admissions.test_venue import Held
from tests.factories import accounts as people
from tests.factories.perks import act, shop

USES, PRICE = 3, 20


class Scanned(NamedTuple):
    """One row that a device keeps: when in seconds, at which of two doors, and whether the code is genuine."""

    seconds: int
    second_door: bool
    genuine: bool


SCANS = st.lists(
    st.builds(Scanned, st.integers(1, 600), st.booleans(), st.sampled_from([True, True, True, False])),
    min_size=1,
    max_size=5,
)  # fmt: skip


class Day:
    """A coupon of three uses, two devices of its venue, and the same scans uploaded in some order."""

    def __init__(self, session: Session, scans: list[Scanned]) -> None:
        known = shop(session, price_points=PRICE, uses=USES, settlement_price_fen=7)
        beside = people.device(session, known.partner_id, known.venue_id)
        self.session, self.held, self.born = session, Held(session, known, PRICE), clock.now()
        self.doors = (known.door, service.Door(beside.device_id, known.partner_id, known.venue_id))
        self.rows = [(uuid4(), scan) for scan in scans]
        self.told: dict[UUID, tuple[Any, ...]] = {}

    def upload(self, number: int) -> None:
        """Send one row; a repeat of it is answered as the first time."""
        key, scan = self.rows[number]
        code = self.held.code if scan.genuine else self.held.code[:-3] + "000"
        at, door = self.born + timedelta(seconds=scan.seconds), self.doors[scan.second_door]
        with clock.shifted(timedelta(minutes=15)):
            found = service.upload(self.session, door, door.device_id, key, code, at)
        answer = (found.id, found.verdict, found.reason, found.uses_left)
        assert self.told.setdefault(key, answer) == answer

    def state(self) -> dict[str, Any]:
        """What anybody can see of it afterwards, but for which of equal scans had the use."""
        mine = (Admission.resident_id == self.held.resident_id,)
        figures = (func.count(), func.sum(Admission.settled_points), func.sum(Admission.settlement_fen))
        rows = self.session.execute(select(Admission.standing, *figures).where(*mine).group_by(Admission.standing))
        gone = select(UsedUse.used).where(UsedUse.offer_id == self.held.shop.offer_id)
        coupon = self.held.coupon()
        return {
            "standings": {row[0]: tuple(row[1:]) for row in rows}, "status": coupon.status,
            "uses_left": coupon.uses_left, "gone": self.session.execute(gone).scalars().all(),
            "verdicts": sorted(verdict for _, verdict, _, _ in self.told.values()),
            "wrong": audit.audit_resident(self.session, self.held.resident_id),
        }  # fmt: skip


@settings(
    max_examples=12,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(SCANS, st.data())
def test_any_order_and_any_repetition_leads_to_the_same(session: Session, scans: list[Scanned], data: Any) -> None:
    in_order, shuffled = Day(session, scans), Day(session, scans)
    numbers = list(range(len(scans)))
    for number in numbers:
        in_order.upload(number)
    again = data.draw(st.lists(st.sampled_from(numbers), max_size=4))
    for number in data.draw(st.permutations([*numbers, *again])):
        shuffled.upload(number)
    with clock.shifted(timedelta(hours=5)):
        for number in numbers:
            in_order.upload(number)
    assert shuffled.state() == in_order.state()
    genuine = sum(scan.genuine for scan in scans)
    admitted = in_order.state()["standings"].get("admitted", (0, 0, 0))
    assert admitted[0] == min(genuine, USES) and in_order.state()["wrong"] == []


def test_the_rest_of_a_batch_is_recorded_when_one_row_had_its_answer_lost(session: Session) -> None:
    """Rows 0 and 1 arrived and their answer did not: the whole batch comes again, backwards."""
    day = Day(session, [Scanned(1, False, True), Scanned(2, True, True), Scanned(3, False, False)])
    for number in (0, 1, 2, 1, 0):
        day.upload(number)
    assert day.state()["verdicts"] == ["admitted", "admitted", "refused"]
    assert day.held.coupon().uses_left == USES - 2


def test_a_row_that_was_undone_is_not_admitted_again_by_its_upload(session: Session) -> None:
    """The device admitted online, lost the reply, undid it, and uploads the row all the same."""
    day = Day(session, [Scanned(1, False, True)])
    key, _ = day.rows[0]
    done = day.held.admit(key)
    service.undo(session, day.doors[0], done.id, act(day.doors[0].device_id))
    day.upload(0)
    assert day.held.coupon().uses_left == USES
    assert day.state()["standings"] == {"undone": (1, 0, 7)}
