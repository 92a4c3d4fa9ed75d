"""Accounts that read personal data, decide or audit: an administrator of accounts alone makes none and takes none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from backend.accounts import service as accounts
from backend.accounts.models import StaffRow
from backend.approvals import service as approvals
from backend.approvals.errors import ConcernsYourself, OwnProposal
from backend.kit import clock, db
from backend.kit.ids import NIL
from backend.kit.trail import TrailRow
from backend.staff import appointments
from backend.staff.orders import Orderer
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.oidc_server import OidcServer
from tests.staff.conftest import (
    API,
    Employee,
    approve,
    employee,
    finish,
    invite,
    join,
    open_link,
    otp_of,
    token_in,
    told,
)

LONELY = sorted(set(accounts.ROLES) - set(accounts.ROLES_BY_TWO))


def decide(client: CheckedClient, by: Employee, approval_id: str, decision: str = "approve") -> Any:
    shown = client.get(f"{API}/approvals/{approval_id}", token=by.token).get_json()
    body = {"decision": decision, "reason": "已向本人核实", "digest": shown["digest"]}
    headers = {"Idempotency-Key": str(uuid4())}
    return client.post(f"{API}/approvals/{approval_id}/decisions", json=body, headers=headers, token=by.token)


def reset(client: CheckedClient, by: Employee, staff_id: UUID, lost: bool = True) -> Any:
    return client.post(f"{API}/staff/{staff_id}/reset-links", json={"authenticator_lost": lost}, token=by.token)


def set_roles(client: CheckedClient, by: Employee, staff_id: UUID, *roles: tuple[str, UUID]) -> Any:
    body = {"roles": [{"role": role, "organisation_id": str(where)} for role, where in roles], "reason": "轮岗"}
    return client.put(f"{API}/staff/{staff_id}/roles", json=body, token=by.token)


def held(staff_id: UUID) -> list[str]:
    with db.reading() as reader:
        return sorted(str(one["role"]) for one in accounts.staff_memberships(reader, staff_id))


@given(st.lists(st.sampled_from(sorted(accounts.ROLES))))
def test_it_takes_two_wherever_an_administrator_must_not_be_herself(roles: list[str]) -> None:
    by = Orderer(uuid4(), "account-admin")
    conflicting = any(accounts.conflicts(["account-admin", role]) for role in roles)
    assert appointments.takes_two(by, roles) == conflicting
    assert not appointments.takes_two(Orderer(NIL, "command-line"), roles)


@pytest.mark.parametrize("role", sorted(accounts.ROLES_BY_TWO))
def test_an_invitation_works_only_once_the_office_lets_it_through(
    client: CheckedClient, admin: Employee, office: UUID, role: str
) -> None:
    made = invite(client, admin, office, role, reason="新设岗位")
    token, approval_id = token_in(made, approved=False), made.get_json()["approval_id"]
    assert told(open_link(client, token)) == (409, "invitation-awaits-approval")
    assert told(finish(client, token, "123456")) == (409, "invitation-awaits-approval")
    officer = employee()
    shown = client.get(f"{API}/approvals/{approval_id}", token=officer.token).get_json()
    assert shown["kind"] == "staff.join" and shown["reason"] == "新设岗位" and not shown["own"]
    assert accounts.ROLES[role] in shown["summary"][0] and "测试新同事" in shown["summary"][0]
    done = decide(client, officer, approval_id)
    assert done.status_code == 201
    assert done.get_json()["result"]["link_until"][:15] == (clock.now() + timedelta(hours=72)).isoformat()[:15]
    assert join(client, token).tokens["account"]["roles"] == [role]


@pytest.mark.parametrize("role", LONELY)
def test_other_roles_need_nobody_else(client: CheckedClient, admin: Employee, office: UUID, role: str) -> None:
    made = invite(client, admin, office, role)
    assert made.get_json()["approval_id"] is None
    assert join(client, token_in(made)).tokens["account"]["roles"] == [role]


def test_what_the_office_refuses_never_works(client: CheckedClient, admin: Employee, office: UUID) -> None:
    made = invite(client, admin, office)
    assert decide(client, employee(), made.get_json()["approval_id"], "reject").status_code == 201
    assert told(open_link(client, token_in(made, approved=False))) == (409, "invitation-awaits-approval")


def test_an_administrator_decides_nothing(client: CheckedClient, admin: Employee, office: UUID) -> None:
    approval_id = invite(client, admin, office).get_json()["approval_id"]
    assert told(client.get(f"{API}/approvals/{approval_id}", token=admin.token)) == (403, "not-allowed")
    body = {"decision": "approve", "reason": "自己批", "digest": "0" * 64}
    headers = {"Idempotency-Key": str(uuid4())}
    refused = client.post(f"{API}/approvals/{approval_id}/decisions", json=body, headers=headers, token=admin.token)
    assert told(refused) == (403, "not-allowed")


def test_a_voided_link_takes_its_proposal_along(client: CheckedClient, admin: Employee, office: UUID) -> None:
    made, officer = invite(client, admin, office).get_json(), employee()
    listed = client.get(f"{API}/staff/invitations?limit=100", token=admin.token).get_json()["items"]
    assert {one["id"]: one["awaits_approval_id"] for one in listed}[made["id"]] == made["approval_id"]
    assert client.delete(f"{API}/staff/invitations/{made['id']}", token=admin.token).status_code == 204
    shown = client.get(f"{API}/approvals/{made['approval_id']}", token=officer.token).get_json()
    assert shown["state"] == "withdrawn"
    assert told(decide(client, officer, made["approval_id"])) == (409, "approval-closed")


def test_a_week_later_it_is_too_late(client: CheckedClient, admin: Employee, office: UUID) -> None:
    made, officer = invite(client, admin, office), employee()
    with clock.shifted(timedelta(days=7, seconds=1)):
        fresh = Employee(officer.account, _token(officer))
        assert told(decide(client, fresh, made.get_json()["approval_id"])) == (409, "approval-closed")
        assert told(open_link(client, token_in(made, approved=False))) == (410, "invitation-not-valid")


def test_a_link_approved_on_the_last_day_works_for_three(client: CheckedClient, admin: Employee, office: UUID) -> None:
    made = invite(client, admin, office)
    with clock.shifted(timedelta(days=7, minutes=-1)):
        approve(made.get_json()["approval_id"])
    with clock.shifted(timedelta(days=9, hours=23)):
        assert join(client, token_in(made, approved=False)).tokens["account"]["roles"] == ["office"]


# --- whose it is ---------------------------------------------------------------------------------------------------


def _token(who: Employee) -> str:
    with db.transaction() as session:
        return make.staff_token(session, who.account)


def _linked(who: Employee) -> UUID:
    """A person behind an account."""
    with db.transaction() as session:
        person = make.resident(session).resident_id
        session.get_one(StaffRow, who.id).resident_id = person
        return person


def test_nobody_lets_herself_in_a_second_time(client: CheckedClient, admin: Employee, office: UUID) -> None:
    officer = employee()
    with db.transaction() as session:
        card = make.resident(session)
        session.get_one(StaffRow, officer.id).resident_id = person = card.resident_id
    identity = {"name": card.name, "id_number": card.id_number}
    made = invite(client, admin, office, identity=identity)
    assert told(decide(client, officer, made.get_json()["approval_id"])) == (403, "concerns-yourself")
    shown = client.get(f"{API}/approvals/{made.get_json()['approval_id']}", token=officer.token)
    assert str(person) not in shown.get_data(as_text=True)


def test_nobody_approves_her_own_roles_or_reset(client: CheckedClient, admin: Employee, office: UUID) -> None:
    officer = employee("office", office)
    both = set_roles(client, admin, officer.id, ("office", office), ("counter-clerk", office)).get_json()
    link = reset(client, admin, officer.id).get_json()
    for approval_id in (both["approval_id"], link["approval_id"]):
        assert told(decide(client, officer, approval_id)) == (403, "concerns-yourself")


def test_an_administrator_who_is_an_officer_elsewhere_does_not_approve_herself(app: Flask) -> None:
    admin, officer = employee("account-admin"), employee()
    person = _linked(admin)
    with db.transaction() as session:
        session.get_one(StaffRow, officer.id).resident_id = person
        where = make.organisation(session)
        by = Orderer(admin.id, "account-admin", person)
        who = accounts.staff_member(session, make.staff(session, "market-manager").staff_id)
        approval_id = appointments.propose_roles(session, by, who, [], [("office", where)], "")
    with pytest.raises((OwnProposal, ConcernsYourself)):
        approve(str(approval_id), officer)


# --- an account that stands ----------------------------------------------------------------------------------------


def test_a_role_is_gained_by_two_and_lost_by_one(client: CheckedClient, admin: Employee, office: UUID) -> None:
    who = employee("market-manager", office)
    answer = set_roles(client, admin, who.id, ("counter-clerk", office)).get_json()
    assert [one["role"] for one in answer["memberships"]] == held(who.id) == ["market-manager"]
    officer = employee()
    shown = client.get(f"{API}/approvals/{answer['approval_id']}", token=officer.token).get_json()
    (change,) = shown["changes"]
    assert "市场管理员" in change["before"] and "窗口工作人员" in change["after"] and shown["reason"] == "轮岗"
    assert decide(client, officer, answer["approval_id"]).status_code == 201
    assert held(who.id) == ["counter-clerk"]
    lost = set_roles(client, admin, who.id).get_json()
    assert lost["approval_id"] is None and held(who.id) == []
    with db.reading() as reader:
        noted = select(TrailRow.detail).where(TrailRow.action == "staff.roles", TrailRow.subject_id == str(who.id))
        assert {"approval_id" in one for one in reader.execute(noted).scalars()} == {True, False}


def test_what_changed_meanwhile_is_proposed_anew(client: CheckedClient, admin: Employee, office: UUID) -> None:
    who, officer = employee("market-manager", office), employee()
    first = set_roles(client, admin, who.id, ("counter-clerk", office)).get_json()["approval_id"]
    set_roles(client, admin, who.id)
    refused = decide(client, officer, first)
    assert told(refused) == (409, "execution-refused") and refused.get_json()["because"] == "appointment-outdated"
    assert held(who.id) == []


def test_the_word_of_a_dismissed_administrator_is_worth_nothing(
    client: CheckedClient, admin: Employee, office: UUID
) -> None:
    who, fired, officer = employee("market-manager", office), employee("account-admin"), employee()
    proposed = set_roles(client, fired, who.id, ("office", office)).get_json()["approval_id"]
    invited = invite(client, fired, office).get_json()["approval_id"]
    client.post(f"{API}/staff/{fired.id}/suspension", token=admin.token)
    for approval_id in (proposed, invited):
        refused = decide(client, officer, approval_id)
        assert told(refused) == (409, "execution-refused") and refused.get_json()["because"] == "appointment-outdated"
    assert held(who.id) == ["market-manager"]


def test_a_link_kept_from_before_does_not_open_the_new_roles(
    client: CheckedClient, admin: Employee, office: UUID
) -> None:
    who = employee("market-manager", office)
    kept = token_in(reset(client, admin, who.id))
    approve(set_roles(client, admin, who.id, ("office", office)).get_json()["approval_id"])
    assert told(open_link(client, kept)) == (410, "invitation-not-valid")


@pytest.mark.parametrize("taken", ["reset", "linked"])
def test_whose_keys_changed_while_it_waited_gets_no_role(
    client: CheckedClient, admin: Employee, office: UUID, identity_provider: OidcServer, taken: str
) -> None:
    """An account that nobody guarded yet is taken over between proposal and approval."""
    who, officer = employee("market-manager", office), employee()
    approval_id = set_roles(client, admin, who.id, ("office", office)).get_json()["approval_id"]
    if taken == "reset":
        token = token_in(reset(client, admin, who.id))
        secret = open_link(client, token).get_json()["authenticator"]["totp_secret"]
        assert finish(client, token, otp_of(secret)).status_code == 200
    else:
        body = {"subject": uuid4().hex}
        assert client.put(f"{API}/staff/{who.id}/oidc-subject", json=body, token=admin.token).status_code == 200
    refused = decide(client, officer, approval_id)
    assert told(refused) == (409, "execution-refused") and refused.get_json()["because"] == "appointment-outdated"
    assert held(who.id) == ["market-manager"]


def test_an_officers_authenticator_is_replaced_by_two(client: CheckedClient, admin: Employee) -> None:
    who = employee("counter-clerk")
    link = reset(client, admin, who.id)
    token = token_in(link, approved=False)
    assert told(open_link(client, token)) == (409, "invitation-awaits-approval")
    again = reset(client, admin, who.id)
    assert told(decide(client, employee(), link.get_json()["approval_id"])) == (409, "approval-closed")
    token = token_in(again)
    secret = open_link(client, token).get_json()["authenticator"]["totp_secret"]
    assert finish(client, token, otp_of(secret)).status_code == 200


def test_a_forgotten_password_needs_the_holders_authenticator_and_nobody_else(
    client: CheckedClient, admin: Employee
) -> None:
    who = employee("counter-clerk")
    link = reset(client, admin, who.id, lost=False)
    assert link.get_json()["approval_id"] is None
    assert finish(client, token_in(link), who.account.otp()).status_code == 200


def test_a_rejection_leaves_no_trace_in_the_account(client: CheckedClient, admin: Employee, office: UUID) -> None:
    who = employee("market-manager", office)
    approval_id = set_roles(client, admin, who.id, ("office", office)).get_json()["approval_id"]
    assert decide(client, employee(), approval_id, "reject").status_code == 201
    assert held(who.id) == ["market-manager"]
    with db.reading() as reader:
        assert approvals.approval(reader, UUID(approval_id)).state == "rejected"
