"""The office's desk for applications: what awaits it, what is known of the applicant, its decision, its execution."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.approvals import service as approvals
from backend.approvals.service import Actor
from backend.kit import trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.operations import Operation
from backend.partners import applications, cases, publishing, rules
from backend.partners.cases import APPLICATIONS, Verdict
from backend.publicity import service as publicity
from backend.records import service as records
from backend.records.rules import normal_entity_name

KIND, TITLE = "partners.admit", "接纳合作机构"
MOST_RECORDS = 20


def look(session: Session, application_id: UUID, officer: Actor, opens: bool) -> dict[str, Any]:
    """One application with what is known of the applicant. ``opens``: with the contact in full; the look is noted.

    Raises NotFound.
    """
    row = cases.row(session, APPLICATIONS, application_id)
    contact = applications.contact_of(row) if opens else None
    told = {"contact": contact is not None}
    trail.note(session, officer.account_id, officer.role, "partners.look", APPLICATIONS.name, application_id, told)
    return {**shown(session, row), "contact": contact and vars(contact)}


def shown(reader: Reader, row: Row[Any]) -> dict[str, Any]:
    """An application for the office, without its contact."""
    [told] = cases.told(reader, [row])
    return {**told, "contact": None, "hints": hints(reader, row)}


def hints(reader: Reader, row: Row[Any]) -> list[dict[str, str]]:
    """What the archives say of the applicant, each with a slug and in words. They decide nothing."""
    code, found = row.unified_social_credit_code, []
    try:
        known = records.entity(reader, code)
    except NotFound:
        found.append(("entity-unknown", "本市信用档案中没有这个代码，请核对营业执照。"))
    else:
        same = normal_entity_name(known.name) == normal_entity_name(row.name)
        said = f"本市信用档案中这个代码的名称是“{known.name}”，"
        found.append(("name-agrees", said + "与申请一致。") if same else ("name-differs", said + "与申请不一致。"))
    shown = publicity.search(reader, code=code, limit=MOST_RECORDS + 1)
    count = f"{MOST_RECORDS} 条以上" if len(shown) > MOST_RECORDS else f"{len(shown)} 条"
    if shown:
        titles = "、".join(sorted({one.item_title for one in shown})[:5])
        found.append(
            ("published-records", f"公示中的信用信息 {count}：{titles}。是否影响合作由办公室判断，不自动否决。")
        )
    else:
        found.append(("nothing-published", "没有公示中的信用信息。"))
    return [{"slug": slug, "text": text} for slug, text in found]


def decide(
    session: Session, operation: Operation, application_id: UUID, officer: Actor, verdict: Verdict, slug: str | None
) -> dict[str, Any]:
    """Return, refuse, or propose to a second person that the applicant becomes a partner called ``slug``.

    Raises NotFound, CaseDecided, FieldError, CityRefused.
    """

    def propose(row: Row[Any]) -> UUID:
        payload = _payload(session, row, slug)
        subject = (APPLICATIONS.name, str(row.id))
        return approvals.freeze(session, KIND, officer, verdict.reason, payload, subject)

    cases.decide(session, operation, APPLICATIONS, application_id, officer, verdict, propose)
    row = cases.row(session, APPLICATIONS, application_id)
    if row.status in rules.CLOSED:
        applications.keep_contact_until(session, [application_id])
        row = cases.row(session, APPLICATIONS, application_id)
    return shown(session, row)


def _payload(session: Session, row: Row[Any], slug: str | None) -> dict[str, Any]:
    base = publishing.latest(session)
    slug = _free_slug(session, base.content, row, slug)
    why = f"合作机构申请 {row.id}"
    partner = {
        "slug": slug, "name": row.name, "unified_social_credit_code": row.unified_social_credit_code, "basis": why,
    }  # fmt: skip
    venues, taken = [], {venue["slug"] for venue in base.content["venues"]}
    for one in row.venues:
        name = rules.numbered(slug, taken)
        taken.add(name)
        venues.append({"slug": name, "partner": slug, **one})
    told = [
        f"“{row.name}”（{row.unified_social_credit_code}）成为合作机构，编号 {slug}，场所 {len(venues)} 处",
        "批准后，申请人凭查询码领取一次性邀请链接，成为该单位的合作方管理员；请先用登记的电话核实联系人确由该单位授权",
    ]
    return {
        "application_id": str(row.id), "slug": slug, "change": {"partners": [partner], "venues": venues}, "why": why,
        "told": told,
    }  # fmt: skip


def _free_slug(session: Session, content: dict[str, Any], row: Row[Any], slug: str | None) -> str:
    """The slug that the office chose, or one made of the credit code; never one that is another's."""
    code: str = row.unified_social_credit_code
    made = slug or f"p-{code.lower()}"
    if not rules.SLUG.fullmatch(made) or len(made) > rules.MOST_SLUG:
        raise FieldError.at("/slug", "应为小写字母、数字和连字符，最多 60 个字符。", "Lower case, digits, hyphens.")
    taken = rules.item_of(content, "partners", made) is not None
    try:
        other = accounts.organisation_by_slug(session, made)
        taken = taken or other.kind != "partner" or other.unified_social_credit_code != code
    except NotFound:
        pass
    if taken:
        raise FieldError.at("/slug", "这个编号已属于另一个单位。", "This slug is another organisation's.")
    return made


def execute(session: Session, payload: dict[str, Any], approval_id: UUID, _by: UUID) -> dict[str, Any]:
    """Publish the version that has the partner, and let its invitation be fetched.

    Raises CaseDecided, ApprovalOutdated, CityRefused.
    """
    application_id = UUID(payload["application_id"])
    cases.require_proposed(session, APPLICATIONS, application_id, approval_id)
    done = publishing.publish(session, payload)
    organisation = accounts.organisation_by_slug(session, payload["slug"])
    cases.change(
        session, APPLICATIONS, application_id, status="approved", policy_version=done["version"],
        organisation_id=organisation.id,
    )  # fmt: skip
    applications.keep_contact_until(session, [application_id])
    return {**done, "organisation_id": str(organisation.id)}
