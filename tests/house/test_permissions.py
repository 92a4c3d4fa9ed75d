"""Every route × every kind of caller and role × other people's and other organisations' ids.

Each route's good call is sent by everyone who is not its rightful caller. A new route with ids in it must be named
below, in ``REFUSED``, ``ANSWERED_NO`` or ``OPEN``: the test fails until somebody has thought about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from backend.web.callers import PERMISSIONS
from tests.checked_client import CheckedClient
from tests.factories.world import GUARDED, METHOD_OF, OPERATIONS, PERMISSION_OF, STAFF, Call, World
from tests.house.snapshots import changed, snapshot

EMPLOYED = [label for role in STAFF for label in (role, f"other {role}")]
CALLERS = ("nobody", "unbound", "resident", "neighbour", "device", "other device", *EMPLOYED)
UNBOUND_MAY = {
    "list_messages",
    "read_message",
    "list_templates",
    "accept_messages",
    "recover_account",
    "bind_identity",
    "sign_out",
    "read_me",
    "show_home",
    "list_sessions",
    "end_own_session",
    "end_other_sessions",
}
"""What a WeChat account may do that is nobody's yet."""

REFUSED = {
    "announce_activity": (404, "not-found"),
    **dict.fromkeys(
        (
            "read_settlement",
            "list_settlement_lines",
            "list_settlement_disputes",
            "download_settlement_xlsx",
            "download_settlement_pdf",
            "agree_settlement",
            "dispute_settlement_line",
        ),
        (404, "not-found"),
    ),
    "show_check_in_code": (404, "not-found"),
    "show_submission_photo": (404, "not-found"),
    "review_submission": (404, "not-found"),
    "submit_deed": (422, "invalid-request"),  # with the resident's photo
    "read_coupon": (404, "not-found"),
    "prove_wallet_entry": (404, "not-found"),
    "create_coupon_code": (404, "not-found"),
    "cancel_coupon": (404, "not-found"),
    "reissue_coupon": (404, "not-found"),
    "transfer_coupon": (404, "not-found"),
    "extend_coupons": (404, "not-found"),
    "list_coupon_extensions": (404, "not-found"),
    "show_file": (404, "not-found"),
    "admit": (403, "not-your-offer"),
    "read_message": (404, "not-found"),
    "end_delegation": (404, "not-found"),
    "end_own_session": (404, "not-found"),
    "withdraw_approval": (403, "not-your-proposal"),
    "download_export": (404, "not-found"),
    "rename_device": (404, "not-found"),
    "suspend_device": (404, "not-found"),
    "restore_device": (404, "not-found"),
    "retire_device": (404, "not-found"),
    "create_enrolment_code": (404, "not-found"),
    "list_my_record_versions": (404, "not-found"),
    "list_entity_record_versions": (404, "not-found"),
    "correct_entity_record": (404, "not-found"),
    "withdraw_entity_record": (404, "not-found"),
    "correct_person_record": (404, "not-found"),
    "withdraw_person_record": (404, "not-found"),
    "declare": (422, "invalid-request"),  # with the resident's picture
    "read_my_declaration": (404, "not-found"),
    "withdraw_declaration": (404, "not-found"),
    "declare_for_entity": (422, "invalid-request"),  # with the other organisation's picture
    "read_entity_declaration": (404, "not-found"),
    "withdraw_entity_declaration": (404, "not-found"),
    "show_declaration": (404, "not-found"),
    "show_declaration_photo": (404, "not-found"),
    "decide_declaration": (404, "not-found"),
    "read_my_obligation": (404, "not-found"),
    "dispute_obligation": (404, "not-found"),
    "read_partner_obligation": (404, "not-found"),
    "charge_obligation": (404, "not-found"),
    "report_payment": (404, "not-found"),
    "release_obligation": (404, "not-found"),
    "withdraw_obligation": (404, "not-found"),
    "leave_waiting": (404, "not-found"),
    "download_slot": (404, "not-found"),
    "send_batch": (403, "not-your-item"),
    "read_batch": (404, "not-found"),
    "download_rejected_csv": (404, "not-found"),
    "download_rejected_xlsx": (404, "not-found"),
    "withdraw_batch": (404, "not-found"),
    "list_quarantined": (404, "not-found"),
    "propose_offer": (422, "invalid-request"),  # in the other partner's name
    "remove_plate": (404, "not-found"),
    "set_plate_operator": (404, "not-found"),
    "confirm_plate": (403, "not-a-car-park"),
    **dict.fromkeys(
        ("ask_parking_entitlement", "report_parking_entry", "report_parking_exit"), (403, "signature-invalid")
    ),
    **dict.fromkeys(
        (
            "read_webhook",
            "change_webhook",
            "delete_webhook",
            "rotate_webhook_secret",
            "ping_webhook",
            "list_webhook_deliveries",
            "retry_webhook_delivery",
            "read_own_proposal",
            "correct_proposal",
            "withdraw_proposal",
            "list_offer_versions",
            "withdraw_staff_request",
            "draw_staff_invitation",
        ),
        (404, "not-found"),
    ),
    "undo_admission": (404, "not-found"),
    "claim_conflict": (404, "not-found"),
    "waive_conflict": (404, "not-found"),
}
"""What somebody of the same kind and role is told who is another person or of another organisation."""

ANSWERED_NO = {"verify_code", "upload_admissions"}
"""Answered with 200 and a refusal in the answer."""

OPEN = {
    **dict.fromkeys(
        ("prepare_settlement", "decide_settlement_dispute", "close_settlement"), "the office settles with every partner"
    ),
    "bind_identity": "names the person who binds",
    "accept_messages": "an answer to WeChat's dialogue is the caller's own",
    "register_guardian": "any counter serves whoever stands before it",
    "find_delegations": "any counter serves whoever stands before it",
    "end_at_counter": "any counter serves whoever stands before it",
    "start_helping": "any counter serves whoever stands before it",
    "recover_account": "names the person who comes back",
    "lift_pause": "any counter serves whoever stands before it",
    "issue_counter_code": "any counter vouches for whoever stands before it",
    "grant_budget": "the office orders for every organisation",
    "decide_conflict": "the office decides for every partner",
    "propose_reversal": "the office corrects everybody's, by two",
    "correct_phone": "WeChat says whose phone a code is; the correction is the caller's own",
    "correct_name": "the counter's code is bound to the id number of whoever uses it",
    "leave": "nobody leaves but the caller",
    "look_at_person": "a counter and the office serve everybody; the look is written down first",
    "read_statement": "a month is nobody's; the wallet is the caller's own",
    "download_statement": "a month is nobody's; the wallet is the caller's own",
    "set_consent": "a purpose is not somebody's; the consent given is the caller's",
    "sign_covenant": "a community is open to all",
    "check_in": "an activity is open to all members",
    "redeem": "an offer is open to all",
    "join_waiting": "an offer is open to all",
    "lift_slot_pause": "the office lifts everybody's, but not its own, as the room's tests prove",
    "change_password": "the caller's own, proved by the old one",
    "renew_recovery_codes": "the caller's own, proved by password and code",
    "begin_authenticator": "the caller's own, proved by password and code",
    "confirm_authenticator": "the caller's own, proved by the new secret's code",
    "invite_staff": "an administrator of accounts invites for every organisation",
    "revoke_invitation": "administrators of accounts see one another's links",
    **dict.fromkeys(
        (
            "read_staff",
            "set_staff_roles",
            "suspend_staff",
            "lift_suspension",
            "create_reset_link",
            "link_oidc_subject",
            "unlink_oidc_subject",
            "list_staff_sessions",
            "end_staff_sessions",
            "end_staff_session",
        ),
        "an administrator of accounts administers every organisation's staff",
    ),
    "read_entity_archive": "an entity's name is public; of its records each department sees its own items",
    "rename_entity": "the office registers every entity's new name",
    "propose_policy": "a policy is the city's",
    **dict.fromkeys(
        (
            "create_score_draft",
            "read_score_draft",
            "simulate_score_draft",
            "read_score_simulation",
            "propose_score_draft",
        ),
        "the scoring policy is the city's, and so are its drafts",
    ),
    "propose_adjustment": "the office proposes for everybody",
    "propose_export": "the office proposes about everybody",
    "read_approval": "the office and its auditor see every proposal",
    "decide_approval": "a colleague decides; not the proposer, as the approvals' own tests prove",
    "read_policy": "a policy is the city's",
    "show_obligation_dispute": "the office decides every partner's disputes; the look is written down first",
    "decide_obligation_dispute": "the office decides every partner's disputes; not its own, as the room's tests prove",
    "decide_quarantined": "the office decides for every department",
    "register_plate": "names no id; the plate is the caller's own until somebody confirms it",
    "create_webhook": "names no id; the webhook is the caller's own organisation's",
    **dict.fromkeys(
        (
            "read_partner_application",
            "decide_partner_application",
            "read_partner_proposal",
            "decide_partner_proposal",
        ),
        "the office reviews every partner, by two",
    ),
    "propose_venue": "a venue of the caller's own organisation",
    "request_staff": "a colleague in the caller's own organisation",
}
"""Routes with ids that are nobody's secret: the call is the caller's own act."""

REMEMBERED = {"admit": {"perks_scans", "operations"}, "upload_admissions": {"perks_scans", "operations"}}
"""Where a refusal is kept: a device's scans."""

OPEN_READS = [name for name in OPERATIONS if PERMISSION_OF[name] == "public" and METHOD_OF[name] == "GET"]
OWN_READS = [name for name in GUARDED if METHOD_OF[name] == "GET"]
ACTS_OF_ONES_OWN = [name for name in OPEN if "resident" in PERMISSIONS[PERMISSION_OF[name]].kinds]


def kind_of(label: str) -> str:
    if label in ("unbound", "resident", "neighbour"):
        return "resident"
    return "device" if label.endswith("device") else "staff"


def may(label: str, action: str) -> bool:
    """Whether a caller's kind and role have the permission, by the one table."""
    permission = PERMISSIONS[action]
    kind = kind_of(label)
    if label == "nobody" or kind not in permission.kinds:
        return False
    return kind != "staff" or not permission.roles or label.removeprefix("other ") in permission.roles


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True)["type"]).removeprefix("/problems/")


def other_of(who: str) -> str:
    """Somebody of the same kind and role."""
    return {
        "resident": "neighbour",
        "newcomer": "unbound",
        "new phone": "unbound",
        "leaving": "neighbour",
        "correcting": "neighbour",
        "withdrawing": "neighbour",
        "departing": "unbound",
    }.get(who, f"other {who}")


def strangers(world: World, call: Call, action: str) -> Iterator[tuple[str, int, str]]:
    """Who may not send this call at all, and the answer."""
    for label in CALLERS:
        if label == "nobody":
            yield label, 401, "not-signed-in"
        elif not may(label, action):
            yield label, 403, "not-allowed"
        elif label == "unbound" and call.name not in UNBOUND_MAY:
            yield label, 403, "identity-not-bound"


@pytest.mark.once
@pytest.mark.parametrize("name", GUARDED)
def test_only_those_named_in_the_table_are_let_in(client: CheckedClient, world: World, name: str) -> None:
    action = PERMISSION_OF[name]
    call, wrong = world.call(name), []
    before = snapshot()
    for label, status, expected in strangers(world, call, action):
        answer = call.send(client, world.tokens.get(label))
        told = (answer.status_code, slug(answer) if answer.status_code >= 400 else "")
        named = answer.get_json(force=True).get("permission") if told[1] == "not-allowed" else action
        if told != (status, expected) or named != action:
            wrong.append((label, told, named))
        if status == 401:
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not wrong
    assert changed(before, snapshot()) == set()


@pytest.mark.once
@pytest.mark.parametrize("name", OPEN_READS)
def test_a_public_route_opens_for_anyone(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    for label in ("nobody", "unbound", "neighbour", "other community-worker", "other device"):
        answer = call.send(client, world.tokens.get(label))
        assert answer.status_code == 200, label
        tells_nothing(world, answer)


def tells_nothing(world: World, answer: Any) -> None:
    """Nothing that is the resident's stands in an answer to somebody else."""
    body = answer.get_data()
    found = [secret for secret in world.secrets if str(secret).encode() in body]
    assert not found


def belongings(client: CheckedClient, world: World) -> dict[str, Any]:
    """Everything that the resident can read about herself."""
    read = set(OWN_READS) - {"read_data", "download_data"}  # a copy is counted, noted, and tells when it was made
    hers = [name for name in sorted(read) if "resident" in PERMISSIONS[PERMISSION_OF[name]].kinds]
    names = [name for name in hers if re.fullmatch(r"/api/v1/(home|me[^{]*)", world.operations[name][1])]
    return {name: world.call(name).send(client, world.tokens["resident"]).get_json() for name in names}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_other_peoples_and_organisations_ids_are_refused(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    assert call.who
    before, mine = snapshot(), belongings(client, world)
    answer = call.send(client, world.tokens[other_of(call.who)])
    assert (answer.status_code, slug(answer)) == REFUSED[name]
    tells_nothing(world, answer)
    assert changed(before, snapshot()) <= REMEMBERED.get(name, set())
    assert belongings(client, world) == mine


def test_another_partners_device_learns_only_that_it_is_not_its_offer(client: CheckedClient, world: World) -> None:
    mine = belongings(client, world)
    asked = world.call("verify_code").send(client, world.tokens["other device"])
    uploaded = world.call("upload_admissions").send(client, world.tokens["other device"])
    (row,) = uploaded.get_json()["items"]
    for told in (asked.get_json(), row):
        assert (told["verdict"], told["reason"], told["offer"]) == ("refused", "not-your-offer", None)
    for answer in (asked, uploaded):
        tells_nothing(world, answer)
    after = belongings(client, world)
    fresh = {
        "list_coupons",
        "read_wallet",
        "list_wallet_entries",
        "list_statements",
        "show_home",
        "read_departure",
    }  # the coupons that the two calls were made with
    assert {key: after[key] for key in after if key not in fresh} == {k: mine[k] for k in mine if k not in fresh}
    left = {coupon["id"]: coupon["uses_left"] for coupon in mine["list_coupons"]["items"]}
    assert {c["id"]: c["uses_left"] for c in after["list_coupons"]["items"]}.items() >= left.items()


@pytest.mark.parametrize("name", ACTS_OF_ONES_OWN)
def test_an_act_of_somebody_else_leaves_the_resident_as_she_is(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    assert call.who
    mine = belongings(client, world)
    answer = call.send(client, world.tokens[other_of(call.who)])
    assert answer.status_code != 500
    tells_nothing(world, answer)
    assert belongings(client, world) == mine


def test_a_transfer_is_corrected_only_under_the_person_it_belongs_to(client: CheckedClient, world: World) -> None:
    call = world.call("propose_reversal")
    call.body["resident_id"] = str(world.neighbour.resident_id)
    before = snapshot()
    answer = call.send(client, world.tokens["office"])
    assert (answer.status_code, slug(answer)) == (404, "not-found")
    assert changed(before, snapshot()) == set()


@pytest.mark.parametrize("name", [name for name in OWN_READS if name not in REFUSED])
def test_lists_hold_only_the_callers_own(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    assert call.who
    answer = call.send(client, world.tokens[other_of(call.who)])
    assert answer.status_code == 200
    tells_nothing(world, answer)


@pytest.mark.once
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_id_that_nobody_has_is_not_found(client: CheckedClient, world: World, name: str) -> None:
    path = world.operations[name][1]
    params = re.findall(r"\{(\w+_id)\}", path)
    if not params or "list_id" in params:
        return
    call = world.call(name)
    before = snapshot()
    for param in params:
        answer = call.send(client, world.tokens[call.who] if call.who else None, params={param: uuid4()})
        assert (answer.status_code, slug(answer)) == (404, "not-found"), param
    assert changed(before, snapshot()) == set()


def test_every_guarded_route_with_ids_is_thought_about(world: World) -> None:
    without_ids = {"create_presentation_code", "upload_file"}
    known = set(REFUSED) | ANSWERED_NO | set(OPEN) | without_ids
    with_ids = [
        name for name in GUARDED if "{" in world.operations[name][1] or "requestBody" in world.operations[name][2]
    ]
    assert set(with_ids) - known == set(), "say in REFUSED, ANSWERED_NO or OPEN what others are told"


@pytest.mark.parametrize("action", sorted(PERMISSIONS))
def test_the_table_names_roles_that_exist(action: str) -> None:
    permission = PERMISSIONS[action]
    assert permission.roles <= set(STAFF)
    assert "staff" in permission.kinds or not permission.roles, "roles are for staff"
    assert permission.roles or permission.kinds != {"staff"}, "staff have roles"
