"""Coming in by a link, and coming back in by one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from backend.accounts.models import StaffRow
from backend.kit import clock, db
from backend.kit.trail import TrailRow
from backend.staff import invitations
from backend.staff.errors import OtpNotAccepted
from backend.staff.models import InvitationRow, RecoveryCodeRow
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.house.snapshots import changed, snapshot, unchanged
from tests.staff.conftest import (
    ANOTHER_PASSWORD,
    API,
    LATER,
    Employee,
    Joined,
    employee,
    finish,
    invite,
    join,
    open_link,
    otp_of,
    sign_in,
    token_in,
    told,
    username,
)


def test_an_invited_person_comes_in_with_her_own_password_and_authenticator(
    client: CheckedClient, admin: Employee, office: UUID
) -> None:
    token = token_in(invite(client, admin, office))
    seen = open_link(client, token, None).get_json()
    assert (seen["kind"], seen["authenticator"]) == ("join", None)
    came = join(client, token)
    assert came.tokens["account"]["roles"] == ["office"]
    assert client.get(f"{API}/me", token=came.token).status_code == 200
    with clock.shifted(LATER):
        assert sign_in(client, came.username, otp=otp_of(came.secret)).status_code == 200


def test_the_link_carries_its_token_where_no_server_logs_it(
    client: CheckedClient, admin: Employee, office: UUID
) -> None:
    answer = invite(client, admin, office, "account-admin")
    assert answer.get_json()["link"].startswith("http://127.0.0.1:8000/app/staff#join=xi1.")
    ends_at = clock.now() + timedelta(hours=72)
    assert answer.get_json()["expires_at"][:15] == ends_at.isoformat()[:15]
    with db.reading() as reader:
        rows = str(reader.execute(select(*InvitationRow.__table__.c)).all())
    assert token_in(answer) not in rows


def test_the_authenticator_is_shown_as_text_address_and_picture(
    client: CheckedClient, admin: Employee, office: UUID
) -> None:
    shown = open_link(client, token_in(invite(client, admin, office))).get_json()["authenticator"]
    assert shown["totp_secret"] in shown["otpauth_uri"]
    assert shown["qr_svg"].startswith("<svg") and "http://" not in shown["qr_svg"].replace("http://www.w3.org", "")


def test_until_the_acceptance_is_finished_there_is_no_account(
    client: CheckedClient, admin: Employee, office: UUID
) -> None:
    token = token_in(invite(client, admin, office))
    before = snapshot()
    for _ in range(3):
        secret = open_link(client, token).get_json()["authenticator"]["totp_secret"]
    assert told(finish(client, token, "000000")) == (422, "otp-not-accepted")
    assert changed(before, snapshot()) <= {"staff_pending_secrets", "attempts"}
    assert finish(client, token, otp_of(secret)).status_code == 200


def test_whoever_opened_the_link_before_holds_nothing_that_works_later(
    client: CheckedClient, admin: Employee, office: UUID
) -> None:
    token = token_in(invite(client, admin, office))
    stranger = open_link(client, token).get_json()["authenticator"]["totp_secret"]
    hers = open_link(client, token).get_json()["authenticator"]["totp_secret"]
    assert stranger != hers
    assert told(finish(client, token, otp_of(stranger))) == (422, "otp-not-accepted")
    assert finish(client, token, otp_of(hers)).status_code == 200


def test_a_link_works_once(client: CheckedClient, admin: Employee, office: UUID) -> None:
    token = token_in(invite(client, admin, office))
    came = join(client, token)
    with clock.shifted(LATER):
        assert told(finish(client, token, otp_of(came.secret))) == (410, "invitation-not-valid")
    assert told(open_link(client, token)) == (410, "invitation-not-valid")


def test_a_link_ends_after_three_days(client: CheckedClient, admin: Employee, office: UUID) -> None:
    token = token_in(invite(client, admin, office))
    with clock.shifted(timedelta(hours=71, minutes=59)):
        assert open_link(client, token).status_code == 200
    with clock.shifted(timedelta(hours=72, seconds=1)), unchanged():
        assert told(open_link(client, token)) == (410, "invitation-not-valid")


def test_a_revoked_link_is_void(client: CheckedClient, admin: Employee, office: UUID) -> None:
    made = invite(client, admin, office)
    token = token_in(made)
    secret = open_link(client, token).get_json()["authenticator"]["totp_secret"]
    where = f"{API}/staff/invitations/{made.get_json()['id']}"
    assert client.delete(where, token=admin.token).status_code == 204
    assert told(finish(client, token, otp_of(secret))) == (410, "invitation-not-valid")
    assert told(client.delete(where, token=admin.token)) == (404, "not-found")
    listed = client.get(f"{API}/staff/invitations?limit=100", token=admin.token).get_json()["items"]
    assert made.get_json()["id"] not in [one["id"] for one in listed]


def test_open_links_are_listed_without_their_tokens(client: CheckedClient, admin: Employee, office: UUID) -> None:
    made = [invite(client, admin, office) for _ in range(3)]
    page = client.get(f"{API}/staff/invitations?limit=2", token=admin.token)
    assert [one["id"] for one in page.get_json()["items"]] == [one.get_json()["id"] for one in reversed(made)][:2]
    following = client.get(
        f"{API}/staff/invitations", query_string={"cursor": page.get_json()["next_cursor"]}, token=admin.token
    )
    assert following.get_json()["items"][0]["id"] == made[0].get_json()["id"]
    assert "xi1." not in page.get_data(as_text=True)


@pytest.mark.parametrize("token", ["", "x", "xi1.", "xi1." + "A" * 43, "xi1." + "é" * 43, "xi1." + "A" * 44])
def test_a_guessed_token_is_refused_in_the_words_of_a_used_one(client: CheckedClient, token: str) -> None:
    with unchanged():
        for answer in (open_link(client, token or " "), finish(client, token or " ", "123456")):
            assert told(answer) in ((410, "invitation-not-valid"), (422, "invalid-request"))


@pytest.mark.parametrize("field", ["roles", "username", "display_name", "kind", "staff_id", "organisation_id"])
def test_nothing_but_token_password_and_code_is_taken_from_who_accepts(
    client: CheckedClient, admin: Employee, office: UUID, field: str
) -> None:
    token = token_in(invite(client, admin, office, "counter-clerk"))
    secret = open_link(client, token).get_json()["authenticator"]["totp_secret"]
    more = {field: [{"role": "account-admin", "organisation_id": str(office)}]}
    answer = finish(client, token, otp_of(secret), **more)
    assert told(answer) == (422, "invalid-request")
    assert answer.get_json(force=True)["errors"][0]["pointer"] == f"/{field}"
    came = finish(client, token, otp_of(secret)).get_json()
    assert came["tokens"]["account"]["roles"] == ["counter-clerk"]


@pytest.mark.parametrize("password", ["password2026", "short", "x" * 30])
def test_an_unacceptable_password_opens_nothing(
    client: CheckedClient, admin: Employee, office: UUID, password: str
) -> None:
    token = token_in(invite(client, admin, office))
    answer = open_link(client, token, password)
    assert told(answer) == (422, "invalid-request")
    assert answer.get_json(force=True)["errors"][0]["pointer"] == "/password"
    secret = open_link(client, token).get_json()["authenticator"]["totp_secret"]
    assert told(finish(client, token, otp_of(secret), password)) == (422, "invalid-request")


def test_guessing_the_first_code_is_limited(client: CheckedClient, admin: Employee, office: UUID) -> None:
    token = token_in(invite(client, admin, office))
    open_link(client, token)
    answers = [told(finish(client, token, f"{n:06d}")) for n in range(6)]
    assert answers == [(422, "otp-not-accepted")] * 5 + [(429, "too-many-attempts")]


def test_a_username_is_invited_once(client: CheckedClient, admin: Employee, office: UUID) -> None:
    name = username()
    assert invite(client, admin, office, username=name).status_code == 201
    for again in (name, name.upper()):
        assert told(invite(client, admin, office, username=again)) == (409, "username-taken")
    known = employee().account.username
    assert told(invite(client, admin, office, username=known)) == (409, "username-taken")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"username": "有空 格"}, "/username"),
        ({"roles": [{"role": "office", "organisation_id": str(uuid4())}]}, "/roles/0/organisation_id"),
        ({"identity": {"name": "X", "id_number": "11010519491231002X"}}, "/identity/name"),
        ({"identity": {"name": "测试甲", "id_number": "110105194912310021"}}, "/identity/id_number"),
        ({"roles": []}, "/roles"),
    ],
)
def test_what_is_wrong_in_an_invitation_is_named(
    client: CheckedClient, admin: Employee, office: UUID, changes: dict[str, object], pointer: str
) -> None:
    answer = invite(client, admin, office, **changes)
    assert told(answer) == (422, "invalid-request")
    assert answer.get_json(force=True)["errors"][0]["pointer"] == pointer


def test_the_offices_own_roles_are_held_in_an_office(client: CheckedClient, admin: Employee) -> None:
    with db.transaction() as session:
        partner = make.organisation(session, "partner")
    answer = invite(client, admin, partner, "account-admin")
    assert told(answer) == (422, "invalid-request")


def test_incompatible_roles_are_refused_over_all_accounts_of_one_person(
    client: CheckedClient, admin: Employee, office: UUID
) -> None:
    roles = [{"role": role, "organisation_id": str(office)} for role in ("account-admin", "office")]
    both = invite(client, admin, office, roles=roles)
    assert told(both) == (409, "roles-not-compatible")
    assert both.get_json(force=True)["pairs"] == [["account-admin", "office"]]
    identity = {"name": make.name(), "id_number": make.id_number()}
    join(client, token_in(invite(client, admin, office, "office", identity=identity)))
    assert told(invite(client, admin, office, "auditor", identity=identity)) == (409, "roles-not-compatible")


def test_who_the_employee_is_can_be_written_and_not_read(client: CheckedClient, admin: Employee, office: UUID) -> None:
    identity = {"name": make.name(), "id_number": make.id_number()}
    made = invite(client, admin, office, identity=identity)
    came = join(client, token_in(made))
    listed = client.get(f"{API}/staff/{came.tokens['account']['id']}", token=admin.token)
    assert listed.get_json()["linked"] is True
    for answer in (made, listed, client.get(f"{API}/me", token=came.token)):
        assert not any(secret in answer.get_data(as_text=True) for secret in identity.values())
    assert client.get(f"{API}/me", token=came.token).get_json()["bound"] is False
    assert told(client.get(f"{API}/me/wallet", token=came.token)) == (403, "not-allowed")


def test_an_invitation_stands_in_the_trail_without_names(client: CheckedClient, admin: Employee, office: UUID) -> None:
    identity = {"name": make.name(), "id_number": make.id_number()}
    made = invite(client, admin, office, identity=identity).get_json()
    with db.reading() as reader:
        rows = reader.execute(select(*TrailRow.__table__.c).where(TrailRow.subject_id == made["id"])).all()
    assert [(row.action, row.actor_id, row.role) for row in rows] == [("staff.invite", admin.id, "account-admin")]
    assert not any(secret in str(rows) for secret in (*identity.values(), "测试新同事", made["link"]))


# --- coming back -------------------------------------------------------------------------------------------------


def reset(client: CheckedClient, by: Employee, staff_id: object, *, lost: bool) -> str:
    where = f"{API}/staff/{staff_id}/reset-links"
    return token_in(client.post(where, json={"authenticator_lost": lost}, token=by.token))


def test_a_forgotten_password_is_replaced_with_the_authenticator_that_stays(
    client: CheckedClient, admin: Employee, joined: Joined
) -> None:
    token = reset(client, admin, joined.tokens["account"]["id"], lost=False)
    opened = open_link(client, token, ANOTHER_PASSWORD).get_json()
    assert (opened["kind"], opened["authenticator"]) == ("password", None)
    with clock.shifted(LATER):
        answer = finish(client, token, otp_of(joined.secret), ANOTHER_PASSWORD)
        assert answer.status_code == 200 and answer.get_json()["recovery_codes"] == []
    assert told(client.get(f"{API}/me", token=joined.token)) == (401, "not-signed-in")
    with clock.shifted(2 * LATER):
        assert told(sign_in(client, joined.username, otp=otp_of(joined.secret))) == (401, "sign-in-refused")
        other = sign_in(client, joined.username, password=ANOTHER_PASSWORD, otp=otp_of(joined.secret))
        assert other.status_code == 200
    recovered = sign_in(client, joined.username, password=ANOTHER_PASSWORD, recovery_code=joined.recovery_codes[0])
    assert recovered.status_code == 200


def test_the_reset_of_a_password_alone_needs_the_old_authenticator(
    client: CheckedClient, admin: Employee, joined: Joined
) -> None:
    token = reset(client, admin, joined.tokens["account"]["id"], lost=False)
    answers = [told(finish(client, token, f"{n:06d}", ANOTHER_PASSWORD)) for n in range(6)]
    assert answers == [(422, "otp-not-accepted")] * 5 + [(429, "too-many-attempts")]
    assert client.get(f"{API}/me", token=joined.token).status_code == 200


def test_a_lost_authenticator_is_replaced_with_everything(
    client: CheckedClient, admin: Employee, joined: Joined
) -> None:
    came = join(client, reset(client, admin, joined.tokens["account"]["id"], lost=True))
    assert came.secret != joined.secret and len(came.recovery_codes) == 10
    assert came.tokens["account"]["id"] == joined.tokens["account"]["id"]
    old = sign_in(client, joined.username, recovery_code=joined.recovery_codes[0])
    assert told(old) == (401, "sign-in-refused")


def test_a_new_reset_link_voids_the_one_before(client: CheckedClient, admin: Employee, joined: Joined) -> None:
    staff_id = joined.tokens["account"]["id"]
    first, second = (reset(client, admin, staff_id, lost=True) for _ in range(2))
    assert told(open_link(client, first)) == (410, "invitation-not-valid")
    assert open_link(client, second).status_code == 200


def test_ten_recovery_codes_are_kept_as_slow_hashes(joined: Joined) -> None:
    with db.reading() as reader:
        hers = select(StaffRow.id).where(StaffRow.username == joined.username)
        kept = reader.execute(
            select(RecoveryCodeRow.selector, RecoveryCodeRow.code_hash).where(RecoveryCodeRow.staff_id.in_(hers))
        ).all()
    assert len(kept) == len(set(joined.recovery_codes)) == 10
    assert all(row.code_hash.startswith("$argon2id$") for row in kept)


def test_a_link_opened_again_while_it_is_accepted_makes_nothing(
    client: CheckedClient, admin: Employee, office: UUID
) -> None:
    token = token_in(invite(client, admin, office))
    secret = open_link(client, token).get_json()["authenticator"]["totp_secret"]
    with db.reading() as reader:
        proved = invitations.check_acceptance(reader, token, make.PASSWORD, otp_of(secret))
    open_link(client, token)
    with unchanged(), pytest.raises(OtpNotAccepted), db.transaction() as session:
        invitations.accept(session, proved)
