"""Two deciders, two downloads, two devices with one code: one of each wins."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from backend.approvals import service as approvals
from backend.approvals.service import Actor
from backend.devices import service as devices
from backend.disclosure import service as disclosure
from backend.kit import clock, db
from backend.ledger import service as ledger
from config.settings import Settings
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.races.barrier import at_once

THREADS = 8


@pytest.fixture(autouse=True)
def _bound(database: db.Database, city: dict[str, Any]) -> None:
    """The races commit for real, on the run's own database."""


def verdicts(results: list[Any]) -> Counter[str]:
    return Counter(type(one).__name__ for one in results)


def office(session: Session) -> tuple[UUID, list[Actor]]:
    where = people.organisation(session, "office")
    ledger.grant_budget(session, where, clock.today(), 1_000, None)
    return where, [Actor(people.staff(session, "office", where).staff_id, "office") for _ in range(THREADS + 1)]


def test_of_many_deciders_one_decides_and_it_is_done_once() -> None:
    with db.transaction() as session:
        where, (proposer, *others) = office(session)
        who = people.resident(session).resident_id
        payload = {"resident_id": str(who), "organisation_id": str(where), "points": 5, "title": "补记",
                   "expires_on": None, "reason": "补记"}  # fmt: skip
        made = approvals.propose(
            session, shops.act(proposer.account_id), "points.adjust", proposer, "补记", payload, ("resident", str(who))
        )

    def deciding(actor: Actor, decision: str) -> Any:
        return lambda session: approvals.decide(
            session, shops.act(actor.account_id), made.id, actor, decision, "看过", made.digest
        )

    results = at_once([deciding(one, "approve" if n % 2 else "reject") for n, one in enumerate(others)])
    assert verdicts(results) == {"Approval": 1, "ApprovalClosed": THREADS - 1}
    (done,) = [one for one in results if isinstance(one, approvals.Approval)]
    with db.reading() as reader:
        assert ledger.balance(reader, who, clock.today()) == (5 if done.state == "approved" else 0)
        assert approvals.approval(reader, made.id).decided_by == done.decided_by


def test_of_many_downloads_at_once_one_gets_the_export() -> None:
    with db.transaction() as session:
        where, (proposer, other, *_) = office(session)
        who = people.resident(session).resident_id
        payload = {"people": [{"resident_id": str(who)}], "fields": ["name"], "purpose": "测试用途",
                   "legal_basis": "测试依据", "document_no": "测1", "organisation_id": str(where)}  # fmt: skip
        made = approvals.propose(
            session, shops.act(proposer.account_id), "people.export", proposer, "测试", payload, ("residents", "1")
        )
        approvals.decide(session, shops.act(other.account_id), made.id, other, "approve", "看过", made.digest)
    by = proposer.account_id
    results = at_once([lambda session: disclosure.download(session, made.id, by, "office") for _ in range(THREADS)])
    assert verdicts(results) == {"bytes": 1, "ExportUsed": THREADS - 1}


def test_of_many_devices_with_one_code_one_is_enrolled(settings: Settings) -> None:
    with db.transaction() as session:
        partner = people.organisation(session, "partner")
        venue, by = shops.venue(session, partner), people.staff(session, "partner-manager", partner)
        code = devices.create_code(session, [partner], venue, "东门", by.staff_id, "partner-manager").code
    keys = [people.enrolment(settings.public_base_url, code) for _ in range(THREADS)]

    def enrolling(body: dict[str, Any]) -> Any:
        return lambda session: devices.enrol(session, code, body["public_key_jwk"]["x"], body["signature"], "test")

    results = at_once([enrolling(body) for body in keys])
    assert verdicts(results) == {"Device": 1, "EnrolmentRefused": THREADS - 1}
    with db.reading() as reader:
        assert len(devices.devices(reader, [partner], 10)) == 1


def test_of_many_enrolments_of_one_key_with_several_codes_one_succeeds(settings: Settings) -> None:
    key = people.Ed25519PrivateKey.generate()
    with db.transaction() as session:
        partner = people.organisation(session, "partner")
        venue, by = shops.venue(session, partner), people.staff(session, "partner-manager", partner)
        codes = [devices.create_code(session, [partner], venue, "东门", by.staff_id, "partner-manager").code
                 for _ in range(THREADS)]  # fmt: skip

    def enrolling(code: str) -> Any:
        body = people.enrolment(settings.public_base_url, code, key)
        return lambda session: devices.enrol(session, code, body["public_key_jwk"]["x"], body["signature"], "test")

    results = at_once([enrolling(code) for code in codes])
    assert verdicts(results) == {"Device": 1, "DeviceKeyKnown": THREADS - 1}
