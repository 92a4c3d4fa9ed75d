"""Two applicants of one code, two officers at one desk, two approvals of one version: one of each wins."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from backend.approvals import policies
from backend.approvals import service as approvals
from backend.approvals.errors import ApprovalOutdated
from backend.approvals.service import Actor
from backend.kit import city as cities
from backend.kit import clock, db
from backend.offers import service as offers
from backend.partners import applications, cases, publishing, review
from backend.partners.applications import Contact, NewApplication
from backend.partners.cases import APPLICATIONS, Verdict
from tests.declarations.conftest import credit_code
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.factories.partner_calls import VENUE
from tests.partners.conftest import reopened
from tests.races.barrier import at_once

THREADS = 6


@pytest.fixture(autouse=True)
def _bound(database: db.Database, city: dict[str, Any]) -> Any:
    """The races commit for real, on the run's own database."""
    with reopened():
        yield


def verdicts(results: list[Any]) -> Counter[str]:
    return Counter(type(one).__name__ for one in results)


def new(code: str = "") -> NewApplication:
    contact = Contact(people.name(), people.phone())
    return NewApplication(code or credit_code(), "演示合作单位", contact, [VENUE], ["ting"], "停车首小时免费")


def officers(count: int) -> list[Actor]:
    with db.transaction() as session:
        where = people.organisation(session)
        return [Actor(people.staff(session, "office", where).staff_id, "office") for _ in range(count)]


def applied() -> UUID:
    with db.transaction() as session:
        return applications.apply(session, shops.act(uuid4()), new()).id


def deciding(who: Actor, application_id: UUID, decision: str = "approved") -> Any:
    def decide(session: Session) -> Any:
        verdict = Verdict(decision, "已核对")
        return review.decide(session, shops.act(who.account_id), application_id, who, verdict, None)

    return decide


def approving(who: Actor, approval_id: UUID) -> Any:
    with db.reading() as reader:
        seen = approvals.approval(reader, approval_id).digest
    return lambda session: approvals.decide(
        session, shops.act(who.account_id), approval_id, who, "approve", "逐项看过", seen
    )


def proposed(who: Actor) -> tuple[UUID, UUID]:
    """An application, and the approval that it hangs on."""
    identity = applied()
    with db.transaction() as session:
        return identity, deciding(who, identity)(session)["approval"]["id"]


def test_of_many_applications_of_one_code_one_is_taken() -> None:
    code = credit_code()
    results = at_once(
        [lambda session: applications.apply(session, shops.act(uuid4()), new(code)) for _ in range(THREADS)]
    )
    assert verdicts(results) == {"Applied": 1, "ApplicationOpen": THREADS - 1}


def test_of_many_officers_one_decides() -> None:
    identity, desk = applied(), officers(THREADS)
    words = ("approved", "returned", "refused")
    results = at_once([deciding(who, identity, words[n % 3]) for n, who in enumerate(desk)])
    decided = [one for one in results if isinstance(one, dict)]
    told = verdicts(results)
    # one that was returned may still be refused; nothing else follows on anything
    statuses = sorted(one["status"] for one in decided)
    assert statuses in (["proposed"], ["refused"], ["returned"], ["refused", "returned"])
    assert told["CaseDecided"] == THREADS - len(decided), told


def test_of_two_approvals_against_one_version_one_is_published_and_nothing_is_lost() -> None:
    first, second, third = officers(3)
    cases_of = [proposed(first), proposed(second)]
    results = at_once([approving(third, approval_id) for _, approval_id in cases_of])
    assert verdicts(results) == {"Approval": 1, "ExecutionRefused": 1}
    (refused,) = [one for one in results if not isinstance(one, approvals.Approval)]
    assert refused.members["because"] == ApprovalOutdated.slug
    with db.reading() as reader:
        statuses = Counter(cases.row(reader, APPLICATIONS, identity).status for identity, _ in cases_of)
    assert statuses == {"approved": 1, "proposed": 1}


def test_the_offices_own_publication_and_a_partners_do_not_swallow_each_other() -> None:
    first, second, third = officers(3)
    identity, approval_id = proposed(first)
    with db.transaction() as session:
        base = publishing.latest(session)
        content = {**base.content, "version": f"t.{uuid4().hex[:8]}", "effective_on": clock.today().isoformat()}
        payload = {"kind": "perks", "content": content}
        own = approvals.freeze(session, policies.KIND, second, "另行发布", payload, ("policy", "perks"))
    results = at_once([approving(third, approval_id), approving(third, own)])
    assert verdicts(results) == {"Approval": 1, "ExecutionRefused": 1}
    with db.reading() as reader:
        row = cases.row(reader, APPLICATIONS, identity)
        latest = cities.get(reader, "perks").content
        standing = {one["unified_social_credit_code"] for one in latest["partners"]}
        assert (row.status == "approved") == (row.unified_social_credit_code in standing)
        if row.organisation_id:
            assert offers.partner_venues(reader, [row.organisation_id])
