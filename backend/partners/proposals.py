"""What a partner proposes: an offer, its end, a venue. The office confirms, a second person approves, a version is
published. A partner proposes for its own name alone."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.approvals import service as approvals
from backend.approvals.errors import ConcernsYourself
from backend.approvals.service import Actor
from backend.kit import clock, db, operations, trail
from backend.kit.city import Policy
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.partners import cases, inviting, models, publishing, rules
from backend.partners.cases import PROPOSALS, Verdict
from backend.partners.errors import CaseDecided, ProposalOpen, TooManyProposals
from backend.partners.publishing import Change

KIND, TITLE = "partners.change", "合作机构的优惠和场所"
MOST_OPEN = 50
KINDS = ("offer", "close", "venue")
_TABLE = models.proposals
_TOLD = {"offer": "优惠 {slug} 按所提内容上架或变更", "close": "优惠 {slug} 停止领取，已领的券继续有效",
         "venue": "场所 {slug} 新增或变更"}  # fmt: skip


class Own(NamedTuple):
    """On whose behalf somebody proposes. ``slug``: what the city's file calls the organisation."""

    organisation_id: UUID
    slug: str
    by: Actor


class Wish(NamedTuple):
    """``kind``: offer, close or venue. ``content``: the item; of an end, only its slug."""

    kind: str
    content: dict[str, Any]


# --- proposing -----------------------------------------------------------------------------------------------------


def propose(session: Session, operation: Operation, own: Own, wish: Wish) -> UUID:
    """Hand in a proposal that the linter has nothing against, once. Returns its id.

    Raises NotFound (no partner of the city), FieldError, ProposalRefused, ProposalOpen and TooManyProposals.
    """
    identity = new_id()
    if (done := operations.begin(session, operation, "partners.propose", makes=identity)) is not None:
        return done
    kept = _checked(session, own, wish)
    _refuse_flood(session, own.organisation_id)
    now, key = clock.now(), open_key(kept)
    values = {
        "id": identity, "organisation_id": own.organisation_id, "kind": kept.kind, "slug": kept.content["slug"],
        "open_key": key, "content": kept.content, "status": "submitted", "approval_id": None, "policy_version": "",
        "proposed_by": own.by.account_id, "applied_at": now, "changed_at": now,
    }  # fmt: skip
    if not db.insert_if_absent(session, _TABLE, values, ("open_key",)):
        _refuse_second(session, own, key)
    _note(session, own, "propose", identity, {"kind": kept.kind, "slug": kept.content["slug"]})
    return identity


def open_key(wish: Wish) -> str:
    """What there may be one open proposal about: an offer's change and its end are the same thing's."""
    return f"{'venue' if wish.kind == 'venue' else 'offer'}/{wish.content['slug']}"


def _refuse_second(reader: Reader, own: Own, key: str) -> None:
    """Whose the open one is decides what is told of it: another partner's is nobody else's to know."""
    mine = (_TABLE.c.open_key == key, _TABLE.c.organisation_id == own.organisation_id)
    found = reader.execute(select(_TABLE.c.id).where(*mine)).scalar()
    if found is None:
        raise _taken(key.partition("/")[0])
    raise ProposalOpen(proposal_id=str(found))


def _taken(what: str) -> FieldError:
    return FieldError.at(f"/{what}/slug", "这个编号已被使用，请换一个。", "This slug is taken; choose another.")


def _refuse_flood(reader: Reader, organisation_id: UUID) -> None:
    mine = (_TABLE.c.organisation_id == organisation_id, _TABLE.c.open_key.is_not(None))
    if int(reader.execute(select(func.count()).select_from(_TABLE).where(*mine)).scalar_one()) >= MOST_OPEN:
        raise TooManyProposals(most=MOST_OPEN)


def _checked(session: Session, own: Own, wish: Wish) -> Wish:
    base = publishing.latest(session)
    if wish.kind == "venue" and not wish.content.get("slug"):
        wish = Wish("venue", {**wish.content, "slug": _free_slug(session, base, own)})
    kept = Wish(wish.kind, _completed(base, own, wish))
    publishing.require_sound(session, base, change_of(base, kept))
    return kept


def _free_slug(reader: Reader, base: Policy, own: Own) -> str:
    """A slug for a new venue: none that is a venue's, nor one that is proposed already."""
    waiting = (_TABLE.c.kind == "venue", _TABLE.c.open_key.is_not(None))
    asked = set(reader.execute(select(_TABLE.c.slug).where(*waiting)).scalars())
    return rules.numbered(own.slug, asked | {one["slug"] for one in base.content["venues"]})


def _completed(base: Policy, own: Own, wish: Wish) -> dict[str, Any]:
    """The content under the partner's own name. Raises FieldError for what is, or would be, another's."""
    if rules.item_of(base.content, "partners", own.slug) is None:
        raise NotFound("本单位不在合作机构之列。", "Your organisation is no partner of the city.")
    what, listed = ("venue", "venues") if wish.kind == "venue" else ("offer", "offers")
    content = {**wish.content}
    slug = content.get("slug")
    if not isinstance(slug, str) or not rules.SLUG.fullmatch(slug) or len(slug) > rules.MOST_SLUG:
        raise FieldError.at(f"/{what}/slug", "应为小写字母、数字和连字符，最多 60 个字符。", "Not a slug.")
    known = rules.item_of(base.content, listed, slug)
    if wish.kind == "close":
        if known is None or known.get("partner") != own.slug or known.get("status") == "closed":
            raise FieldError.at("/close", "本单位没有这个在架的优惠。", "You have no such open offer.")
        return {"slug": slug}
    if known is not None and known.get("partner") != own.slug:
        raise _taken(what)
    if content.get("partner", own.slug) != own.slug:
        raise FieldError.at(f"/{what}/partner", "只能以本单位的名义提出。", "Only in your own name.")
    return {**content, "partner": own.slug}


def change_of(base: Policy, wish: Wish) -> Change:
    """What a wish would change in the city's file."""
    if wish.kind == "venue":
        return {"venues": [wish.content]}
    if wish.kind == "offer":
        return {"offers": [wish.content]}
    known = rules.item_of(base.content, "offers", wish.content["slug"])
    return {"offers": [{**known, "status": "closed"}]} if known else {}


def correct(session: Session, own: Own, proposal_id: UUID, wish: Wish) -> None:
    """Hand in again what was returned, about the same thing. Raises NotFound, CaseDecided, FieldError and
    ProposalRefused."""
    row = _of(session, own.organisation_id, proposal_id)
    if row.status != "returned":
        raise CaseDecided(case_status=row.status, approval_id=None)
    if wish.kind == row.kind == "venue":
        wish = Wish("venue", {"slug": row.slug, **wish.content})
    kept = _checked(session, own, wish)
    if open_key(kept) != row.open_key:
        at = "/close" if kept.kind == "close" else f"/{kept.kind}/slug"
        raise FieldError.at(at, "更正须针对同一个优惠或场所。", "A correction is about the same thing.")
    cases.change(session, PROPOSALS, proposal_id, status="submitted", kind=kept.kind, content=kept.content)
    _note(session, own, "correct", proposal_id)


def withdraw(session: Session, own: Own, proposal_id: UUID) -> None:
    """Take a proposal back; twice changes nothing. Raises NotFound and CaseDecided."""
    _of(session, own.organisation_id, proposal_id)
    cases.take_back(session, PROPOSALS, proposal_id, own.by)


def _of(session: Session, organisation_id: UUID, proposal_id: UUID) -> Row[Any]:
    row, _ = cases.held(session, PROPOSALS, proposal_id)
    if row.organisation_id != organisation_id:
        raise NotFound()
    return row


def _note(session: Session, own: Own, act: str, proposal_id: UUID, more: dict[str, Any] | None = None) -> None:
    told = {"organisation_id": str(own.organisation_id), **(more or {})}
    trail.note(session, own.by.account_id, own.by.role, f"partners.{act}", PROPOSALS.name, proposal_id, told)


# --- reading -------------------------------------------------------------------------------------------------------


def shown(reader: Reader, proposal_id: UUID, organisation_id: UUID | None = None) -> dict[str, Any]:
    """One proposal with what it would change today; None of an organisation: the office asks. Raises NotFound."""
    row = cases.row(reader, PROPOSALS, proposal_id)
    if organisation_id not in (None, row.organisation_id):
        raise NotFound()
    [told] = listed(reader, [row])
    base = publishing.latest(reader)
    differs = [] if row.status in rules.CLOSED else publishing.differences(base, change_of(base, _wish(row)))
    return {**told, "changes": differs}


def listed(reader: Reader, rows: list[Row[Any]]) -> list[dict[str, Any]]:
    """Proposals with who proposed them and for whom."""
    names = accounts.display_names(reader, {row.proposed_by for row in rows})
    wheres = {one.id: one.name for one in accounts.organisations(reader, {row.organisation_id for row in rows})}
    return [
        {**one, "proposer": names.get(one["proposed_by"], ""), "partner_name": wheres.get(one["organisation_id"], "")}
        for one in cases.told(reader, rows)
    ]


def _wish(row: Row[Any]) -> Wish:
    return Wish(row.kind, dict(row.content))


# --- the office ----------------------------------------------------------------------------------------------------


def decide(
    session: Session, operation: Operation, proposal_id: UUID, officer: Actor, verdict: Verdict,
    settlement: dict[str, Any] | None,
) -> dict[str, Any]:  # fmt: skip
    """Return, refuse, or put a proposal before a second person. ``settlement``: what the office sets of an offer.

    Raises NotFound, ConcernsYourself, CaseDecided, FieldError, CityRefused.
    """
    seen = cases.row(session, PROPOSALS, proposal_id)
    if _is_own(session, seen.organisation_id, seen.proposed_by, officer):
        raise ConcernsYourself()

    def propose(row: Row[Any]) -> UUID:
        payload = _payload(session, row, settlement)
        return approvals.freeze(session, KIND, officer, verdict.reason, payload, (PROPOSALS.name, str(row.id)))

    cases.decide(session, operation, PROPOSALS, proposal_id, officer, verdict, propose)
    return shown(session, proposal_id)


def _payload(session: Session, row: Row[Any], settlement: dict[str, Any] | None) -> dict[str, Any]:
    base, wish = publishing.latest(session), _wish(row)
    if wish.kind == "offer":
        wish = Wish("offer", {**wish.content, **_settled(session, base, wish.content, settlement)})
    where = accounts.organisation(session, row.organisation_id)
    change = change_of(base, wish)
    publishing.require_sound(session, base, change)
    return {
        "proposal_id": str(row.id), "organisation_id": str(row.organisation_id), "proposed_by": str(row.proposed_by),
        "change": change, "why": f"合作机构提议 {row.id}",
        "told": [f"“{where.name}”提出：{_TOLD[row.kind].format(slug=row.slug)}"],
    }  # fmt: skip


def _settled(reader: Reader, base: Policy, wanted: dict[str, Any], settlement: dict[str, Any] | None) -> dict[str, Any]:
    """Who pays what for each use: as the office says; where it says nothing and nothing is asked, as it stands."""
    stands = rules.item_of(base.content, "offers", wanted["slug"]) or {}
    said = {name: stands.get(name, default) for name, default in rules.OFFICES_OWN.items()}
    if settlement is not None:
        said = {name: settlement[name] for name in said}
        if said["funding_account"]:
            try:
                accounts.organisation_by_slug(reader, said["funding_account"])
            except NotFound:
                at = "/settlement/funding_account"
                raise FieldError.at(at, "没有这个单位。", "There is no such organisation.") from None
    elif any(wanted.get(name, said[name]) != said[name] for name in said):
        detail = "合作机构提出了结算价或出资账户，请在 settlement 中确认或另定。"
        raise FieldError.at("/settlement", detail, "The partner asks for a price or an account: confirm or set them.")
    return {name: value for name, value in said.items() if value or name in stands or name in wanted}


def _is_own(reader: Reader, organisation_id: UUID, proposed_by: UUID, actor: Actor) -> bool:
    """Whether somebody of the office is of the partner too, or is the person who proposed it."""
    held = accounts.staff_memberships(reader, actor.account_id)
    if any(one["organisation_id"] == organisation_id and one["role"] == inviting.ROLE for one in held):
        return True
    person = actor.person_id or accounts.person_of_staff(reader, actor.account_id)
    same = person is not None and person == accounts.person_of_staff(reader, proposed_by)
    return same or actor.account_id == proposed_by


def concerns(reader: Reader, payload: dict[str, Any], actor: Actor) -> bool:
    """The same for the second person."""
    return _is_own(reader, UUID(payload["organisation_id"]), UUID(payload["proposed_by"]), actor)


def execute(session: Session, payload: dict[str, Any], approval_id: UUID, _by: UUID) -> dict[str, Any]:
    """Publish the version that has the change. Raises CaseDecided, ApprovalOutdated, CityRefused."""
    proposal_id = UUID(payload["proposal_id"])
    cases.require_proposed(session, PROPOSALS, proposal_id, approval_id)
    done = publishing.publish(session, payload)
    cases.change(session, PROPOSALS, proposal_id, status="approved", policy_version=done["version"])
    return done
