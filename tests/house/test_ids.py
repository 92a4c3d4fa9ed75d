"""Every id in every good call, put in place of which somebody else's of the same kind comes.

``test_permissions`` sends the good call as somebody else; here the rightful caller sends her own call with an id that
is another person's or another organisation's, wherever an id stands: in the path, in the query, anywhere in the body.
Whatever is answered, nothing of the other's may change, and nothing of the other's may be told.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.community import service as community
from backend.community import submissions
from backend.declarations import service as declarations
from backend.kit import clock, db
from backend.ledger import service as ledger
from backend.messages import inbox
from backend.perks import service as perks
from backend.staff import invitations
from backend.staff.orders import Orderer
from tests.checked_client import CheckedClient
from tests.declarations import conftest as declaring
from tests.factories import accounts as people
from tests.factories import batch_calls, booking_calls, guardians, record_calls, webhook_calls
from tests.factories import perks as shops
from tests.factories.world import ELSEWHERE, OPERATIONS, Call, World
from tests.house.snapshots import changed, snapshot
from tests.house.spoiling import Path, stands
from tests.house.spoiling import changed as with_value
from tests.obligations import conftest as owing
from tests.parking import conftest as parking
from tests.publicity.conftest import entity_code, penalty

IDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

ADMINISTERED = "the administrator of accounts is so for every organisation"
OPEN_BY_DESIGN = {
    "show_covenant": "a community is open to all", "sign_covenant": "a community is open to all",
    "list_offers": "offers are shown to all",
    "read_offer": "offers are shown to all", "list_slots": "offers are shown to all",
    "redeem": "an offer is open to all",
    "grant_budget": "the office orders for every organisation", "give_device_nonce": "says nothing about devices",
    "submit_deed:community_id": "a resident may have joined several communities",
    "propose_adjustment": "the office orders for every resident; a second person decides",
    "propose_export": "the office orders for every resident; a second person decides",
    "read_approval": "the office and the auditor read every proposal; it names residents by their numbers alone",
    **dict.fromkeys(
        ("read_score_draft", "simulate_score_draft", "read_score_simulation", "propose_score_draft"),
        "the scoring policy is the city's; every office works on its drafts",
    ),
    **dict.fromkeys(
        ("read_partner_application", "decide_partner_application", "read_partner_proposal", "decide_partner_proposal"),
        "the office reviews every partner, by two",
    ),
    "search_looks": "the auditor searches everybody's, by numbers alone",
    "read_staff": ADMINISTERED, "suspend_staff": ADMINISTERED, "lift_suspension": ADMINISTERED,
    "set_staff_roles": ADMINISTERED, "create_reset_link": ADMINISTERED, "link_oidc_subject": ADMINISTERED,
    "unlink_oidc_subject": ADMINISTERED, "list_staff_sessions": ADMINISTERED, "end_staff_sessions": ADMINISTERED,
    "revoke_invitation": ADMINISTERED,
    "lift_slot_pause": "the office lifts everybody's pauses",
    "show_obligation_dispute": "the office decides every partner's disputes",
    "decide_obligation_dispute": "the office decides every partner's disputes",
    "decide_quarantined": "the office decides for every department",
    "decide_conflict": "the office decides for every partner",
    **dict.fromkeys(
        ("prepare_settlement", "decide_settlement_dispute", "close_settlement"), "the office settles with every partner"
    ),
}  # fmt: skip
"""Where another's id is a choice and no trespass: the operation, or one of its fields."""

TELLS = {"read_approval": ("resident_id",)}
"""Which of the other's ids a route tells by design."""

NOBODYS = {"id": "the caller's own key of a row"}
"""Names of ids of which nobody else has one."""

REFUSALS = {401, 403, 404, 409, 410, 422}
KEPT = {
    "admit": {"perks_scans", "operations"},
    "verify_code": set(),
    "upload_admissions": {"perks_scans", "operations"},
}
"""What a refusal may leave behind: the device's own scans."""


class Others:
    """For every kind of id, one that is somebody else's and as alive as the good one."""

    def __init__(self, world: World) -> None:
        neighbour = world.neighbour.resident_id
        with db.transaction() as session:
            shops.give_points(session, neighbour, 50)
            self.coupon = perks.redeem(session, neighbour, world.other_shop.offer_id, shops.act(neighbour)).coupon.id
            self.photo = world.new_photo(session, neighbour)
            self.activity = self._activity(session)
            self.submission = self._submission(session, neighbour)
            (entry, *_) = ledger.entries(session, neighbour, 1)
            self.obligation = owing.owed(session, who=neighbour, partner_id=world.other_shop.partner_id)
            owing.charge(session, self.obligation)
            self.waiting = booking_calls.waiting(session, neighbour).id
            pause = booking_calls.paused(session, people.resident(session).resident_id)
            self.message = inbox.write(session, neighbour, "pause-lifted")
            self.delegation = guardians.guardian(session, world.neighbour, people.resident(session), kind="ward").id
            colleague = people.staff(session)
            neighbours = accounts.open_session(session, "resident", world.neighbour.account_id).who.session_id
            invited = invitations.Invited(
                f"i{uuid4().hex[:10]}", "别处的新同事", [("office", colleague.organisation_id)]
            )
            invitation = invitations.invite(session, Orderer(uuid4(), "account-admin"), invited).id
            declarer = declarations.resident(neighbour)
            declaration = declaring.declared(session, declarer, "NP-QUA-01").id  # of another department's item
            approval = world._new_adjustment(session, "other office").id
            simulated = world._simulated(session, "other office")
            record = penalty(session, entity_code(), "别处的商店")
            source = people.organisation(session, "department", record_calls.SOURCE)
            elsewhere = people.staff(session, "data-officer", source)
            batch = batch_calls.push(session, elsewhere, batch_calls.row(), batch_calls.row("测试丙公司"))
            partners = self._partners(session, world)
            plate = parking.registered(session, world.neighbour).plate_id
        self.by_name: dict[str, object] = {
            "resident_id": neighbour, "coupon_id": self.coupon, "file_id": self.photo, "photo_ids": self.photo,
            "offer_id": world.other_shop.offer_id, "venue": world.other_shop.venue_id,
            "venue_id": world.other_shop.venue_id, "community_id": ELSEWHERE, "activity_id": self.activity,
            "device_id": world.other_shop.door.device_id, "organisation_id": world.other_shop.partner_id,
            "submission_id": self.submission, "transfer_id": entry.id, "entry_id": entry.id, "message_id": self.message,
            "delegation_id": self.delegation, "session_id": neighbours, "staff_id": colleague.staff_id,
            "actor_id": colleague.staff_id, "invitation_id": invitation, "approval_id": approval,
            **simulated,
            "plate_id": plate,
            "partner_id": world.other_shop.partner_id,
            "record_id": record, "waiting_id": self.waiting, "pause_id": pause,
            "declaration_id": declaration,
            "batch_id": batch,
            "obligation_id": self.obligation.id,
            **partners,
        }  # fmt: skip
        self.secrets = (
            neighbour, world.neighbour.name, world.neighbour.id_number, self.coupon, self.photo,
            self.submission, entry.id, self.message, self.delegation, declaration,
            self.obligation.id, self.waiting,
        )  # fmt: skip

    @staticmethod
    def _partners(session: Session, world: World) -> dict[str, object]:
        """What is another partner's."""
        label = "other partner-manager"
        manager = world.staff[label]
        statement, dispute = world.new_dispute(session, label)
        request, _ = world._asked(session, world._own(session, label))
        admission, conflict = world.admitted_twice(session)
        webhook = webhook_calls.webhook(session, manager).webhook.id
        return {
            "application_id": world.new_application(session).id, "proposal_id": world.new_proposal(session, label),
            "request_id": request, "admission_id": admission, "conflict_id": conflict, "statement_id": statement,
            "dispute_id": dispute, "webhook_id": webhook,
            "delivery_id": webhook_calls.delivery(session, manager, webhook),
        }  # fmt: skip

    @staticmethod
    def _activity(session: Session) -> UUID:
        begun = clock.now() - timedelta(minutes=10)
        plan = community.ActivityPlan(
            ELSEWHERE, "别处的活动", "别处", "clean-up-day", begun, begun + timedelta(hours=2)
        )
        return community.create_activity(session, uuid4(), "community-worker", plan)

    @staticmethod
    def _submission(session: Session, neighbour: UUID) -> UUID:
        community.sign_covenant(session, neighbour, ELSEWHERE, shops.act(neighbour))
        deed = submissions.NewSubmission("elder-care", clock.now(), "别处的事", (), community_id=ELSEWHERE)
        return submissions.submit(session, neighbour, deed, shops.act(neighbour)).id

    def of(self, name: str) -> object:
        """Somebody else's id for a field of this name; a stranger's where the kind is not known here."""
        return self.by_name.get(name, uuid4())


def ids_in(body: Any, at: Path = ()) -> Iterator[Path]:
    """Every place in a body where an id stands."""
    if isinstance(body, Mapping):
        for name, inner in body.items():
            yield from ids_in(inner, (*at, name))
    elif isinstance(body, list):
        for place, inner in enumerate(body):
            yield from ids_in(inner, (*at, place))
    elif isinstance(body, str) and IDS.fullmatch(body):
        yield at


def named(at: Path) -> str:
    """The name under which an id stands."""
    return next((str(step) for step in reversed(at) if isinstance(step, str)), "")


def trespasses(call: Call, others: Others) -> Iterator[tuple[str, Call]]:
    """The call with each of its ids in turn replaced by somebody else's."""
    for name, value in call.params.items():
        if IDS.fullmatch(str(value)):
            yield name, replace(call, params={**call.params, name: others.of(name)})
    for name, value in call.query.items():
        if IDS.fullmatch(value):
            yield name, replace(call, query={**call.query, name: str(others.of(name))})
    for at in ids_in(call.body):
        assert stands(call.body, at)
        yield named(at), replace(call, body=with_value(copy.deepcopy(call.body), at, str(others.of(named(at)))))


@pytest.fixture(scope="module")
def others(world: World) -> Others:
    return Others(world)


def told_of(others: Others, answer: Any, asked: Call) -> list[object]:
    """What is the other's and stands in the answer, but for what the caller named herself."""
    body, named_by_caller = (
        answer.get_data(),
        json.dumps([asked.body, *asked.params.values(), asked.query], default=str),
    )
    return [one for one in others.secrets if str(one).encode() in body and str(one) not in named_by_caller]


@pytest.mark.parametrize("name", OPERATIONS)
def test_somebody_elses_id_in_ones_own_call_is_refused_and_changes_nothing(
    client: CheckedClient, world: World, others: Others, name: str
) -> None:
    call = world.call(name)
    token = world.tokens[call.who] if call.who else None
    for field, trespass in trespasses(call, others):
        if name in OPEN_BY_DESIGN or f"{name}:{field}" in OPEN_BY_DESIGN:
            answer = trespass.send(client, token)
            assert answer.status_code < 500
        elif field in NOBODYS:
            continue
        else:
            before = snapshot()
            answer = trespass.send(client, token)
            refused = answer.status_code in REFUSALS or answer.get_json().get("verdict") == "refused"
            assert refused, (field, answer.status_code, answer.get_data(as_text=True)[:300])
            assert changed(before, snapshot()) <= KEPT.get(name, set()), field
        told = set(told_of(others, answer, trespass))
        assert told <= {others.by_name[kind] for kind in TELLS.get(name, ())}, (field, told)


def test_an_open_choice_still_acts_only_for_the_caller(client: CheckedClient, world: World, others: Others) -> None:
    """Redeeming and signing with another's id change what is the caller's, and leave the neighbour as she is."""
    mine = {}
    for path in ("/api/v1/me/wallet", "/api/v1/me/coupons", "/api/v1/me/submissions", "/api/v1/me/consents"):
        mine[path] = client.get(path, token=world.tokens["neighbour"]).get_json()
    for name in OPEN_BY_DESIGN:
        call = world.call(name.partition(":")[0])
        for _, trespass in trespasses(call, others):
            trespass.send(client, world.tokens[call.who] if call.who else None)
    for path, before in mine.items():
        assert client.get(path, token=world.tokens["neighbour"]).get_json() == before, path


def test_every_open_choice_is_one_of_a_route_that_has_ids(world: World, others: Others) -> None:
    for name in OPEN_BY_DESIGN:
        operation, _, field = name.partition(":")
        fields = {each for each, _ in trespasses(world.call(operation), others)}
        assert fields if not field else field in fields, name


def test_of_every_kind_of_id_somebody_else_has_one(world: World, others: Others) -> None:
    found = {field for name in OPERATIONS for field, _ in trespasses(world.call(name), others)}
    assert found <= set(others.by_name) | set(NOBODYS), "give Others one of somebody else's"


def test_the_walk_finds_ids_wherever_they_stand() -> None:
    one, two = str(uuid4()), str(uuid4())
    assert list(ids_in({"a": one, "b": [{"c": two}, "x"], "d": 1})) == [("a",), ("b", 0, "c")]
