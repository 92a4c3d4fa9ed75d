"""Communities, their covenants, their activities, and being there.

What a resident tells of her deeds stands in ``submissions``, what workers do with it in ``desk``, points in ``points``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, bindparam, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.codes import service as codes
from backend.codes.errors import CodeNotVerified
from backend.community import points, rules
from backend.community.errors import (
    AlreadyCheckedIn,
    AlreadySigned,
    CheckInClosed,
    CovenantChanged,
    NotAMember,
)
from backend.community.models import (
    Activity,
    CheckIn,
    Community,
    Covenant,
    CovenantSignature,
)
from backend.community.rules import Behaviour, Grant
from backend.consents import service as consents
from backend.kit import city, clock, db, operations, trail
from backend.kit.city import CityRefused, Policy
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.kit.prepared import Part
from backend.ledger.errors import BudgetExhausted, PointsLimitReached

KIND = "community"
PURPOSE = "community"
CHECK_IN_CODE_SECONDS = 45
CHECK_IN_LEAD = timedelta(minutes=30)


# --- the city's file ---------------------------------------------------------------------------------------------


def lint_policy(content: dict[str, Any], contents: dict[str, dict[str, Any]]) -> list[str]:
    """Every problem of the city's file; see ``rules.lint``."""
    return rules.lint(content, contents)


def apply(session: Session, policy: Policy) -> None:
    """Bring communities, their organisations and covenants up to date with a loaded policy. Safe to repeat."""
    for item in policy.content["communities"]:
        identity = rules.community_id(item["slug"])
        organisation_id = accounts.ensure_organisation(
            session, item["slug"], "community", item["organisation_name"], item.get("organisation_code")
        )
        values = {
            "slug": item["slug"], "organisation_id": organisation_id, "kind": item["kind"],
            "name": item["name"], "district_id": item["district"],
        }  # fmt: skip
        statement = db.insert(session, Community).values(id=identity, **values)
        session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
        _publish(session, identity, item["covenant"])


def _publish(session: Session, community_id: UUID, covenant: dict[str, Any]) -> None:
    values = {"community_id": community_id, "version": covenant["version"], "articles": covenant["text"]}
    if insert_if_absent(session, Covenant, values | {"published_at": clock.now()}, ("community_id", "version")):
        return
    kept = session.execute(
        select(Covenant.articles).where(Covenant.community_id == community_id, Covenant.version == covenant["version"])
    ).scalar_one()
    if kept != covenant["text"]:
        problem = f"community.toml：公约版本 {covenant['version']} 已发布且不可更改，请改用新的版本号"
        raise CityRefused(problem, problems=[problem])


def policy(reader: Reader) -> Policy:
    """The community policy in force today."""
    return city.get(reader, KIND)


# --- communities and covenants -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class CommunityView:
    """A community as anybody sees it; ``signed_at`` (her first signature) only to the resident who asks."""

    id: UUID
    slug: str
    name: str
    kind: str
    district: str
    organisation_id: UUID
    covenant_version: str
    signed_at: datetime | None
    behaviours: tuple[Behaviour, ...]


def communities(reader: Reader, resident_id: UUID | None = None) -> list[CommunityView]:
    """Every community of the policy in force, in its order."""
    content = policy(reader).content
    rows = {row.slug: row for row in reader.execute(select(Community.__table__))}
    signed = _first_signatures(reader, resident_id) if resident_id else {}
    known = rules.behaviours(content).values()
    return [
        CommunityView(
            id=rows[item["slug"]].id, slug=item["slug"], name=item["name"], kind=item["kind"],
            district=item["district"], organisation_id=rows[item["slug"]].organisation_id,
            covenant_version=item["covenant"]["version"],
            signed_at=signed.get(rows[item["slug"]].id),
            behaviours=tuple(known_one for known_one in known if item["kind"] in known_one.kinds),
        )
        for item in content["communities"]
        if item["slug"] in rows
    ]  # fmt: skip


def _first_signatures(reader: Reader, resident_id: UUID) -> dict[UUID, datetime]:
    query = (
        select(CovenantSignature.community_id, func.min(CovenantSignature.signed_at).label("signed_at"))
        .where(CovenantSignature.resident_id == resident_id)
        .group_by(CovenantSignature.community_id)
    )
    return {row.community_id: row.signed_at for row in reader.execute(query)}


def community(reader: Reader, community_id: UUID, resident_id: UUID | None = None) -> CommunityView:
    """One community of the policy in force. Raises NotFound."""
    for found in communities(reader, resident_id):
        if found.id == community_id:
            return found
    raise NotFound("没有这个社区。", "There is no such community.")


@dataclass(frozen=True)
class CovenantView:
    community_id: UUID
    community_name: str
    version: str
    articles: list[str]
    published_at: datetime
    signed_at: datetime | None
    """When the asking resident signed this very version."""


def covenant(reader: Reader, community_id: UUID, resident_id: UUID | None = None) -> CovenantView:
    """The community's covenant in force."""
    about = community(reader, community_id)
    row = reader.execute(
        select(Covenant.articles, Covenant.published_at).where(
            Covenant.community_id == community_id, Covenant.version == about.covenant_version
        )
    ).one()
    signature = _signature(reader, resident_id, community_id, about.covenant_version) if resident_id else None
    return CovenantView(
        community_id, about.name, about.covenant_version, list(row.articles), row.published_at,
        signature.signed_at if signature else None,
    )  # fmt: skip


def _signature(reader: Reader, resident_id: UUID, community_id: UUID, version: str) -> Row[Any] | None:
    return reader.execute(
        select(CovenantSignature.__table__).where(
            CovenantSignature.resident_id == resident_id,
            CovenantSignature.community_id == community_id,
            CovenantSignature.version == version,
        )
    ).first()


def signature(reader: Reader, resident_id: UUID, signature_id: UUID) -> Row[Any]:
    """One signature of hers. Raises NotFound."""
    row = reader.execute(
        select(CovenantSignature.__table__).where(
            CovenantSignature.resident_id == resident_id, CovenantSignature.id == signature_id
        )
    ).first()
    if row is None:
        raise NotFound()
    return row


def sign_covenant(
    session: Session, resident_id: UUID, community_id: UUID, operation: Operation, version: str | None = None
) -> Row[Any]:
    """Sign the covenant in force and thereby join the community.

    ``version`` is what the resident read. Raises CovenantChanged when that is no longer in force, AlreadySigned,
    ConsentMissing.
    """
    accounts.require_standing(session, resident_id)
    if (done := operations.begin(session, operation, kind="community.sign")) is not None:
        return signature(session, resident_id, done)
    consents.require(session, resident_id, PURPOSE)
    current = community(session, community_id).covenant_version
    if version is not None and version != current:
        raise CovenantChanged(version=current)
    identity = new_id()
    values = {
        "resident_id": resident_id, "id": identity, "community_id": community_id,
        "version": current, "signed_at": clock.now(),
    }  # fmt: skip
    if not insert_if_absent(session, CovenantSignature, values, ("resident_id", "community_id", "version")):
        earlier = _signature(session, resident_id, community_id, current)
        raise AlreadySigned(signed_at=rules.told(earlier.signed_at) if earlier else None)
    operations.finish(session, operation, identity)
    return signature(session, resident_id, identity)


def memberships(reader: Reader, resident_id: UUID) -> list[UUID]:
    """The communities whose covenant she has signed, in any version."""
    query = select(CovenantSignature.community_id).where(CovenantSignature.resident_id == resident_id).distinct()
    return sorted(reader.execute(query).scalars())


JOINED = Part(
    (CovenantSignature.__table__.c.community_id,),
    ((CovenantSignature.__table__, CovenantSignature.resident_id == bindparam("resident")),),
)
"""The communities of :func:`memberships`, a row for each signature; for a statement that asks several rooms at once."""


def names_of(reader: Reader, community_ids: Collection[UUID]) -> list[tuple[UUID, str]]:
    """Ids and names of those communities that the policy in force has, in its order."""
    found = [(rules.community_id(item["slug"]), item["name"]) for item in policy(reader).content["communities"]]
    return [(identity, name) for identity, name in found if identity in community_ids]


def is_member(reader: Reader, resident_id: UUID, community_slug: str) -> bool:
    """Whether she has signed the community's covenant and agrees that this be used."""
    if rules.community_id(community_slug) not in memberships(reader, resident_id):
        return False
    return consents.granted(reader, resident_id, PURPOSE)


def require_joined(reader: Reader, resident_id: UUID, community_id: UUID) -> None:
    """Raises ConsentMissing or NotAMember unless she takes part in the community."""
    consents.require(reader, resident_id, PURPOSE)
    if community_id not in memberships(reader, resident_id):
        raise NotAMember(community_id=str(community_id))


# --- activities and being there ----------------------------------------------------------------------------------


class ActivityPlan(NamedTuple):
    """What a worker announces. Check-in opens half an hour before the start and closes at the end unless said."""

    community_id: UUID
    title: str
    place: str
    behaviour: str
    starts_at: datetime
    ends_at: datetime
    check_in_opens_at: datetime | None = None
    check_in_closes_at: datetime | None = None


def create_activity(session: Session, actor_id: UUID, role: str, plan: ActivityPlan) -> UUID:
    """Announce an activity of a community and return its id. Raises FieldError for a behaviour it does not have."""
    about = community(session, plan.community_id)
    if plan.behaviour not in {behaviour.id for behaviour in about.behaviours}:
        raise FieldError.at("/behaviour", "本社区没有这项善行。", "This community has no such behaviour.")
    opens_at = plan.check_in_opens_at or plan.starts_at - CHECK_IN_LEAD
    closes_at = plan.check_in_closes_at or plan.ends_at
    if plan.ends_at <= plan.starts_at:
        raise FieldError.at("/ends_at", "结束时间应晚于开始时间。", "It must end after it starts.")
    if closes_at <= opens_at:
        raise FieldError.at("/check_in_closes_at", "签到截止应晚于签到开始。", "Check-in must close after it opens.")
    values = plan._asdict() | {"check_in_opens_at": opens_at, "check_in_closes_at": closes_at}
    identity = new_id()
    session.execute(insert(Activity).values(id=identity, created_at=clock.now(), **values))
    trail.note(session, actor_id, role, "community.announce", "activity", identity)
    return identity


def announce_from_file(session: Session, day: date, *, only_same_day: bool = False) -> list[UUID]:
    """Announce the activities that the city's file describes, counted from ``day``; each start once.

    It is for a demonstration's city, whose file has them; others announce their own. ``only_same_day`` takes those
    alone that start on ``day`` itself. Returns their ids.
    """
    planned = policy(session).content.get("activities", ())
    return [
        _announce_from_file(session, item, day)
        for item in planned
        if not only_same_day or item["starts"]["in_days"] == 0
    ]


def _announce_from_file(session: Session, item: dict[str, Any], day: date) -> UUID:
    when = item["starts"]
    start = datetime.combine(day + timedelta(days=when["in_days"]), time.fromisoformat(when["at"]), clock.SHANGHAI)
    identity = rules.activity_id(item["slug"], start)
    values = {
        "id": identity, "community_id": rules.community_id(item["community"]), "title": item["title"],
        "place": item["place"], "behaviour": item["behaviour"], "starts_at": start,
        "ends_at": start + timedelta(minutes=when["minutes"]), "check_in_opens_at": start - CHECK_IN_LEAD,
        "check_in_closes_at": start + timedelta(minutes=when["minutes"]), "created_at": clock.now(),
    }  # fmt: skip
    insert_if_absent(session, Activity, values, ("id",))
    return identity


def announce(
    session: Session, organisations: Collection[UUID], actor_id: UUID, role: str, plan: ActivityPlan,
    operation: Operation,
) -> Row[Any]:  # fmt: skip
    """``create_activity`` by a worker, in a community of her organisations only."""
    if (done := operations.begin(session, operation, kind="community.announce")) is not None:
        return activity(session, done)
    if plan.community_id not in communities_of(session, organisations):
        raise NotFound()
    identity = create_activity(session, actor_id, role, plan)
    operations.finish(session, operation, identity)
    return activity(session, identity)


def communities_of(reader: Reader, organisations: Collection[UUID]) -> list[UUID]:
    """The communities that belong to the given organisations."""
    query = select(Community.id).where(Community.organisation_id.in_(organisations))
    return sorted(reader.execute(query).scalars())


def activity(reader: Reader, activity_id: UUID) -> Row[Any]:
    """One activity with its community's organisation. Raises NotFound."""
    query = _activities().where(Activity.id == activity_id)
    if (row := reader.execute(query).first()) is None:
        raise NotFound("没有这场活动。", "There is no such activity.")
    return row


def _activities() -> Any:
    return select(
        Activity.__table__, Community.name.label("community_name"), Community.organisation_id
    ).join(Community, Community.id == Activity.community_id)  # fmt: skip


def activities(
    reader: Reader, community_id: UUID | None, upcoming: bool, limit: int, after: tuple[Any, ...] | None
) -> Sequence[Row[Any]]:
    """Up to ``limit + 1`` activities by start; ``upcoming`` leaves out those that are over. ``after``: (start, id)."""
    query = _activities().order_by(Activity.starts_at, Activity.id).limit(limit + 1)
    if community_id is not None:
        query = query.where(Activity.community_id == community_id)
    if upcoming:
        query = query.where(Activity.ends_at > clock.now())
    if after is not None:
        query = query.where(tuple_(Activity.starts_at, Activity.id) > after)
    return reader.execute(query).all()


def check_in_code(reader: Reader, organisations: Collection[UUID], activity_id: UUID) -> codes.SignedCode:
    """The code that the activity's screen shows now, and when it ends. Raises NotFound for another's activity."""
    row = activity(reader, activity_id)
    if row.organisation_id not in organisations:
        raise NotFound("没有这场活动。", "There is no such activity.")
    _open(row)
    return codes.sign_code(reader, codes.Purpose.CHECK_IN, codes.Claims(subject_id=activity_id), CHECK_IN_CODE_SECONDS)


def _open(row: Row[Any]) -> None:
    if not row.check_in_opens_at <= clock.now() < row.check_in_closes_at:
        raise CheckInClosed(
            opens_at=rules.told(row.check_in_opens_at), closes_at=rules.told(row.check_in_closes_at)
        )  # fmt: skip


def check_in(session: Session, resident_id: UUID, activity_id: UUID, code: str, operation: Operation) -> Row[Any]:
    """Record that she is there, proved by the code on the activity's screen, and grant points where that is the deed.

    A budget that is used up does not undo that she was there: it is recorded without points, and ``remark`` says so.
    Raises CodeExpired, CodeNotVerified, CheckInClosed, NotAMember, AlreadyCheckedIn.
    """
    if (done := operations.begin(session, operation, kind="community.check-in")) is not None:
        return _check_in(session, resident_id, done)
    about = activity(session, activity_id)
    require_joined(session, resident_id, about.community_id)
    if codes.read_code(session, codes.Purpose.CHECK_IN, code).subject_id != activity_id:
        raise CodeNotVerified.because("wrong-purpose")
    _open(about)
    points.lock_member(session, resident_id)
    instant = clock.now()
    values = {
        "resident_id": resident_id,
        "activity_id": activity_id,
        "checked_in_at": instant,
        "points": 0,
        "remark": "",
    }
    if not insert_if_absent(session, CheckIn, values, ("resident_id", "activity_id")):
        earlier = _check_in(session, resident_id, activity_id)
        raise AlreadyCheckedIn(checked_in_at=rules.told(earlier.checked_in_at))
    current = policy(session)
    behaviour = rules.behaviours(current.content).get(about.behaviour)
    if behaviour is not None and behaviour.award == "check_in":
        _award_check_in(session, resident_id, about, current, behaviour, instant)
    operations.finish(session, operation, activity_id)
    return _check_in(session, resident_id, activity_id)


def _award_check_in(
    session: Session, resident_id: UUID, about: Row[Any], current: Policy, behaviour: Behaviour, instant: datetime
) -> None:
    # Being there is the deed: a start that somebody announced for another month must not open that month's caps.
    deed = points.DoneDeed(resident_id, about.id, about.community_id, instant)
    try:
        grant = points.grant_points(session, deed, current, behaviour, ordered_by=None)
    except BudgetExhausted:
        grant = Grant(0, ("社区本月积分额度已用完，签到有效，本次不计分",))
    except PointsLimitReached:
        grant = Grant(0, ("积分已到城市规定的上限，签到有效，本次不计分",))
    session.execute(
        update(CheckIn)
        .where(CheckIn.resident_id == resident_id, CheckIn.activity_id == about.id)
        .values(points=grant.points, remark="；".join(grant.reasons))
    )


def _check_in(reader: Reader, resident_id: UUID, activity_id: UUID) -> Row[Any]:
    return reader.execute(
        select(CheckIn.__table__).where(CheckIn.resident_id == resident_id, CheckIn.activity_id == activity_id)
    ).one()


def checked_in(reader: Reader, resident_id: UUID, activity_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """When she checked in at each of these activities."""
    query = select(CheckIn.activity_id, CheckIn.checked_in_at).where(
        CheckIn.resident_id == resident_id, CheckIn.activity_id.in_(activity_ids)
    )
    return {row.activity_id: row.checked_in_at for row in reader.execute(query)}
