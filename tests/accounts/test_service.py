"""People, organisations, staff and devices, in a transaction that is rolled back."""

from __future__ import annotations

import time
from datetime import date, timedelta

import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.accounts import attempts, rules, service
from backend.accounts.errors import AccountRefused, AdultsOnly, SignInRefused, TooManyAttempts
from backend.accounts.models import PersonLookupRow, PersonRow, RefreshTokenRow
from backend.kit import clock, seal
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.staff import service as employed
from backend.staff.otp import matching_step
from backend.wechat.service import WechatUser
from tests.factories import accounts as make


def test_a_person_is_made_once_however_the_number_is_written(session: Session) -> None:
    number = make.id_number()
    first = service.ensure_person(session, "测试甲乙", number)
    assert service.ensure_person(session, "测试 甲乙", f" {number.lower()} ") == first
    assert service.find_person(session, number) == first
    assert service.find_person(session, make.id_number()) is None
    assert service.find_person(session, "not a number") is None


def test_a_record_does_not_rename_anybody(session: Session) -> None:
    number = make.id_number()
    known = service.ensure_person(session, "测试甲乙", number)
    assert service.ensure_person(session, "测试丙丁", number) == known
    assert service.open_person(session, known).name == "测试甲乙"


def test_a_person_is_sealed_in_the_database_and_masked_for_others(session: Session) -> None:
    made = make.resident(session, date(1990, 1, 2))
    row = session.execute(select(*PersonRow.__table__.c).where(PersonRow.resident_id == made.resident_id)).one()
    assert not any(made.id_number in str(value) or made.name in str(value) for value in row)
    seen = service.person(session, made.resident_id)
    assert seen.display_name == made.name[0] + "***"
    assert seen.birth_on == date(1990, 1, 2)
    assert service.people_by_id(session, [made.resident_id, new_id()]) == {made.resident_id: seen}
    assert made.id_number not in repr(service.open_person(session, made.resident_id))


def test_an_unknown_person_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        service.person(session, new_id())


@pytest.mark.parametrize(("name", "number"), [("X", None), ("测试甲乙", "110105194912310021")])
def test_a_person_needs_a_name_and_an_id_number(session: Session, name: str, number: str | None) -> None:
    with pytest.raises(FieldError):
        service.ensure_person(session, name, number or make.id_number())


def test_two_thousand_people_are_made_in_seconds_and_found_again(session: Session) -> None:
    rows = [(make.name(), make.id_number()) for _ in range(2000)]
    known = service.ensure_person(session, *rows[5])
    started = time.perf_counter()
    made = service.ensure_people(session, [*rows, rows[0]])
    assert time.perf_counter() - started < 20
    assert made[5] == known and made[-1] == made[0] and len(set(made)) == 2000
    assert service.ensure_people(session, rows) == made[:2000]
    assert service.open_person(session, made[77]).id_number == rows[77][1]


def test_both_hash_keys_find_a_person_while_one_replaces_the_other(session: Session) -> None:
    before = seal.current()
    made = make.resident(session, bound=False)
    newer = seal.Sealer(before.master_keys, before.current, {**before.hash_keys, "h9": b"9" * 32}, "h9")
    try:
        seal.bind(newer)
        assert service.ensure_person(session, made.name, made.id_number) == made.resident_id
        count = select(func.count()).select_from(PersonLookupRow).where(PersonLookupRow.resident_id == made.resident_id)
        assert session.execute(count).scalar() == 2
        seal.bind(seal.Sealer(before.master_keys, before.current, {"h9": b"9" * 32}, "h9"))
        assert service.find_person(session, made.id_number) == made.resident_id
    finally:
        seal.bind(before)


def test_only_adults_pass_where_adults_are_required(session: Session) -> None:
    child = make.resident(session, clock.today() - timedelta(days=365 * 10))
    service.require_adult(session, make.resident(session).resident_id)
    with pytest.raises(AdultsOnly):
        service.require_adult(session, child.resident_id)


def test_messages_go_to_the_bound_account_that_is_active(session: Session) -> None:
    made = make.resident(session)
    assert made.account_id
    assert service.openid_of(session, made.resident_id) == made.openid
    assert service.openid_of(session, make.resident(session, bound=False).resident_id) is None
    service.set_wechat_account_status(session, made.account_id, "suspended")
    assert service.openid_of(session, made.resident_id) is None


def test_an_organisation_is_brought_up_to_date_under_its_slug(session: Session) -> None:
    slug = f"test-{new_id()}"
    first = service.ensure_organisation(session, slug, "partner", "测试场馆")
    assert service.ensure_organisation(session, slug, "partner", "测试场馆二", "91110000600037341L") == first
    known = service.organisation(session, first)
    assert (known.name, known.unified_social_credit_code) == ("测试场馆二", "91110000600037341L")
    assert service.organisation_by_slug(session, slug) == known
    assert known in service.organisations(session, kind="partner")
    for kind in ("castle", "community"):
        with pytest.raises(AccountRefused):
            service.ensure_organisation(session, slug, kind, "测试")


def test_staff_are_made_only_of_sound_parts(session: Session) -> None:
    with pytest.raises(AccountRefused) as refused:
        employed.create_staff(session, "x", "short", "AAAA", "", [("king", new_id())])
    told = " ".join(refused.value.members["problems"])
    for part in ("username", "password", "totp_secret", "display_name", "king", "单位"):
        assert part in told


def test_a_username_is_given_once(session: Session) -> None:
    known = make.staff(session)
    with pytest.raises(AccountRefused):
        employed.create_staff(
            session,
            known.username.upper(),
            make.PASSWORD,
            known.totp_secret,
            "测试",
            [("office", known.organisation_id)],
        )


def test_a_staff_session_knows_its_roles_of_this_moment(session: Session) -> None:
    who = make.staff(session, "auditor")
    token = make.staff_token(session, who)
    signed_in = service.resolve(session, token)
    assert signed_in and signed_in.roles == (("auditor", who.organisation_id),)
    service.remove_membership(session, who.staff_id, who.organisation_id, "auditor")
    signed_in = service.resolve(session, token)
    assert signed_in and signed_in.roles == ()


@pytest.mark.parametrize("kind", ["staff", "device", "resident"])
def test_a_suspended_account_is_nobody_at_once(session: Session, kind: str) -> None:
    if kind == "staff":
        staff = make.staff(session)
        token = make.staff_token(session, staff)
        service.set_staff_status(session, staff.staff_id, "suspended")
    elif kind == "device":
        device = make.device(session)
        token = make.device_token(session, device)
        service.set_device_status(session, device.device_id, "suspended")
    else:
        resident = make.resident(session)
        token = make.resident_token(session, resident)
        assert resident.account_id
        service.set_wechat_account_status(session, resident.account_id, "suspended")
        with pytest.raises(SignInRefused):
            service.sign_in_wechat(session, WechatUser(resident.openid, None))
    assert service.resolve(session, token) is None


def test_a_restored_account_does_not_revive_its_old_sessions(session: Session) -> None:
    staff = make.staff(session)
    token = make.staff_token(session, staff)
    service.set_staff_status(session, staff.staff_id, "suspended")
    service.set_staff_status(session, staff.staff_id, "active")
    assert service.resolve(session, token) is None


def test_a_staff_session_ends_after_twelve_hours_however_often_it_is_refreshed(session: Session) -> None:
    grant = service.open_session(session, "staff", make.staff(session).staff_id)
    with clock.shifted(timedelta(hours=11)):
        again = service.refresh(session, grant.refresh_token)
        assert isinstance(again, service.Grant)
    with clock.shifted(timedelta(hours=12, minutes=1)):
        assert not isinstance(service.refresh(session, again.refresh_token), service.Grant)


def test_a_residents_session_lives_on_by_refreshing(session: Session) -> None:
    grant = service.sign_in_wechat(session, WechatUser(make.openid(), None))
    for days in (25, 50, 75):
        with clock.shifted(timedelta(days=days)):
            again = service.refresh(session, grant.refresh_token)
            assert isinstance(again, service.Grant)
            grant = again
    with clock.shifted(timedelta(days=110)):
        assert not isinstance(service.refresh(session, grant.refresh_token), service.Grant)


def test_a_used_refresh_token_ends_the_whole_session(session: Session) -> None:
    first = service.sign_in_wechat(session, WechatUser(make.openid(), None))
    second = service.refresh(session, first.refresh_token)
    assert isinstance(second, service.Grant)
    assert service.resolve(session, second.access_token)
    assert not isinstance(service.refresh(session, first.refresh_token), service.Grant)
    assert service.resolve(session, second.access_token) is None
    assert not isinstance(service.refresh(session, second.refresh_token), service.Grant)


def test_other_sessions_of_the_account_outlive_a_stolen_one(session: Session) -> None:
    user = WechatUser(make.openid(), None)
    mine, stolen = service.sign_in_wechat(session, user), service.sign_in_wechat(session, user)
    service.refresh(session, stolen.refresh_token)
    service.refresh(session, stolen.refresh_token)
    assert service.resolve(session, stolen.access_token) is None
    assert service.resolve(session, mine.access_token)


def test_refresh_tokens_are_kept_as_digests(session: Session) -> None:
    grant = service.sign_in_wechat(session, WechatUser(make.openid(), None))
    statement = select(*RefreshTokenRow.__table__.c).where(RefreshTokenRow.account_id == grant.who.account_id)
    assert grant.refresh_token[-20:] not in str(session.execute(statement).all())


def test_attempts_are_counted_within_their_window(session: Session) -> None:
    limit, subject = rules.Limit(3, timedelta(minutes=5)), make.openid()
    for _ in range(3):
        attempts.count(session, "test", subject, limit)
    with pytest.raises(TooManyAttempts) as refused:
        attempts.count(session, "test", subject, limit)
    assert 290 <= int(refused.value.headers["Retry-After"]) <= 301
    attempts.count(session, "test", make.openid(), limit)
    with clock.shifted(timedelta(minutes=6)):
        attempts.count(session, "test", subject, limit)
    attempts.clear(session, "test", subject)
    attempts.count(session, "test", subject, limit)


def test_an_attempt_given_back_was_none(session: Session) -> None:
    limit, subject = rules.Limit(1, timedelta(minutes=5)), make.openid()
    for _ in range(3):
        attempts.count(session, "test", subject, limit)
        attempts.give_back(session, "test", subject)


def test_an_otp_is_good_one_step_early_or_late_and_no_more() -> None:
    secret = employed.new_totp_secret()
    now = clock.now()
    step = int(now.timestamp()) // 30
    with clock.at(now):
        for offset in (-1, 0, 1):
            assert matching_step(secret, pyotp.TOTP(secret).generate_otp(step + offset)) == step + offset
        for offset in (-2, 2):
            assert matching_step(secret, pyotp.TOTP(secret).generate_otp(step + offset)) is None
        assert matching_step(secret, "é23456") is None


def test_a_device_key_with_its_private_part_is_refused(session: Session) -> None:
    key = Ed25519PrivateKey.generate()
    where = make.organisation(session, "partner")
    for jwk in (
        {**make.public_jwk(key), "d": "AAAA"},
        {**make.public_jwk(key), "crv": "X25519"},
        {**make.public_jwk(key), "x": "AAAA"},
        {**make.public_jwk(key), "x": "ü"},
        {},
    ):
        with pytest.raises(AccountRefused):
            service.create_device(session, where, None, "测试", jwk)
    with pytest.raises(AccountRefused):
        service.create_device(session, new_id(), None, "", make.public_jwk(key))


def test_names_of_staff_and_devices_are_told_by_id(session: Session) -> None:
    staff, device = make.staff(session), make.device(session)
    told = service.display_names(session, [staff.staff_id, device.device_id, new_id()])
    assert told == {staff.staff_id: "测试工作人员", device.device_id: "测试设备"}
