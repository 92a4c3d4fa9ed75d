"""Verifying and admitting at a door, and what is uploaded afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.admissions import errors, pack, service
from backend.admissions.models import Admission, Scan, UsedUse
from backend.admissions.offline import OfflineVerifier, Since
from backend.codes import service as codes
from backend.kit import clock, outbox
from backend.kit.errors import FieldError, IdempotencyConflict
from backend.ledger import audit
from backend.ledger import service as ledger
from backend.perks import expiry
from backend.perks import service as perks
from backend.perks.errors import NotCancellable
from backend.perks.models import Coupon
from tests.factories.perks import Shop, act, give_points, shop
from tests.perks.test_service import redeem, somebody


class Held:
    """A resident with a coupon and a fresh code of it."""

    def __init__(self, session: Session, known: Shop, points: int = 0) -> None:
        self.session, self.shop = session, known
        self.resident_id = somebody(session, points)
        self.coupon_id = redeem(session, self.resident_id, known).coupon.id
        self.code = self.fresh()

    def fresh(self) -> str:
        return perks.coupon_code(self.session, self.resident_id, self.coupon_id).text

    def admit(self, key: UUID | None = None, door: service.Door | None = None, **more: Any) -> service.Outcome:
        at = door or self.shop.door
        operation = act(at.device_id, key)
        return service.admit(self.session, at, more.pop("code", self.code), more.pop("offer_id", None), operation)

    def cancel(self) -> None:
        perks.cancel(self.session, self.resident_id, self.coupon_id, act(self.resident_id))

    def upload(self, at: datetime, key: UUID | None = None, **more: Any) -> service.Outcome:
        door = more.get("door", self.shop.door)
        return service.upload(self.session, door, door.device_id, key or uuid4(), more.get("code", self.code), at)

    def coupon(self) -> service.CouponView:
        return perks.coupon(self.session, self.resident_id, self.coupon_id)


def scans(session: Session, door: service.Door) -> list[Any]:
    mine = select(Scan.verdict, Scan.reason).where(Scan.device_id == door.device_id).order_by(Scan.recorded_at, Scan.id)
    return [tuple(row) for row in session.execute(mine)]


# --- verifying


def test_verify_says_valid_and_changes_nothing(session: Session) -> None:
    held = Held(session, shop(session))
    for _ in range(2):
        judged = service.verify(session, held.shop.door, held.code, None)
        assert (judged.verdict, judged.reason, judged.uses_left) == ("valid", None, 1)
    assert judged.offer is not None and judged.offer["id"] == held.shop.offer_id
    assert scans(session, held.shop.door) == []


def test_verify_names_each_reason(session: Session) -> None:
    door = shop(session).door
    used, cancelled, elsewhere = (Held(session, shop(session)) for _ in range(3))
    used.admit()
    cancelled.cancel()
    for held, at, reason in (
        (used, used.shop.door, "already-used"),
        (cancelled, cancelled.shop.door, "cancelled"),
        (elsewhere, door, "not-your-offer"),
    ):
        assert service.verify(session, at, held.code, None).reason == reason
    with clock.shifted(timedelta(hours=2)):
        assert service.verify(session, elsewhere.shop.door, elsewhere.code, None).reason == "code-expired"
    for forged in ("", "XY1:", "hello", used.code[:-4] + "ABCD", "XY1:" + "0" * 200):
        assert service.verify(session, door, forged, None).reason == "code-not-verified"


def test_verify_of_a_coupon_against_another_offer_than_expected_is_refused(session: Session) -> None:
    held = Held(session, shop(session))
    assert service.verify(session, held.shop.door, held.code, uuid4()).reason == "not-your-offer"
    assert service.verify(session, held.shop.door, held.code, held.shop.offer_id).verdict == "valid"


def test_a_verified_code_without_its_coupon_is_unknown_and_never_valid(session: Session) -> None:
    known = shop(session)
    claims = codes.Claims(
        subject_id=uuid4(),
        resident_id=uuid4(),
        offer_id=known.offer_id,
        status=codes.allocate_status(session, clock.now()),
    )
    code = codes.sign_code(session, "coupon", claims, 300).text
    assert service.verify(session, known.door, code, None).reason == "status-unknown"
    with pytest.raises(errors.StatusUnknown):
        service.admit(session, known.door, code, None, act(known.door.device_id))


# --- admitting


def test_admit_uses_the_coupon_and_pays_the_partner(session: Session) -> None:
    held = Held(session, shop(session, price_points=300), points=400)
    told: list[dict[str, Any]] = []
    outbox.within("perks.admitted", lambda _session, payload: told.append(payload))
    done = held.admit()
    assert (done.verdict, done.uses_left, done.refusal) == ("admitted", 0, None)
    assert held.coupon().status == "used"
    row = session.execute(select(Admission).where(Admission.resident_id == held.resident_id)).scalar_one()
    assert (row.use_no, row.settled_points, row.source, row.id) == (1, 300, "online", done.id)
    assert codes.is_revoked(session, *_status(held))
    assert audit.audit_resident(session, held.resident_id) == []
    mine = [payload for payload in told if payload["coupon_id"] == str(held.coupon_id)]
    assert [payload["admission_id"] for payload in mine] == [str(done.id)]


def _status(held: Held) -> tuple[int, int]:
    row = held.session.execute(
        select(Coupon.status_list_id, Coupon.status_index).where(
            Coupon.resident_id == held.resident_id, Coupon.id == held.coupon_id
        )
    ).one()
    return row.status_list_id, row.status_index


def test_the_second_scan_is_refused_with_when_and_where_and_remembered(session: Session) -> None:
    held = Held(session, shop(session))
    first = held.admit()
    second = held.admit(code=held.code)
    assert isinstance(second.refusal, errors.AlreadyUsed)
    assert first.admitted_at is not None
    assert datetime.fromisoformat(second.refusal.members["used_at"]) == first.admitted_at
    assert second.refusal.members["venue"]["name"] == "测试场所"
    assert scans(session, held.shop.door) == [("admitted", ""), ("refused", "already-used")]


def test_a_repeat_of_the_key_gets_the_same_answer_even_when_the_code_has_died(session: Session) -> None:
    held, key = Held(session, shop(session, uses=2)), uuid4()
    first = held.admit(key)
    with clock.shifted(timedelta(hours=3)):
        again = held.admit(key)
    assert (again.id, again.verdict, again.uses_left, again.offer) == (first.id, "admitted", 1, first.offer)
    assert held.coupon().uses_left == 1


def test_a_repeated_refusal_is_the_same_refusal(session: Session) -> None:
    held, key = Held(session, shop(session)), uuid4()
    held.cancel()
    first, again = held.admit(key), held.admit(key)
    assert first.refusal is not None and again.refusal is not None
    assert (again.id, again.refusal.slug, again.refusal.members) == (first.id, "cancelled", first.refusal.members)
    assert scans(session, held.shop.door) == [("refused", "cancelled")]


def test_the_same_key_with_another_code_is_a_conflict(session: Session) -> None:
    known, key = shop(session), uuid4()
    one, two = Held(session, known), Held(session, known)
    one.admit(key)
    with pytest.raises(IdempotencyConflict):
        two.admit(key)


def test_each_refusal_has_its_own_reason_and_is_kept(session: Session) -> None:
    held = Held(session, shop(session))
    other = shop(session).door
    assert held.admit(door=other).reason == "not-your-offer"
    assert held.admit(code="XY1:NONSENSE").reason == "code-not-verified"
    assert held.admit(offer_id=uuid4()).reason == "not-your-offer"
    with clock.shifted(timedelta(hours=2)):
        assert held.admit().reason == "code-expired"
    held.cancel()
    assert held.admit().reason == "cancelled"
    kept = {reason for _, reason in scans(session, held.shop.door)}
    assert kept == {"code-not-verified", "not-your-offer", "code-expired", "cancelled"}
    elsewhere = session.execute(select(Scan.resident_id, Scan.coupon_id).where(Scan.device_id == other.device_id)).one()
    assert tuple(elsewhere) == (None, None)


def test_an_expired_coupon_is_told_apart_from_an_expired_code(session: Session) -> None:
    held = Held(session, shop(session, coupon_valid_days=0, offline={"mode": "none"}, code_lifetime_seconds=86400))
    ends = held.coupon().valid_until
    with clock.shifted(ends - clock.now() - timedelta(minutes=1)):
        code = held.fresh()
        assert service.verify(session, held.shop.door, code, None).verdict == "valid"
    with clock.shifted(ends - clock.now() + timedelta(seconds=1)):
        assert service.verify(session, held.shop.door, code, None).reason == "coupon-expired"
        refused = held.admit(code=code)
        assert isinstance(refused.refusal, errors.CouponExpired)
        assert datetime.fromisoformat(refused.refusal.members["valid_until"]) == ends


def test_a_multi_use_coupon_pays_by_shares_and_the_rest_with_the_last(session: Session) -> None:
    held = Held(session, shop(session, price_points=100, uses=3), points=100)
    outcomes = [held.admit(code=held.fresh()) for _ in range(3)]
    assert [done.uses_left for done in outcomes] == [2, 1, 0]
    rows = session.execute(
        select(Admission.use_no, Admission.settled_points).where(Admission.resident_id == held.resident_id)
    )
    assert sorted(tuple(row) for row in rows) == [(1, 33), (2, 33), (3, 34)]
    assert held.admit().reason == "already-used"
    assert audit.audit_resident(session, held.resident_id) == []


def test_a_price_smaller_than_its_uses_is_paid_with_the_last(session: Session) -> None:
    held = Held(session, shop(session, price_points=2, uses=3), points=2)
    for _ in range(3):
        held.admit()
    rows = session.execute(select(Admission.settled_points).where(Admission.resident_id == held.resident_id))
    assert sorted(row.settled_points for row in rows) == [0, 0, 2]


def test_a_partly_used_coupon_is_not_cancelled_and_returns_the_rest_when_it_ends(session: Session) -> None:
    held = Held(session, shop(session, price_points=100, uses=3, offline={"mode": "none"}), points=100)
    held.admit()
    with pytest.raises(NotCancellable):
        held.cancel()
    with clock.shifted(held.coupon().valid_until - clock.now()):
        assert expiry.expire(session, held.resident_id, held.coupon_id, expiry.grace(session))
        assert ledger.balance(session, held.resident_id, clock.today()) == 67
    assert audit.audit_resident(session, held.resident_id) == []


# --- a presentation code


def presence(session: Session, resident_id: UUID) -> str:
    return perks.presentation_code(session, resident_id).text


def test_a_presentation_code_asks_about_one_offer_and_is_told_yes_or_no(session: Session) -> None:
    free = shop(session, kind="green_lane", benefit={"type": "green_lane"})
    floored = shop(session, level_floor="A", consents=["score"])
    code = presence(session, somebody(session))
    yes = service.verify(session, free.door, code, free.offer_id)
    no = service.verify(session, floored.door, code, floored.offer_id)
    assert (yes.verdict, yes.reason) == ("valid", None)
    assert (no.verdict, no.reason) == ("refused", "not-entitled")
    assert no.refusal is not None and no.refusal.members == {}
    with pytest.raises(FieldError):
        service.verify(session, free.door, code, None)
    with pytest.raises(FieldError):
        service.admit(session, free.door, code, None, act(free.door.device_id))


def test_a_priced_offer_needs_a_coupon(session: Session) -> None:
    known = shop(session, price_points=5)
    code = presence(session, somebody(session, 10))
    assert service.verify(session, known.door, code, known.offer_id).reason == "coupon-required"
    assert (
        service.admit(session, known.door, code, known.offer_id, act(known.door.device_id)).reason == "coupon-required"
    )


def test_a_free_offer_is_redeemed_and_used_in_one_act_and_once_per_code(session: Session) -> None:
    known, resident_id = shop(session, stock_total=5), somebody(session)
    code = presence(session, resident_id)
    done = service.admit(session, known.door, code, known.offer_id, act(known.door.device_id))
    assert (done.verdict, done.uses_left) == ("admitted", 0)
    again = service.admit(session, known.door, code, known.offer_id, act(known.door.device_id))
    assert again.reason == "already-used"
    assert [coupon.status for coupon in perks.coupons(session, resident_id)] == ["used"]


def test_a_late_comers_refusal_is_remembered_and_its_taking_undone(session: Session) -> None:
    known, resident_id = shop(session, per_person={"limit": 1, "window": "ever"}), somebody(session)
    for reason in (None, "not-entitled"):
        code = presence(session, resident_id)
        done = service.admit(session, known.door, code, known.offer_id, act(known.door.device_id))
        assert done.reason == reason
    assert [verdict for verdict, _ in scans(session, known.door)] == ["admitted", "refused"]


def test_an_offer_of_another_venue_is_not_asked_about(session: Session) -> None:
    here, there = shop(session), shop(session)
    code = presence(session, somebody(session))
    assert service.verify(session, here.door, code, there.offer_id).reason == "not-your-offer"
    assert service.verify(session, here.door, code, uuid4()).reason == "not-your-offer"


# --- offline: the pack and the upload


def verifier(session: Session, known: Shop) -> OfflineVerifier:
    pack = service.offline_pack(session, known.door)
    return OfflineVerifier({**pack, "offers": [{**offer, "id": str(offer["id"])} for offer in pack["offers"]]})


def test_from_its_pack_a_device_judges_with_the_network_down(session: Session) -> None:
    known = shop(session, uses=2)
    fresh, spent, cancelled = (Held(session, known) for _ in range(3))
    elsewhere = Held(session, shop(session))
    spent.admit()
    spent.admit()
    cancelled.cancel()
    device = verifier(session, known)
    now = clock.now()
    assert (device.judge(fresh.code, now).verdict, device.judge(fresh.code, now).uses_left) == ("valid", 2)
    assert device.judge(spent.code, now).reason == "already-used"
    assert device.judge(spent.code, now).used_at is not None
    assert device.judge(cancelled.code, now).reason == "revoked"
    assert device.judge(elsewhere.code, now).reason == "not-your-offer"
    assert device.judge(presence(session, fresh.resident_id), now).reason == "online-only"
    assert device.judge(fresh.code, now + timedelta(hours=2)).reason == "code-expired"
    assert device.judge(fresh.code, now + timedelta(hours=24)).reason == "pack-stale"
    assert device.judge(fresh.code, now - timedelta(hours=1)).reason == "pack-stale"
    since = Since()
    for left in (2, 1):
        verdict = device.judge(fresh.code, now, since)
        assert verdict.uses_left == left
        since.count(verdict)
    assert device.judge(fresh.code, now, since).reason == "already-used"


def test_the_pack_names_this_venues_offers_only_and_nobody(session: Session) -> None:
    known, other = shop(session), shop(session)
    Held(session, other).admit()
    Held(session, known).admit()
    pack = service.offline_pack(session, known.door)
    assert [offer["id"] for offer in pack["offers"]] == [known.offer_id]
    assert len(pack["used"]) == 1
    assert set(pack["used"][0]) == {"status", "used", "last_used_at"}
    assert {key["kid"][0] for key in pack["keys"]} == {"c", "s"}
    assert pack["valid_until"] - pack["server_time"] == timedelta(hours=24)


def test_the_pack_stays_the_same_until_something_happens(session: Session) -> None:
    held = Held(session, shop(session))
    moment = datetime.fromisoformat("2027-01-05T04:00:10+00:00")
    with clock.at(moment):
        before = service.offline_pack(session, held.shop.door)["digest"]
        assert service.offline_pack(session, held.shop.door)["digest"] == before
        held.coupon()
    held.admit()
    with clock.at(moment):
        assert service.offline_pack(session, held.shop.door)["digest"] != before


def test_an_upload_admits_what_was_in_order_even_if_the_code_has_died_since(session: Session) -> None:
    held = Held(session, shop(session, price_points=10), points=10)
    at = clock.now() + timedelta(minutes=1)
    with clock.shifted(timedelta(hours=5)):
        done = held.upload(at)
    assert (done.verdict, done.uses_left) == ("admitted", 0)
    row = session.execute(select(Admission).where(Admission.resident_id == held.resident_id)).scalar_one()
    assert (row.source, row.happened_at, row.settled_points) == ("offline", at, 10)
    assert row.recorded_at > at + timedelta(hours=4)
    assert audit.audit_resident(session, held.resident_id) == []


def test_an_upload_is_repeated_without_harm_and_meets_its_online_twin(session: Session) -> None:
    held, key = Held(session, shop(session, uses=5)), uuid4()
    online = held.admit(key)
    uploaded = held.upload(clock.now(), key)
    assert (uploaded.id, uploaded.verdict) == (online.id, "admitted")
    assert held.upload(clock.now() - timedelta(seconds=5), key).id == online.id
    assert held.coupon().uses_left == 4


def test_what_should_not_have_been_admitted_offline_is_recorded_apart(session: Session) -> None:
    known = shop(session, price_points=10)
    used, cancelled = Held(session, known, 10), Held(session, known, 10)
    used.admit()
    cancelled.cancel()
    now = clock.now()
    for held, reason in ((used, "already-used"), (cancelled, "cancelled")):
        done = held.upload(now)
        assert (done.verdict, done.reason) == ("conflict", reason)
        rows = session.execute(
            select(Admission.standing, Admission.use_no, Admission.conflict_reason, Admission.settled_points).where(
                Admission.resident_id == held.resident_id, Admission.standing == "conflict"
            )
        ).all()
        assert [tuple(row) for row in rows] == [("conflict", None, reason, 0)]
        assert audit.audit_resident(session, held.resident_id) == []


@pytest.mark.parametrize(
    ("hours", "ahead", "reason"),
    [(0, 10, "scan-time-not-credible"), (40 * 24, 0, "scan-time-not-credible"), (5, 180, "code-expired")],
)
def test_an_upload_with_an_impossible_time_is_a_conflict(session: Session, hours: int, ahead: int, reason: str) -> None:
    """``ahead``: minutes from the code's birth to the claimed scan; ``hours``: until it is uploaded."""
    held = Held(session, shop(session, coupon_valid_days=100))
    at = clock.now() + timedelta(minutes=ahead)
    with clock.shifted(timedelta(hours=hours)):
        done = held.upload(at)
    assert (done.verdict, done.reason) == ("conflict", reason)
    assert held.coupon().uses_left == 1


def test_an_offer_that_must_be_online_is_a_conflict_when_uploaded(session: Session) -> None:
    held = Held(session, shop(session, offline={"mode": "none"}))
    assert held.upload(clock.now()).reason == "offline-not-allowed"


def test_what_cannot_be_verified_or_is_anothers_is_refused_and_kept(session: Session) -> None:
    held, other = Held(session, shop(session)), shop(session).door
    assert held.upload(clock.now(), code="XY1:FORGED").verdict == "refused"
    assert held.upload(clock.now(), door=other).reason == "not-your-offer"
    assert held.upload(clock.now(), code=presence(session, held.resident_id)).reason == "code-not-verified"
    assert session.execute(select(func.count()).where(Admission.resident_id == held.resident_id)).scalar() == 0


def test_uses_told_to_packs_are_forgotten_when_no_code_lives(session: Session) -> None:

    held = Held(session, shop(session))
    held.admit()
    mine = select(func.count()).where(UsedUse.offer_id == held.shop.offer_id)
    assert session.execute(mine).scalar() == 1
    with clock.shifted(timedelta(hours=2)):
        assert service.offline_pack(session, held.shop.door)["used"] == []
        pack.drop_old_uses(session, clock.now())
    assert session.execute(mine).scalar() == 0


def test_points_given_after_a_redemption_are_untouched_by_it(session: Session) -> None:
    held = Held(session, shop(session, price_points=10), points=10)
    give_points(session, held.resident_id, 5)
    held.admit()
    assert ledger.balance(session, held.resident_id, clock.today()) == 5
