"""Signing in, guessing, and looking after one's own credentials."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyotp
import pytest
from sqlalchemy import select

from backend.accounts import service as accounts
from backend.accounts.models import AttemptRow, StaffRow
from backend.kit import clock, db
from backend.staff import guard, passwords, signing_in
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.house.snapshots import unchanged
from tests.staff.conftest import (
    ANOTHER_PASSWORD,
    API,
    LATER,
    Employee,
    Joined,
    addresses,
    employee,
    otp_of,
    sign_in,
    told,
)

WRONG = "a wrong password, quite long"


def post(client: CheckedClient, path: str, token: str, **body: Any) -> Any:
    return client.post(f"{API}/me/{path}", json=body, token=token)


# --- recovery codes ----------------------------------------------------------------------------------------------


def test_a_recovery_code_stands_in_for_the_phone_once(client: CheckedClient, joined: Joined) -> None:
    code = joined.recovery_codes[3]
    assert sign_in(client, joined.username, recovery_code=code.lower().replace("-", " ")).status_code == 200
    assert told(sign_in(client, joined.username, recovery_code=code)) == (401, "sign-in-refused")
    left = client.get(f"{API}/me/credentials", token=joined.token).get_json()
    assert left == {"username": joined.username, "password": True, "oidc": False, "recovery_codes_left": 9}


def test_a_recovery_code_alone_or_anothers_is_worth_nothing(client: CheckedClient, joined: Joined) -> None:
    code, other = joined.recovery_codes[0], employee()
    assert told(sign_in(client, joined.username, password=WRONG, recovery_code=code)) == (401, "sign-in-refused")
    assert told(sign_in(client, other.account.username, recovery_code=code)) == (401, "sign-in-refused")
    assert sign_in(client, joined.username, recovery_code=code).status_code == 200


@pytest.mark.parametrize("factors", [{}, {"otp": "123456", "recovery_code": "AAAAA-AAAAA-AAAAA-AAAAA"}])
def test_exactly_one_second_factor_is_given(client: CheckedClient, joined: Joined, factors: dict[str, str]) -> None:
    answer = sign_in(client, joined.username, **factors)
    assert told(answer) == (422, "invalid-request")
    assert answer.get_json(force=True)["errors"][0]["pointer"] == "/otp"


def test_new_recovery_codes_void_the_old_ones(client: CheckedClient, joined: Joined) -> None:
    with clock.shifted(LATER):
        made = post(client, "recovery-codes", joined.token, password=make.PASSWORD, otp=otp_of(joined.secret))
    assert made.status_code == 201 and len(set(made.get_json()["recovery_codes"])) == 10
    assert told(sign_in(client, joined.username, recovery_code=joined.recovery_codes[0])) == (401, "sign-in-refused")
    assert sign_in(client, joined.username, recovery_code=made.get_json()["recovery_codes"][0]).status_code == 200


# --- password and authenticator ----------------------------------------------------------------------------------


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(client: CheckedClient, joined: Joined) -> None:
    other = sign_in(client, joined.username, recovery_code=joined.recovery_codes[0]).get_json()["access_token"]
    with clock.shifted(LATER):
        body = {"old_password": make.PASSWORD, "new_password": ANOTHER_PASSWORD, "otp": otp_of(joined.secret)}
        assert post(client, "password", joined.token, **body).status_code == 204
    assert client.get(f"{API}/me", token=joined.token).status_code == 200
    assert told(client.get(f"{API}/me", token=other)) == (401, "not-signed-in")
    with clock.shifted(2 * LATER):
        otp = otp_of(joined.secret)
        assert told(sign_in(client, joined.username, otp=otp)) == (401, "sign-in-refused")
        assert sign_in(client, joined.username, password=ANOTHER_PASSWORD, otp=otp).status_code == 200


def test_a_new_password_is_judged_and_the_old_one_asked_for(client: CheckedClient, joined: Joined) -> None:
    with clock.shifted(LATER):
        good = {"old_password": make.PASSWORD, "new_password": ANOTHER_PASSWORD, "otp": otp_of(joined.secret)}
        poor = post(client, "password", joined.token, **{**good, "new_password": "password2026"})
        assert told(poor) == (422, "invalid-request")
        assert poor.get_json(force=True)["errors"][0]["pointer"] == "/new_password"
        for wrong in ({"old_password": WRONG}, {"otp": "000000"}):
            refused = post(client, "password", joined.token, **{**good, **wrong})
            assert told(refused) == (403, "credentials-refused")
        assert post(client, "password", joined.token, **good).status_code == 204


def test_whoever_holds_a_stolen_token_cannot_guess_the_password_with_it(client: CheckedClient, joined: Joined) -> None:
    body = {"password": WRONG, "otp": "000000"}
    answers = [told(post(client, "recovery-codes", joined.token, **body)) for _ in range(6)]
    assert answers == [(403, "credentials-refused")] * 5 + [(429, "too-many-attempts")]


def test_a_new_authenticator_takes_the_old_ones_place_when_it_has_proved_itself(
    client: CheckedClient, joined: Joined
) -> None:
    with clock.shifted(LATER):
        shown = post(client, "authenticator", joined.token, password=make.PASSWORD, otp=otp_of(joined.secret))
    secret = shown.get_json()["totp_secret"]
    wrong = post(client, "authenticator/confirmation", joined.token, otp="000000")
    assert told(wrong) == (422, "otp-not-accepted")
    with clock.shifted(2 * LATER):
        assert sign_in(client, joined.username, otp=otp_of(joined.secret)).status_code == 200
        right = post(client, "authenticator/confirmation", joined.token, otp=otp_of(secret))
        assert right.status_code == 204
    with clock.shifted(3 * LATER):
        assert told(sign_in(client, joined.username, otp=otp_of(joined.secret))) == (401, "sign-in-refused")
        assert sign_in(client, joined.username, otp=otp_of(secret)).status_code == 200


# --- sessions ----------------------------------------------------------------------------------------------------


def test_sessions_are_listed_and_ended(client: CheckedClient, joined: Joined) -> None:
    agent = "Mozilla/5.0 (Windows NT 10.0) Chrome/141.0 Safari/537.36"
    body = {"username": joined.username, "password": make.PASSWORD, "recovery_code": joined.recovery_codes[0]}
    there = client.post(f"{API}/auth/staff", json=body, headers={"User-Agent": agent}).get_json()
    client.post(f"{API}/auth/refresh", json={"refresh_token": there["refresh_token"]})
    listed = client.get(f"{API}/me/sessions", token=joined.token).get_json()["items"]
    assert [(one["agent"], one["current"], one["refreshed_at"] is not None) for one in listed] == [
        ("Chrome · Windows", False, True), (None, True, False),
    ]  # fmt: skip
    assert client.delete(f"{API}/me/sessions/{listed[0]['id']}", token=joined.token).status_code == 204
    assert told(client.get(f"{API}/me", token=there["access_token"])) == (401, "not-signed-in")
    assert told(client.delete(f"{API}/me/sessions/{listed[0]['id']}", token=joined.token)) == (404, "not-found")


def test_a_session_of_somebody_else_is_not_found(client: CheckedClient, joined: Joined) -> None:
    other = employee()
    [hers] = client.get(f"{API}/me/sessions", token=other.token).get_json()["items"]
    with unchanged():
        assert told(client.delete(f"{API}/me/sessions/{hers['id']}", token=joined.token)) == (404, "not-found")


def test_all_other_sessions_end_at_once(client: CheckedClient) -> None:
    who = employee()
    with db.transaction() as session:
        others = [make.staff_token(session, who.account) for _ in range(3)]
    answer = client.post(f"{API}/me/sessions/end-others", token=who.token)
    assert answer.get_json() == {"ended": 3}
    assert {client.get(f"{API}/me", token=token).status_code for token in others} == {401}
    assert client.get(f"{API}/me", token=who.token).status_code == 200


# --- bad input: guessing, replaying, clocks ----------------------------------------------------------------------


def test_a_stolen_refresh_token_ends_the_session_for_thief_and_owner(client: CheckedClient, joined: Joined) -> None:
    stolen = {"refresh_token": joined.tokens["refresh_token"]}
    thief = client.post(f"{API}/auth/refresh", json=stolen).get_json()
    assert client.get(f"{API}/me", token=thief["access_token"]).status_code == 200
    assert told(client.post(f"{API}/auth/refresh", json=stolen)) == (401, "refresh-refused")
    for token in (thief["access_token"], joined.token):
        assert told(client.get(f"{API}/me", token=token)) == (401, "not-signed-in")
    last = client.post(f"{API}/auth/refresh", json={"refresh_token": thief["refresh_token"]})
    assert told(last) == (401, "refresh-refused")


def test_a_session_known_beforehand_is_never_the_one_that_is_signed_in(client: CheckedClient, joined: Joined) -> None:
    with db.transaction() as session:
        attacker = make.unbound_token(session)
    body = {"username": joined.username, "password": make.PASSWORD, "recovery_code": joined.recovery_codes[0]}
    headers = {"Authorization": f"Bearer {attacker}", "Cookie": "session=known"}
    answer = client.post(f"{API}/auth/staff", json=body, headers=headers)
    assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
    assert client.get(f"{API}/me", token=attacker).get_json()["account"]["kind"] == "resident"
    first, again = joined.tokens, answer.get_json()
    for name in ("access_token", "refresh_token"):
        assert first[name] != again[name]
    ids = [one["id"] for one in client.get(f"{API}/me/sessions", token=joined.token).get_json()["items"]]
    assert len(set(ids)) == 2


def test_a_one_time_code_is_not_replayed_in_any_place_that_takes_one(client: CheckedClient, joined: Joined) -> None:
    with clock.shifted(LATER):
        otp = otp_of(joined.secret)
        assert sign_in(client, joined.username, otp=otp).status_code == 200
        assert told(sign_in(client, joined.username, otp=otp)) == (401, "sign-in-refused")
        body = {"password": make.PASSWORD, "otp": otp}
        for path in ("recovery-codes", "authenticator"):
            assert told(post(client, path, joined.token, **body)) == (403, "credentials-refused")
        change = {"old_password": make.PASSWORD, "new_password": ANOTHER_PASSWORD, "otp": otp}
        assert told(post(client, "password", joined.token, **change)) == (403, "credentials-refused")


def test_one_time_codes_guessed_from_many_addresses_stop_and_their_owner_works_on(
    client: CheckedClient, joined: Joined
) -> None:
    desk, cafe = addresses(2)
    with clock.shifted(LATER):
        assert sign_in(client, joined.username, address=desk, otp=otp_of(joined.secret)).status_code == 200
    statuses = [sign_in(client, joined.username, address=one, otp="000000").status_code for one in addresses(30)]
    assert statuses == [401] * 20 + [429] * 10
    with clock.shifted(2 * LATER):
        assert sign_in(client, joined.username, address=cafe, otp=otp_of(joined.secret)).status_code == 429
        assert sign_in(client, joined.username, address=desk, otp=otp_of(joined.secret)).status_code == 200


def test_a_success_forgets_what_strangers_did_before_it(client: CheckedClient, joined: Joined) -> None:
    [home] = addresses(1)
    for one in addresses(19):
        sign_in(client, joined.username, address=one, otp="000000")
    with clock.shifted(LATER):
        assert sign_in(client, joined.username, address=home, otp=otp_of(joined.secret)).status_code == 200
    assert [sign_in(client, joined.username, address=one, otp="000000").status_code for one in addresses(20)] == [
        401
    ] * 20


def test_a_closed_name_opens_for_newcomers_after_an_hour(client: CheckedClient, joined: Joined) -> None:
    for one in addresses(21):
        sign_in(client, joined.username, address=one, otp="000000")
    [home] = addresses(1)
    with clock.shifted(timedelta(minutes=61)):
        assert sign_in(client, joined.username, address=home, otp=otp_of(joined.secret)).status_code == 200


def test_one_address_that_tries_many_names_stops_and_the_office_beside_it_works_on(
    client: CheckedClient, joined: Joined
) -> None:
    thief, office = addresses(2)
    statuses = [sign_in(client, f"guess-{n}", address=thief, otp="000000").status_code for n in range(55)]
    assert statuses == [401] * 50 + [429] * 5
    with clock.shifted(LATER):
        assert sign_in(client, joined.username, address=thief, otp=otp_of(joined.secret)).status_code == 429
        assert sign_in(client, joined.username, address=office, otp=otp_of(joined.secret)).status_code == 200


def test_a_hundred_colleagues_sign_in_through_one_address_in_the_morning(client: CheckedClient) -> None:
    [office] = addresses(1)
    with db.transaction() as session:
        colleagues = [make.staff(session) for _ in range(60)]
    answers = [sign_in(client, one.username, address=office, otp=one.otp()) for one in colleagues]
    assert {answer.status_code for answer in answers} == {200}


def test_no_address_is_kept_in_the_clear(client: CheckedClient, joined: Joined) -> None:
    [home] = addresses(1)
    with clock.shifted(LATER):
        sign_in(client, joined.username, address=home, otp=otp_of(joined.secret))
    with db.reading() as reader:
        kept = reader.execute(select(*AttemptRow.__table__.c)).all()
    assert home not in str(kept) and joined.username not in str(kept)


def test_a_recovery_code_opens_a_door_that_guesses_have_closed(client: CheckedClient, joined: Joined) -> None:
    [shared] = addresses(1)
    for _ in range(6):
        sign_in(client, joined.username, address=shared, otp="000000")
    with clock.shifted(LATER):
        assert sign_in(client, joined.username, address=shared, otp=otp_of(joined.secret)).status_code == 429
        came = sign_in(client, joined.username, address=shared, recovery_code=joined.recovery_codes[0])
        assert came.status_code == 200


def test_a_used_recovery_code_pays_for_no_guess_of_the_other_factor(client: CheckedClient, joined: Joined) -> None:
    [thief] = addresses(1)
    used = joined.recovery_codes[0]
    assert sign_in(client, joined.username, recovery_code=used).status_code == 200
    answers = []
    for _ in range(6):
        answers.append(sign_in(client, joined.username, address=thief, otp="000000").status_code)
        assert sign_in(client, joined.username, address=thief, recovery_code=used).status_code == 401
    assert answers == [401] * 5 + [429]


def test_a_name_can_be_unlocked_by_the_operator(client: CheckedClient, joined: Joined) -> None:
    for one in addresses(21):
        sign_in(client, joined.username, address=one, otp="000000")
    with db.transaction() as session:
        guard.unlock(session, joined.username.upper())
    [home] = addresses(1)
    with clock.shifted(LATER):
        assert sign_in(client, joined.username, address=home, otp=otp_of(joined.secret)).status_code == 200


@pytest.mark.parametrize("factor", [{"otp_code": "000000"}, {"recovery_code": "AAAAA-AAAAA-AAAAA-AAAAA"}])
def test_every_refusal_costs_the_same_work(
    client: CheckedClient, joined: Joined, monkeypatch: pytest.MonkeyPatch, factor: dict[str, str]
) -> None:
    """Counted by Argon2id verifications and by their parameters: nothing to time from outside."""
    suspended = employee()
    with db.transaction() as session:
        accounts.set_staff_status(session, suspended.id, "suspended")
    work: dict[str, list[str]] = {}
    hasher = passwords._hasher

    class Counting:
        def verify(self, kept: str, text: str) -> bool:
            work[name].append(kept.split("$")[3])
            return hasher.verify(kept, text)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    for name in ("nobody-here", "", joined.username, suspended.account.username):
        work[name] = []
        with db.reading() as reader, pytest.raises(signing_in.SignInRefused):
            signing_in.check_staff(reader, name, WRONG, **factor)
    assert len(set(map(tuple, work.values()))) == 1 and len(work["nobody-here"]) == len(factor) * (
        2 if "recovery_code" in factor else 1
    )


@pytest.mark.parametrize("days", [-30, -1, 1, 30])
def test_a_clock_that_jumps_opens_nothing(client: CheckedClient, joined: Joined, days: int) -> None:
    """Tokens, one-time codes and sessions of another time are refused, and everything goes on when it jumps back."""
    otp = otp_of(joined.secret)
    with clock.shifted(timedelta(days=days)):
        assert told(client.get(f"{API}/me", token=joined.token)) == (401, "not-signed-in")
        assert told(sign_in(client, joined.username, otp=otp)) == (401, "sign-in-refused")
        if days > 0:
            again = client.post(f"{API}/auth/refresh", json={"refresh_token": joined.tokens["refresh_token"]})
            assert told(again) == (401, "refresh-refused")
    assert client.get(f"{API}/me", token=joined.token).status_code == 200


def test_a_clock_set_back_makes_no_used_code_good_again(client: CheckedClient, joined: Joined) -> None:
    with clock.shifted(timedelta(hours=2)):
        assert sign_in(client, joined.username, otp=otp_of(joined.secret)).status_code == 200
    earlier = sign_in(client, joined.username, otp=otp_of(joined.secret))
    assert told(earlier) == (401, "sign-in-refused")  # no step before one that was used
    assert sign_in(client, joined.username, recovery_code=joined.recovery_codes[0]).status_code == 200


def test_the_secret_of_an_authenticator_is_sealed(joined: Joined) -> None:
    with db.reading() as reader:
        kept = reader.execute(select(StaffRow.otp_secret_sealed).where(StaffRow.username == joined.username)).scalar()
    assert kept and joined.secret not in kept
    assert pyotp.TOTP(joined.secret).digits == 6


def test_a_password_changed_meanwhile_refuses_who_was_just_checked(client: CheckedClient, admin: Employee) -> None:
    who = employee()
    with db.reading() as reader:
        checked = signing_in.check_staff(reader, who.account.username, make.PASSWORD, who.account.otp())
    with db.transaction() as session:
        accounts.set_credentials(session, who.id, password_hash=passwords.hash_secret(ANOTHER_PASSWORD))
    with db.transaction() as session:
        assert isinstance(signing_in.sign_in_staff(session, checked), signing_in.SignInRefused)
