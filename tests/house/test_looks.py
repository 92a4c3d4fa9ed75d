"""Whoever opens what is somebody else's is written down first: every route, by what really happens in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select
from sqlalchemy.sql.dml import Insert

from backend.accounts import service as accounts
from backend.consents.models import AccessLogRow
from backend.consents.rules import FIELD_WORDS
from backend.kit import db, files, seal
from backend.web.callers import PERMISSIONS
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories.world import METHOD_OF, OPERATIONS, PERMISSION_OF, Call, World

SHOWS_PERSONS = {
    "list_review_queue": "consent:community:ID", "show_submission_photo": "consent:community:ID",
    "list_declaration_queue": "declaration:ID", "show_declaration": "declaration:ID",
    "show_declaration_photo": "declaration:ID", "decide_declaration": "declaration:ID",
    "show_obligation_dispute": "obligation:ID",
    "look_at_person": "document:.*[0-9].*", "lift_pause": "presence:card", "register_guardian": "presence:card",
    "find_delegations": "presence:card|delegation:ID", "end_at_counter": "delegation:ID",
    "start_helping": "presence:card", "list_helping": "delegation:ID", "download_export": "approval:ID",
}  # fmt: skip
"""Routes by which somebody reads what is another person's, and the authorisation on which she does. Each writes the
access log before it answers."""

SHOWS_NOBODY = {
    "sign_out": "ends a session", "read_me": "one's own account",
    "issue_counter_code": "answers a code for what the clerk typed; in the trail",
    "grant_budget": "an organisation's figures", "propose_reversal": "corrects a transfer named by id; in the trail",
    "upload_file": "one's own picture", "show_file": "one's own picture",
    "declare_for_entity": "a legal entity's", "list_entity_declarations": "a legal entity's",
    "read_entity_declaration": "a legal entity's", "withdraw_entity_declaration": "a legal entity's",
    "announce_activity": "an activity", "show_check_in_code": "a code for a screen",
    "review_submission": "answers what the worker wrote; in the trail",
    "list_sessions": "one's own", "end_own_session": "one's own", "end_other_sessions": "one's own",
    "read_credentials": "one's own", "begin_authenticator": "one's own", "confirm_authenticator": "one's own",
    "change_password": "one's own", "renew_recovery_codes": "one's own",
    "list_staff": "colleagues at work, not the persons behind them", "read_staff": "a colleague at work",
    "list_invitations": "colleagues to be", "invite_staff": "answers what was typed, but for whose card it was",
    "revoke_invitation": "a colleague to be", "list_organisations": "organisations",
    "suspend_staff": "a colleague at work", "lift_suspension": "a colleague at work",
    "set_staff_roles": "a colleague at work", "create_reset_link": "a link for a colleague",
    "link_oidc_subject": "a colleague at work", "unlink_oidc_subject": "a colleague at work",
    "list_staff_sessions": "a colleague's browsers", "end_staff_session": "a colleague's session",
    "end_staff_sessions": "a colleague's sessions",
    "list_approvals": "ids of residents and what was typed", "read_approval": "a resident's id and what was typed",
    "propose_policy": "a policy", "propose_adjustment": "a resident's id and what was typed",
    "propose_export": "what was typed, numbers masked; not even whether they are known",
    "decide_approval": "a resident's id and what was typed", "withdraw_approval": "a resident's id and what was typed",
    "list_policies": "policies", "read_policy": "a policy",
    **dict.fromkeys(
        ("create_score_draft", "list_score_drafts", "read_score_draft", "propose_score_draft"), "a policy's draft"
    ),
    "simulate_score_draft": "counts, rounded, of five people or more",
    "read_score_simulation": "counts, rounded, of five people or more",
    "list_partner_applications": "organisations", "decide_partner_application": "an organisation, without its contact",
    "read_partner_application": "an organisation's contact at work; sealed, and the look is in the trail",
    "list_partner_proposals": "offers and venues", "read_partner_proposal": "an offer or a venue",
    "decide_partner_proposal": "an offer or a venue", "read_own_partner": "one's own organisation",
    **dict.fromkeys(
        ("propose_offer", "propose_venue", "list_own_proposals", "read_own_proposal", "correct_proposal",
         "withdraw_proposal", "list_offer_versions"), "one's own organisation's offers and venues",
    ),
    "request_staff": "a colleague to be", "list_staff_requests": "colleagues to be",
    "withdraw_staff_request": "a colleague to be", "draw_staff_invitation": "a link for a colleague to be",
    "create_enrolment_code": "a device", "list_devices": "devices", "list_device_venues": "venues",
    "rename_device": "a device", "suspend_device": "a device", "restore_device": "a device",
    "retire_device": "a device", "verify_code": "yes or no; discloses nobody", "admit": "yes or no; discloses nobody",
    "extend_coupons": "how many coupons", "list_coupon_extensions": "how many coupons",
    "undo_admission": "which offer; discloses nobody",
    **dict.fromkeys(
        ("read_shift_report", "download_shift_report", "read_partner_report", "download_partner_report"),
        "figures by offer",
    ),
    **dict.fromkeys(
        ("list_conflicts", "claim_conflict", "waive_conflict", "list_claims", "decide_conflict"),
        "what happened at a door, and nobody's name or coupon",
    ),
    "read_offline_pack": "numbers of coupons", "upload_admissions": "yes or no by row",
    **dict.fromkeys(
        ("list_partner_obligations", "read_partner_obligation", "charge_obligation", "report_payment",
         "release_obligation", "withdraw_obligation"), "amounts, times and an admission's id; never whose"
    ),
    "list_slot_pauses": "ids of pauses, scenes and times", "lift_slot_pause": "nothing is answered; in the trail",
    "list_obligation_disputes": "amounts and a pseudonym of no other use",
    "decide_obligation_dispute": "what stands now; in the trail",
    "search_looks": "pseudonymous ids; the search is in the trail", "search_trail": "ids and figures",
    "list_seals": "figures", "read_entity_archive": "a legal entity; its representative's certificate is left out",
    "list_entity_record_versions": "a legal entity", "correct_entity_record": "a legal entity",
    "withdraw_entity_record": "a legal entity", "rename_entity": "a legal entity",
    "correct_person_record": "that it was done, and nothing of what the record says; in the trail",
    "withdraw_person_record": "that it was done, and nothing of what the record says; in the trail",
    "send_batch": "figures, and what was typed; nobody's name on file is told", "list_batches": "figures",
    "read_batch": "figures", "download_rejected_csv": "what the department itself sent; in the trail",
    "download_rejected_xlsx": "what the department itself sent; in the trail", "withdraw_batch": "figures",
    "list_quarantined": "numbers of rows; names of legal entities alone", "decide_quarantined": "figures",
    **dict.fromkeys(
        ("list_settlements", "read_running_month", "prepare_settlement", "read_settlement", "list_settlement_lines",
         "download_settlement_xlsx", "download_settlement_pdf", "agree_settlement", "list_settlement_disputes",
         "dispute_settlement_line", "decide_settlement_dispute", "close_settlement"),
        "numbers of admissions and sums; nobody's number",
    ),
    **dict.fromkeys(
        ("list_webhooks", "create_webhook", "read_webhook", "change_webhook", "delete_webhook",
         "rotate_webhook_secret"),
        "where a partner's system listens",
    ),
    **dict.fromkeys(
        ("ping_webhook", "list_webhook_deliveries", "retry_webhook_delivery"), "what became of a message; not its text"
    ),
    "confirm_plate": "that it is confirmed, and no more",
    **dict.fromkeys(
        ("ask_parking_entitlement", "report_parking_entry", "report_parking_exit"),
        "benefits and tickets; nobody's name, and no plate that the caller did not say",
    ),
    "read_quality_report": "figures of departments", "download_quality_report": "figures of departments",
}  # fmt: skip
"""Routes for staff and devices that show nothing of any person, and why."""

ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
FOR_OTHERS = sorted(
    name for name in OPERATIONS
    if PERMISSION_OF[name] != "public" and PERMISSIONS[PERMISSION_OF[name]].kinds & {"staff", "device"}
)  # fmt: skip
OPEN_READS = [name for name in OPERATIONS if PERMISSION_OF[name] == "public" and METHOD_OF[name] == "GET"]


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, UUID]]]:
    """What happens, in order: ``("opened", person)`` and ``("noted", person)``."""
    told: list[tuple[str, UUID]] = []
    opening, showing = seal.Sealer.open, files.open_image

    def opened(self: Any, *args: Any, **kwargs: Any) -> str:
        told.append(("opened", kwargs["person"]))
        return opening(self, *args, **kwargs)

    def shown(reader: Any, owner: UUID, *args: Any, **kwargs: Any) -> Any:
        told.append(("opened", owner))
        return showing(reader, owner, *args, **kwargs)

    def noted(_connection: Any, statement: Any, many: Any, one: Any, _options: Any) -> None:
        if isinstance(statement, Insert) and statement.table.name == "access_log":
            rows = many or [one or statement.compile().params]
            told.extend(("noted", row["resident_id"]) for row in rows)

    monkeypatch.setattr(seal.Sealer, "open", opened)
    monkeypatch.setattr(files, "open_image", shown)
    engine = db.current().engine
    event.listen(engine, "before_execute", noted)
    yield told
    event.remove(engine, "before_execute", noted)


def unnoted(told: list[tuple[str, UUID]]) -> list[UUID]:
    """Who was opened before a look at them was noted."""
    seen: set[UUID] = set()
    wrong = []
    for what, person in told:
        if what == "noted":
            seen.add(person)
        elif person not in seen:
            wrong.append(person)
    return wrong


def test_every_route_for_staff_and_devices_is_thought_about() -> None:
    assert set(FOR_OTHERS) == set(SHOWS_PERSONS) | set(SHOWS_NOBODY), (
        "say in SHOWS_PERSONS or SHOWS_NOBODY what it shows"
    )


def by_staff(world: World, name: str) -> tuple[Call, str, UUID | None]:
    """The good call of a route for staff or devices, and a token; a colleague's of her own, and her account,
    where others than staff may call it."""
    call, permission = world.call(name), PERMISSIONS[PERMISSION_OF[name]]
    if "resident" not in permission.kinds:
        return call, world.tokens[str(call.who)], None
    with db.transaction() as session:
        who = people.staff(session, min(permission.roles, default="office"))
        other = accounts.open_session(session, "staff", who.staff_id).who.session_id
        own = {"session_id": other, "file_id": world.new_photo(session, who.staff_id)}
        token = people.staff_token(session, who)
    return replace(call, params={param: own[param] for param in call.params}), token, who.staff_id


@pytest.mark.parametrize("name", FOR_OTHERS)
def test_nobody_is_opened_before_the_look_is_noted(
    client: CheckedClient, world: World, happened: list[tuple[str, UUID]], name: str
) -> None:
    call, token, herself = by_staff(world, name)
    happened.clear()
    answer = call.send(client, token)
    assert answer.status_code < 300
    happened[:] = [told for told in happened if told != ("opened", herself)]
    assert unnoted(happened) == []
    assert bool(happened) == (name in SHOWS_PERSONS)
    if name in SHOWS_NOBODY:
        body = answer.get_data().decode("utf-8", "replace")
        for who in (world.resident, world.neighbour):
            for secret in (who.name, seal.mask_name(who.name), who.id_number, who.openid):
                assert secret not in body


@pytest.mark.parametrize("name", OPEN_READS)
def test_what_is_open_to_anyone_opens_nobody(
    client: CheckedClient, world: World, happened: list[tuple[str, UUID]], name: str
) -> None:
    call = world.call(name)
    happened.clear()
    assert call.send(client, None).status_code == 200
    assert happened == []


@pytest.mark.parametrize("name", sorted(SHOWS_PERSONS))
def test_the_line_says_who_where_what_why_and_under_which_authorisation(
    client: CheckedClient, world: World, name: str
) -> None:
    call = world.call(name)
    who, before = world.staff[str(call.who)], _lines()
    assert call.send(client, world.tokens[str(call.who)]).status_code < 300
    lines = [line for line in _lines() if line not in before]
    assert lines
    for line in lines:
        assert (line.actor_id, line.role, line.organisation_id) == (who.staff_id, call.who, who.organisation_id)
        assert line.purpose and line.basis and set(line.fields) and set(line.fields) <= set(FIELD_WORDS)
        assert re.fullmatch(SHOWS_PERSONS[name].replace("ID", ID), line.authorisation), line.authorisation


def _lines() -> list[Any]:
    with db.reading() as reader:
        return list(reader.execute(select(AccessLogRow.__table__)))


@pytest.mark.parametrize("name", sorted(SHOWS_PERSONS))
def test_where_the_look_cannot_be_noted_nothing_is_shown(client: CheckedClient, world: World, name: str) -> None:
    def refuse(_connection: Any, statement: Any, *_: Any) -> None:
        if isinstance(statement, Insert) and statement.table.name == "access_log":
            raise OSError("the disk is full")

    call, engine = world.call(name), db.current().engine
    event.listen(engine, "before_execute", refuse)
    try:
        answer = call.send(client.application.test_client(), world.tokens[str(call.who)])
    finally:
        event.remove(engine, "before_execute", refuse)
    assert answer.status_code == 500
    body = answer.get_data(as_text=True)
    assert all(seal.mask_name(who.name) not in body for who in (world.resident, world.neighbour))
