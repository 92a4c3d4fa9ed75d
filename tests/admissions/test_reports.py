"""What a day at the door came to."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from backend.admissions import conflicts, desk_sheet, reports, service
from backend.admissions.reports import Place
from backend.kit import clock, sheets
from backend.kit.errors import FieldError, NotFound
from tests.admissions.test_conflicts import OFFICE, PARTNER, WHY
from tests.admissions.test_venue import Held
from tests.factories import accounts as people
from tests.factories.perks import act, shop

TODAY = reports.span(None, None, None)


def test_a_report_counts_what_stands_what_was_undone_and_what_was_refused(session: Session) -> None:
    terms = {"price_points": 10, "settlement_price_fen": 800, "uses": 1}
    known = shop(session, **terms)
    stands, undone, offline, other = (Held(session, known, 10) for _ in range(4))
    first = stands.admit().admitted_at
    service.undo(session, known.door, undone.admit().id, act(known.door.device_id))
    offline.upload(clock.now())
    stands.admit()
    stands.admit()
    stands.admit(code="XY1:FORGED")
    Held(session, shop(session)).admit(door=known.door)
    waits, counts = stands.upload(clock.now()).id, offline.upload(clock.now()).id
    mine = [known.partner_id]
    conflicts.claim(session, mine, counts, WHY, PARTNER, act(PARTNER.account_id))
    conflicts.decide(session, counts, True, WHY, OFFICE, act(OFFICE.account_id))
    found = reports.report(session, Place(mine, None, known.door.device_id), TODAY)
    [line, strangers] = found.offers
    assert (line.offer_id, line.title) == (known.offer_id, "测试门票")
    assert (line.admitted, line.offline, line.undone, line.conflicts) == (2, 1, 1, 2)
    assert (line.points, line.settlement_fen) == (20, 3 * 800)
    assert line.refused == {"already-used": 2}
    assert line.first_at == first and line.last_at is not None and line.last_at >= first
    assert (strangers.offer_id, strangers.refused) == (None, {"code-not-verified": 1, "not-your-offer": 1})
    assert (found.total.admitted, sum(found.total.refused.values()), found.open_conflicts) == (2, 4, 1)
    assert waits and other.coupon().status == "issued"
    assert str(stands.resident_id) not in repr(found)


def test_a_partner_sees_all_its_devices_or_one_venue_and_no_others(session: Session) -> None:
    known, elsewhere = shop(session), shop(session)
    beside = people.device(session, known.partner_id, known.venue_id)
    second = service.Door(beside.device_id, known.partner_id, known.venue_id)
    Held(session, known).admit()
    Held(session, known).admit(door=second)
    Held(session, elsewhere).admit()
    place = reports.own_place(session, [known.partner_id], known.venue_id)
    for where in (place, Place([known.partner_id])):
        assert reports.report(session, where, TODAY).total.admitted == 2
    own = reports.report(session, Place([known.partner_id], None, second.device_id), TODAY)
    assert own.total.admitted == 1
    with pytest.raises(NotFound):
        reports.own_place(session, [known.partner_id], elsewhere.venue_id)


def test_a_day_begins_and_ends_in_shanghai_and_late_uploads_stand_where_they_arrived(session: Session) -> None:
    held = Held(
        session, shop(session, uses=3, offline={"mode": "uses", "max_uses": 9, "code_lifetime_seconds": 604800})
    )
    day = clock.today() + timedelta(days=1)
    midnight = clock.start_of_day(day)
    with clock.at(midnight - timedelta(seconds=2)):
        held.admit()
    with clock.at(midnight + timedelta(hours=1)):
        held.upload(midnight - timedelta(seconds=1))
    place = Place([held.shop.partner_id])
    counted = {
        on: reports.report(session, place, reports.span(on, None, None)).total.admitted
        for on in (day - timedelta(days=1), day, day + timedelta(days=1))
    }
    assert list(counted.values()) == [1, 1, 0]
    shift = reports.span(None, midnight - timedelta(hours=1), midnight + timedelta(hours=2))
    assert reports.report(session, place, shift).total.admitted == 2


def test_a_shift_is_bounded() -> None:
    now = clock.now()
    for on, since, until in (
        (None, None, now),
        (date(1, 1, 1), None, None),
        (date(9999, 12, 31), None, None),
        (date(2026, 3, 5), now, None),
        (None, now, now),
        (None, now, now - timedelta(seconds=1)),
        (None, now, now + timedelta(hours=24, seconds=1)),
    ):
        with pytest.raises(FieldError):
            reports.span(on, since, until)
    assert reports.span(None, now - timedelta(hours=48), None).until == now - timedelta(hours=24)


def test_the_file_has_its_mark_and_no_cell_that_a_spreadsheet_runs(session: Session) -> None:
    known = shop(session, title="=1+1")
    Held(session, known).admit()
    found = reports.report(session, Place([known.partner_id]), TODAY)
    raw = sheets.table(desk_sheet.HEADER, desk_sheet.rows(found, lambda reason: reason))
    assert raw.startswith(b"\xef\xbb\xbf")
    header, line, total = csv.reader(io.StringIO(raw.decode("utf-8-sig")))
    assert tuple(header) == desk_sheet.HEADER
    assert (line[0], line[1], total[0], total[1]) == ("'=1+1", "1", "合计", "1")
