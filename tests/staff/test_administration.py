"""Administrators of accounts, what they may not do, and whoever must leave."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.community import points, submissions
from backend.community.models import Review, Submission
from backend.community.submissions import NewSubmission
from backend.kit import clock, db
from backend.kit.ids import NIL
from backend.kit.trail import TrailRow
from backend.staff import members
from backend.staff.errors import LastAccountAdmin
from backend.staff.orders import Orderer
from backend.web import callers
from tests.checked_client import CheckedClient
from tests.community.conftest import DONGSHAN, act, neighbour, organisation_of
from tests.community.conftest import join as join_community
from tests.factories import accounts as make
from tests.house.snapshots import unchanged
from tests.races.test_accounts_races import at_once as clients_at_once
from tests.staff.conftest import API, Employee, employee, finish, invite, join, open_link, otp_of, token_in, told

V1 = API


def suspend(client: CheckedClient, by: Employee, staff_id: object) -> Any:
    return client.post(f"{API}/staff/{staff_id}/suspension", token=by.token)


def set_roles(client: CheckedClient, by: Employee, staff_id: object, *roles: tuple[str, UUID]) -> Any:
    body = {"roles": [{"role": role, "organisation_id": str(where)} for role, where in roles]}
    return client.put(f"{API}/staff/{staff_id}/roles", json=body, token=by.token)


def test_staff_are_listed_by_page_organisation_role_and_status(
    client: CheckedClient, admin: Employee, office: UUID
) -> None:
    mine = [employee("office", office), employee("auditor", office), employee("office", office)]
    suspend(client, admin, mine[2].id)

    def listed(**query: object) -> list[str]:
        where = {"organisation_id": str(office), "limit": 1, **query}
        found, cursor = [], None
        while True:
            page = client.get(
                f"{API}/staff", query_string=where | ({"cursor": cursor} if cursor else {}), token=admin.token
            ).get_json()
            found += [one["username"] for one in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                return found

    names = [one.account.username for one in mine]
    assert listed() == sorted(names)
    assert listed(role="auditor") == [names[1]]
    assert listed(status="suspended") == [names[2]]
    assert listed(role="office", status="active") == [names[0]]


def test_roles_are_replaced_and_count_in_the_next_request(client: CheckedClient, admin: Employee, office: UUID) -> None:
    who = employee("office", office)
    answer = set_roles(client, admin, who.id, ("market-manager", office))
    assert [one["role"] for one in answer.get_json()["memberships"]] == ["market-manager"]
    assert answer.get_json()["approval_id"] is None
    assert client.get(f"{API}/me", token=who.token).get_json()["account"]["roles"] == ["market-manager"]
    with db.reading() as reader:
        told_of = reader.execute(
            select(TrailRow.detail).where(TrailRow.action == "staff.roles", TrailRow.subject_id == str(who.id))
        ).scalar_one()
    assert told_of == {"before": [f"office@{office}"], "after": [f"market-manager@{office}"]}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "roles", {"roles": []}),
        ("POST", "suspension", None),
        ("DELETE", "suspension", None),
        ("POST", "reset-links", {"authenticator_lost": True}),
        ("PUT", "oidc-subject", {"subject": "x"}),
        ("DELETE", "oidc-subject", None),
        ("DELETE", "sessions", None),
    ],
)
def test_nobody_gives_orders_about_herself(
    client: CheckedClient, admin: Employee, method: str, path: str, body: Any
) -> None:
    employee("account-admin")
    with unchanged():
        answer = client.open(f"{API}/staff/{admin.id}/{path}", method=method, json=body, token=admin.token)
        assert told(answer) == (403, "not-yourself")


def test_nobody_invites_herself_under_another_name(client: CheckedClient, admin: Employee, office: UUID) -> None:
    identity = {"name": make.name(), "id_number": make.id_number()}
    came = join(client, token_in(invite(client, admin, office, "account-admin", identity=identity)))
    herself = Employee(admin.account, came.token)
    assert told(invite(client, herself, office, "partner-manager", identity=identity)) == (403, "not-yourself")


@pytest.mark.parametrize(
    "roles", [("account-admin", "office"), ("auditor", "counter-clerk"), ("account-admin", "auditor")]
)
def test_separated_duties_are_not_given_together(
    client: CheckedClient, admin: Employee, office: UUID, roles: tuple[str, str]
) -> None:
    who = employee()
    with unchanged():
        answer = set_roles(client, admin, who.id, *((role, office) for role in roles))
        assert told(answer) == (409, "roles-not-compatible")
        assert answer.get_json(force=True)["pairs"] == [sorted(roles)]


@pytest.mark.parametrize("role", ["office", "auditor", "counter-clerk", "community-worker"])
def test_only_administrators_of_accounts_administer(client: CheckedClient, office: UUID, role: str) -> None:
    who, other = employee(role), employee()
    with unchanged():
        assert told(suspend(client, who, other.id)) == (403, "not-allowed")
        assert told(invite(client, who, office)) == (403, "not-allowed")
        assert told(client.get(f"{API}/staff", token=who.token)) == (403, "not-allowed")


def only_admins(*wanted: Employee) -> None:
    """Suspend every other administrator that this database knows."""
    with db.transaction() as session:
        for staff_id in accounts.lock_holders(session, "account-admin"):
            if staff_id not in {one.id for one in wanted}:
                accounts.set_staff_status(session, staff_id, "suspended")


def test_the_last_administrator_stays(client: CheckedClient, admin: Employee, office: UUID) -> None:
    only_admins(admin)
    operator = Orderer(NIL, "command-line")
    for act_of in (
        lambda session: members.suspend(session, operator, admin.id),
        lambda session: members.set_roles(session, operator, admin.id, [("office", office)]),
    ):
        with pytest.raises(LastAccountAdmin), db.transaction() as session:
            act_of(session)
    assert client.get(f"{API}/staff", token=admin.token).status_code == 200


def test_two_administrators_who_suspend_each_other_leave_one(
    client: CheckedClient, admin: Employee, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second order looks who is left while the first is not yet committed: it must wait, and then think again."""
    other, looked, results = employee("account-admin"), threading.Event(), []
    only_admins(admin, other)
    holders = accounts.lock_holders

    def watched(session: Session, role: str) -> list[UUID]:
        found = holders(session, role)
        looked.set()
        return found

    def second() -> None:
        try:
            with db.transaction() as session:
                members.suspend(session, Orderer(other.id, "account-admin"), admin.id)
        except LastAccountAdmin as refusal:
            results.append(refusal)

    thread = threading.Thread(target=second)
    with db.transaction() as session:
        members.suspend(session, Orderer(admin.id, "account-admin"), other.id)
        monkeypatch.setattr(accounts, "lock_holders", watched)
        thread.start()
        looked.wait(0.5)  # never set where the second waits, as it must
    thread.join(30)
    assert len(results) == 1
    with db.reading() as reader:
        assert accounts.staff_member(reader, admin.id).status == "active"


def test_sessions_of_a_staff_member_are_seen_and_ended(client: CheckedClient, admin: Employee) -> None:
    who = employee()
    with db.transaction() as session:
        second = make.staff_token(session, who.account)
    where = f"{API}/staff/{who.id}/sessions"
    listed = client.get(where, token=admin.token).get_json()["items"]
    assert len(listed) == 2 and not any(one["current"] for one in listed)
    assert client.delete(f"{where}/{listed[0]['id']}", token=admin.token).status_code == 204
    assert {client.get(f"{API}/me", token=token).status_code for token in (who.token, second)} == {200, 401}
    assert client.delete(where, token=admin.token).get_json() == {"ended": 1}
    assert told(client.delete(f"{where}/{listed[0]['id']}", token=admin.token)) == (404, "not-found")


def test_whoever_is_suspended_is_out_with_the_next_request_and_may_come_back(
    client: CheckedClient, admin: Employee
) -> None:
    who = employee()
    assert suspend(client, admin, who.id).get_json()["status"] == "suspended"
    assert told(client.get(f"{API}/me", token=who.token)) == (401, "not-signed-in")
    assert client.delete(f"{API}/staff/{who.id}/suspension", token=admin.token).get_json()["status"] == "active"
    assert told(client.get(f"{API}/me", token=who.token)) == (401, "not-signed-in")


def test_a_dismissed_administrator_leaves_no_door_open(client: CheckedClient, admin: Employee, office: UUID) -> None:
    fired = employee("account-admin")
    kept = token_in(invite(client, fired, office, "office"))
    suspend(client, admin, fired.id)
    assert told(open_link(client, kept)) == (410, "invitation-not-valid")
    moved = employee("account-admin")
    kept = token_in(invite(client, moved, office, "office"))
    set_roles(client, admin, moved.id, ("partner-manager", office))
    assert told(open_link(client, kept)) == (410, "invitation-not-valid")


def test_the_links_of_a_suspended_account_are_void(client: CheckedClient, admin: Employee) -> None:
    who = employee()
    link = client.post(f"{API}/staff/{who.id}/reset-links", json={"authenticator_lost": True}, token=admin.token)
    suspend(client, admin, who.id)
    client.delete(f"{API}/staff/{who.id}/suspension", token=admin.token)
    assert told(open_link(client, token_in(link, approved=False))) == (410, "invitation-not-valid")


# --- in the middle of a review -----------------------------------------------------------------------------------


@pytest.fixture
def desk(client: CheckedClient) -> tuple[Employee, UUID]:
    """A community worker, and a deed that waits for her."""
    with db.transaction() as session:
        where = organisation_of(session, DONGSHAN)
        resident_id = neighbour(session, DONGSHAN)
        deed = submissions.submit(
            session, resident_id, NewSubmission("elder-care", clock.now(), "买菜"), act(resident_id)
        )
    return employee("community-worker", where), deed.id


def decide(client: CheckedClient, worker: Employee, submission_id: UUID) -> Any:
    where, body = f"{V1}/community/submissions/{submission_id}/reviews", {"decision": "approve", "reason": "属实"}
    return client.post(where, json=body, token=worker.token, key=uuid4())


def nothing_was_decided(submission_id: UUID) -> None:
    with db.reading() as reader:
        assert reader.execute(select(Submission.status).where(Submission.id == submission_id)).scalar() == "pending"
        assert reader.execute(select(Review.id).where(Review.submission_id == submission_id)).first() is None


def test_a_worker_dismissed_between_queue_and_decision_decides_nothing(
    client: CheckedClient, admin: Employee, desk: tuple[Employee, UUID]
) -> None:
    worker, submission_id = desk
    assert client.get(f"{V1}/community/review-queue", token=worker.token).status_code == 200
    suspend(client, admin, worker.id)
    with unchanged():
        assert told(decide(client, worker, submission_id)) == (401, "not-signed-in")
    nothing_was_decided(submission_id)


def at_the_door(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when somebody has been let in and is about to act."""
    let_in, resolve = threading.Event(), callers._resolver
    assert resolve

    def resolved(token: str) -> callers.Caller:
        caller = resolve(token)
        let_in.set()
        return caller

    monkeypatch.setattr(callers, "_resolver", resolved)
    return let_in


@pytest.mark.parametrize("order", ["suspended", "another role", "sessions ended"])
def test_a_worker_dismissed_while_her_decision_waits_decides_nothing(
    app: Flask, client: CheckedClient, desk: tuple[Employee, UUID], office: UUID, monkeypatch: pytest.MonkeyPatch,
    order: str,
) -> None:  # fmt: skip
    """She is let in, then waits for a row that the other transaction holds, in which she is dismissed."""
    worker, submission_id = desk
    let_in, answers, by = at_the_door(monkeypatch), [], Orderer(uuid4(), "account-admin")
    with db.transaction() as session:
        owner = session.execute(select(Submission.resident_id).where(Submission.id == submission_id)).scalar_one()
        points.lock_member(session, owner)
        act_of_hers = threading.Thread(target=lambda: answers.append(decide(CheckedClient(app), worker, submission_id)))
        act_of_hers.start()
        assert let_in.wait(30)
        if order == "suspended":
            members.suspend(session, by, worker.id)
        elif order == "another role":
            members.set_roles(session, by, worker.id, [("partner-manager", office)])
        else:
            members.end_sessions(session, by, worker.id)
    act_of_hers.join(30)
    expected = (403, "not-allowed") if order == "another role" else (401, "not-signed-in")
    assert [told(answer) for answer in answers] == [expected]
    nothing_was_decided(submission_id)


def test_a_worker_does_not_review_her_own_deed(client: CheckedClient, admin: Employee) -> None:
    with db.transaction() as session:
        where, herself = organisation_of(session, DONGSHAN), make.resident(session, bound=False)
        join_community(session, herself.resident_id, DONGSHAN)
        deed = submissions.submit(
            session, herself.resident_id, NewSubmission("elder-care", clock.now(), "买菜"), act(herself.resident_id)
        )
    identity = {"name": herself.name, "id_number": herself.id_number}
    came = join(client, token_in(invite(client, admin, where, "community-worker", identity=identity)))
    answer = decide(client, Employee(admin.account, came.token), deed.id)
    assert told(answer) == (403, "own-submission")
    nothing_was_decided(deed.id)
    assert decide(client, employee("community-worker", where), deed.id).status_code == 201


def test_two_acceptances_of_one_invitation_make_one_account(
    app: Flask, client: CheckedClient, admin: Employee, office: UUID
) -> None:
    token = token_in(invite(client, admin, office))
    secret = open_link(client, token).get_json()["authenticator"]["totp_secret"]
    answers = clients_at_once(app, lambda own, _: finish(own, token, otp_of(secret)), 4)
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410]
