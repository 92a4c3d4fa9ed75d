"""Two recoveries of one person at once, and what else may meet them."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.admissions import service as admissions
from backend.codes import service as codes
from backend.delegation import service as delegation
from backend.identity import service as identity
from backend.identity.errors import IdentityNotVerified
from backend.kit import db
from backend.perks import service as perks
from tests.factories import accounts as make
from tests.factories import guardians
from tests.factories import perks as shops
from tests.races.barrier import at_once

THREADS = 6


@pytest.mark.usefixtures("city")
def test_of_many_who_recover_one_person_at_once_one_does(app: Flask) -> None:
    with db.transaction() as session:
        who, clerk = make.resident(session), make.staff(session).staff_id
        vouched = [identity.issue_counter_code(session, who.name, who.id_number, clerk)[0] for _ in range(THREADS)]
        claimants = [accounts.sign_in_wechat(session, make.WechatUser(make.openid(), None)).who for _ in range(THREADS)]
    claim = identity.Claim.of(who.name, who.id_number)
    with db.reading() as reader:
        held = identity.holder_of_claim(reader, claim)
    proofs = [identity.check_proof("", claim, "counter_code", code) for code in vouched]

    def recover(number: int) -> Any:
        return lambda session: identity.recover_account(
            session, claimants[number].account_id, claim, held, proofs[number]
        )

    results = at_once([recover(number) for number in range(THREADS)])
    won = [one for one in results if isinstance(one, accounts.Grant)]
    assert len(won) == 1 and sum(isinstance(one, IdentityNotVerified) for one in results) == THREADS - 1
    with db.reading() as reader:
        assert accounts.holder_of(reader, who.resident_id) == won[0].who.account_id
        bound = [accounts.resolve(reader, one.access_token) for one in won]
    assert [one.resident_id for one in bound if one] == [who.resident_id]


@pytest.mark.usefixtures("city")
def test_a_recovery_and_the_use_of_a_coupon_at_once_leave_the_coupon_whole(app: Flask) -> None:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
        shop, who = shops.shop(session, uses=1), make.resident(session)
        coupon = perks.redeem(session, who.resident_id, shop.offer_id, shops.act(who.resident_id)).coupon
        code = perks.coupon_code(session, who.resident_id, coupon.id).text
        new = accounts.sign_in_wechat(session, make.WechatUser(make.openid(), None)).who.account_id
        vouched = identity.issue_counter_code(session, who.name, who.id_number, uuid4())[0]
    claim = identity.Claim.of(who.name, who.id_number)
    with db.reading() as reader:
        held = identity.holder_of_claim(reader, claim)
    proof = identity.check_proof("", claim, "counter_code", vouched)

    def recover(session: Session) -> Any:
        return identity.recover_account(session, new, claim, held, proof)

    def admit(session: Session) -> Any:
        return admissions.admit(session, shop.door, code, shop.offer_id, shops.act(shop.door.device_id))

    recovered, admitted = at_once([recover, admit])
    assert isinstance(recovered, accounts.Grant)
    with db.reading() as reader:
        left = perks.coupon(reader, who.resident_id, coupon.id).uses_left
    assert (admitted.verdict, left) in {("admitted", 0), ("refused", 1)}


@pytest.mark.usefixtures("city")
def test_registering_one_guardian_many_times_at_once_leaves_one_standing(app: Flask) -> None:

    with db.transaction() as session:
        parent, child = make.resident(session), make.resident(session, date(2016, 5, 4), bound=False)
    results = at_once([lambda session: guardians.guardian(session, parent, child) for _ in range(THREADS)])
    assert all(isinstance(one, delegation.Delegation) for one in results), results
    with db.reading() as reader:
        found = delegation.delegations(reader, child.resident_id)
    assert len(found) == THREADS and sum(one.stands for one in found) == 1
