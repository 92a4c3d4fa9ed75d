"""Somebody with something in every room, committed, for HTTP and for real transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.codes import service as codes
from backend.community import service as community
from backend.community import submissions
from backend.community.rules import community_id
from backend.consents import service as consents
from backend.declarations import service as declarations
from backend.delegation import service as delegation
from backend.delegation.proof import CardProof
from backend.kit import clock, db, files
from backend.obligations import service as obligations
from backend.perks import service as perks
from backend.privacy import service as privacy
from backend.records import service as records
from backend.statements import service as statements
from backend.statements.models import NoticeRow
from tests.community.pictures import picture
from tests.declarations import conftest as declaring
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.obligations import conftest as owing
from tests.parking import conftest as parking
from tests.records.test_service import honour

API = "/api/v1"
HOME = community_id("dongshan-demo")
PHONE = "19900001234"
HOSTILE = '=cmd|"/C calc"!A1 <script>alert(1)</script>'


@dataclass(frozen=True)
class Full:
    """A resident who has something everywhere. ``coupon_id``: a priced one that could still be used."""

    who: people.Resident
    token: str
    coupon_id: UUID
    photo_id: UUID
    submission_id: UUID
    declared_photo_id: UUID
    shop: shops.Shop
    words: str

    @property
    def resident_id(self) -> UUID:
        return self.who.resident_id

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.who.name, self.who.id_number, PHONE, self.who.openid


def give_everything(session: Session, *, first_timers: bool = False, bound: people.Resident | None = None) -> Full:
    """Somebody bound, with consents, a score, records, points, coupons, a deed with a photo, looks, a phone."""
    who = bound or people.resident(session)
    mine = who.resident_id
    accounts.change_phone(session, mine, PHONE)
    for purpose in ("score", "community", "messages"):
        version = consents.purpose_called(session, purpose).text_version
        consents.set_consent(session, mine, purpose, True, version)
    records.add_record(session, mine, honour())
    community.sign_covenant(session, mine, HOME, shops.act(mine))
    photo = files.save_image(session, mine, picture(), max_bytes=10**6, max_pixels=10**6)
    words = f"{HOSTILE} {mine.hex}"
    deed = submissions.NewSubmission("elder-care", clock.now(), words, (photo,), community_id=HOME)
    submission = submissions.submit(session, mine, deed, shops.act(mine)).id
    shops.give_points(session, mine, 100)
    first = {"per_person": {"limit": 1, "window": "ever"}, "first_timers_only": True} if first_timers else {}
    shop = shops.shop(session, price_points=30, uses=2, **first)
    coupon = perks.redeem(session, mine, shop.offer_id, shops.act(mine)).coupon.id
    bill = owing.owed(session, who=mine)
    owing.charge(session, bill)
    obligations.dispute(session, mine, bill.id, words, shops.act(mine))
    _park(session, who)
    clerk = people.staff(session, "counter-clerk")
    consents.record_look(
        session, mine, clerk.staff_id, "counter-clerk", "窗口办理", ["name"], "演示",
        authorisation="presence:counter",
    )  # fmt: skip
    _put_under_guard(session, who, clerk)
    _close_the_month(session, mine)
    (declared_photo,) = declaring.declared(session, declarations.resident(mine)).photo_ids
    return Full(who, people.resident_token(session, who), coupon, photo, submission, declared_photo, shop, words)


def _park(session: Session, who: people.Resident) -> None:
    """Her car is in a car park that she allows to ask."""
    park, mine = parking.car_park(session), parking.registered(session, who)
    parking.confirmed(session, park, mine)
    parking.allowed(session, park, mine)
    parking.asked(session, park, mine.plate)
    parking.entered(session, park, mine.plate)


def _close_the_month(session: Session, mine: UUID) -> None:
    """A month of hers is closed, and she was told of points that end."""
    statements.close_months(session, mine, clock.today().replace(day=1))
    session.add(NoticeRow(resident_id=mine, expires_on=clock.today(), days_before=7, points=5, told_at=clock.now()))
    session.flush()


def _put_under_guard(session: Session, who: people.Resident, clerk: people.Staff) -> None:
    """Somebody acts for her, with a document; both were told."""
    guardian = people.resident(session)
    cards = [CardProof(one.name, one.id_number) for one in (guardian, who)]
    wanted = delegation.Guardianship("ward", *cards, "指定监护", "测〔2026〕1号", None)
    desk = delegation.Clerk(clerk.staff_id, "counter-clerk", clerk.organisation_id)
    delegation.register_guardian(session, desk, wanted, shops.act(clerk.staff_id))


@pytest.fixture(scope="module", autouse=True)
def _keys(app: Flask, city: dict[str, Any]) -> None:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")


@pytest.fixture
def full(app: Flask, city: dict[str, Any]) -> Full:
    with db.transaction() as session:
        return give_everything(session)


def leave(session: Session, who: Full | people.Resident) -> privacy.Departure:
    """Leave as the notice asks."""
    resident = who.who if isinstance(who, Full) else who
    told = privacy.notice(session, resident.resident_id)
    return privacy.leave(
        session, resident.resident_id, resident.account_id or uuid4(), told.confirmation, told.version,
        shops.act(resident.resident_id),
    )  # fmt: skip


def come_back(session: Session, who: people.Resident) -> people.Resident:
    """The same card and the same telephone, as somebody new."""
    resident_id = accounts.ensure_person(session, who.name, who.id_number)
    account_id = accounts.sign_in_wechat(session, people.WechatUser(who.openid, None)).who.account_id
    mine = update(people.PersonRow).where(people.PersonRow.resident_id == resident_id)
    session.execute(mine.values(wechat_account_id=account_id, bound_at=clock.now()))
    this = update(people.WechatAccountRow).where(people.WechatAccountRow.id == account_id)
    session.execute(this.values(resident_id=resident_id))
    return people.Resident(resident_id, who.name, who.id_number, account_id, who.openid)
