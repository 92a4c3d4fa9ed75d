"""Points for deeds: counted under caps, paid out of the community's budget of the month.

Whatever may grant points locks the resident's signatures first (``lock_member``): every member has one, and holding
them makes her deeds follow one another, so that two reviewers cannot pass a cap together.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, insert, select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.community import rules
from backend.community.models import BudgetGrant, Community, CommunityAward, CovenantSignature
from backend.community.rules import Behaviour, Grant
from backend.kit import city, clock, db
from backend.kit.city import Policy
from backend.kit.db import Reader, insert_if_absent
from backend.ledger import service as ledger


class DoneDeed(NamedTuple):
    """What points are granted for; ``subject_id``: the submission or, for a check-in, the activity."""

    resident_id: UUID
    subject_id: UUID
    community_id: UUID
    happened_at: datetime


def lock_member(session: Session, resident_id: UUID) -> None:
    """Let this resident's deeds follow one another until the transaction ends. Raises NotFound for who has left."""
    accounts.require_standing(session, resident_id)
    lock_signatures(session, resident_id)


def lock_signatures(session: Session, resident_id: UUID) -> None:
    """The same for what only takes away, hers or from her: it is not refused after a departure."""
    rows = select(CovenantSignature.id).where(CovenantSignature.resident_id == resident_id)
    session.execute(db.for_update(rows.order_by(CovenantSignature.id))).all()


def earned(reader: Reader, resident_id: UUID, behaviour: str, happened_on: date) -> tuple[int, int]:
    """Points she has for this behaviour's deeds of that day, and of that day's month."""
    first, next_first = rules.month_of(happened_on)
    query = select(CommunityAward.happened_on, CommunityAward.points).where(
        CommunityAward.resident_id == resident_id,
        CommunityAward.behaviour == behaviour,
        CommunityAward.happened_on >= first,
        CommunityAward.happened_on < next_first,
    )
    rows = reader.execute(query).all()
    return sum(row.points for row in rows if row.happened_on == happened_on), sum(row.points for row in rows)


def grant_points(
    session: Session, deed: DoneDeed, current: Policy, behaviour: Behaviour, ordered_by: UUID | None
) -> Grant:
    """Award what the caps leave of the behaviour's points, from the community's budget of this month.

    The caller holds ``lock_member``. Nothing is written when the caps leave nothing. Raises BudgetExhausted and
    the ledger's PointsLimitReached, and then nothing was written but the month's grant.
    """
    happened_on = clock.shanghai_date(deed.happened_at)
    grant = rules.under_caps(behaviour, *earned(session, deed.resident_id, behaviour.id, happened_on))
    if not grant.points:
        return grant
    about = fund(session, deed.community_id, clock.today(), current)
    transfer = ledger.award(
        session, deed.resident_id, about.organisation_id, grant.points, code=f"community.{behaviour.id}",
        event_at=deed.happened_at, subject_id=deed.subject_id, title=behaviour.title,
        expires_on=rules.expires_on(current.content["points_expire"], clock.today()),
        counterparty=about.name, ordered_by=ordered_by,
    )  # fmt: skip
    session.execute(
        insert(CommunityAward).values(
            resident_id=deed.resident_id, subject_id=deed.subject_id, community_id=deed.community_id,
            behaviour=behaviour.id, happened_on=happened_on, points=grant.points, transfer_id=transfer.id,
            awarded_at=clock.now(),
        )
    )  # fmt: skip
    return grant


def fund(session: Session, community_id: UUID, day: date, current: Policy) -> Row[Any]:
    """Grant the community its budget of the day's month unless that was done; the community's row."""
    about = session.execute(select(Community.__table__).where(Community.id == community_id)).one()
    points = int(current.content["budget"]["monthly_points"])
    month = rules.month_of(day)[0]
    values = {"community_id": community_id, "month": month, "points": points, "granted_at": clock.now()}
    if insert_if_absent(session, BudgetGrant, values, ("community_id", "month")):
        ledger.grant_budget(session, about.organisation_id, month, points, by=None, reason=f"{about.name}月度积分额度")
    return about


def fund_all(session: Session, day: date) -> int:
    """Make sure that every community of the policy has its budget of the day's month; how many there are."""
    current = city.get(session, "community", day)
    slugs = sorted(item["slug"] for item in current.content["communities"])
    for slug in slugs:
        fund(session, rules.community_id(slug), day, current)
    return len(slugs)
