"""Registering merchants, working out their grade, and the badge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.codes.errors import PrintedCodeUnknown
from backend.kit import city, clock, db
from backend.kit.city import CityRefused, Policy
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.merchants import rules
from backend.merchants.errors import MerchantCodeRevoked, MerchantCodeUnknown, MerchantRefused
from backend.merchants.models import Evaluation, Merchant, Pledge, PledgeText
from backend.merchants.rules import Published, Verdict
from backend.records import service as records
from backend.records.rules import normal_entity_code

KIND = "merchants"
PRINTED = "merchant"


def lint_policy(content: dict[str, Any], contents: dict[str, dict[str, Any]]) -> list[str]:
    """Every problem of the city's file; see ``rules.lint``."""
    return rules.lint(content, contents)


def apply(session: Session, policy: Policy) -> None:
    """Keep the policy's pledge text under its version. Safe to repeat."""
    pledge = policy.content["pledge"]
    values = {"version": pledge["version"], "title": pledge["title"], "articles": pledge["text"]}
    if insert_if_absent(session, PledgeText, values, ("version",)):
        return
    kept = session.execute(select(PledgeText.articles).where(PledgeText.version == pledge["version"])).scalar_one()
    if kept != pledge["text"]:
        problem = f"merchants.toml：承诺书版本 {pledge['version']} 已发布且不可更改，请改用新的版本号"
        raise CityRefused(problem, problems=[problem])


# --- registering -------------------------------------------------------------------------------------------------


class NewMerchant(NamedTuple):
    """What a market or a department registers. ``licence_valid_until_on``: last good day, None without end."""

    unified_social_credit_code: str
    name: str
    address: str
    district_id: str
    trade_id: str
    legal_representative: str
    licence_no: str
    licence_valid_until_on: date | None = None
    lat: float | None = None
    lon: float | None = None
    pledged: bool = False


class Registered(NamedTuple):
    id: UUID
    public_code: str


def register(session: Session, new: NewMerchant) -> Registered:
    """Register a merchant, or bring what is registered up to date, and print its code if it has none.

    ``pledged``: it signs the pledge in force. Raises MerchantRefused.
    """
    return register_all(session, [new])[0]


def register_all(session: Session, news: Iterable[NewMerchant]) -> list[Registered]:
    """``register`` for many, with the city's policy read once."""
    districts, trades = _places(session)
    pledge = city.get(session, KIND).content["pledge"]["version"]
    registered = []
    for new in news:
        _check(new, districts, trades)
        merchant_id, public_code = _keep(session, new)
        if public_code is None:
            public_code = print_code(session, merchant_id)
        if new.pledged:
            sign_pledge(session, merchant_id, pledge)
        registered.append(Registered(merchant_id, public_code))
    return registered


def _places(reader: Reader) -> tuple[dict[str, str], dict[str, str]]:
    """The names of districts and of trades by id."""
    districts = {item["id"]: item["name"] for item in city.get(reader, "city").content["districts"]}
    return districts, {item["id"]: item["name"] for item in city.get(reader, KIND).content["trades"]}


def _check(new: NewMerchant, districts: dict[str, str], trades: dict[str, str]) -> None:
    problems = []
    if normal_entity_code(new.unified_social_credit_code) is None:
        problems.append("统一社会信用代码校验不通过（GB 32100）")
    if new.district_id not in districts:
        problems.append(f"没有片区 {new.district_id}")
    if new.trade_id not in trades:
        problems.append(f"没有业态 {new.trade_id}")
    for name, most in (("name", 120), ("address", 200), ("legal_representative", 60), ("licence_no", 60)):
        if not 1 <= len(getattr(new, name).strip()) <= most:
            problems.append(f"{name} 不能为空，最长 {most} 个字符")
    if (new.lat is None) != (new.lon is None):
        problems.append("lat 与 lon 应同时给出")
    elif new.lat is not None and new.lon is not None and not (abs(new.lat) <= 90 and abs(new.lon) <= 180):
        problems.append("lat 应在 ±90 之内，lon 应在 ±180 之内")
    if problems:
        raise MerchantRefused("；".join(problems), problems=problems)


def _keep(session: Session, new: NewMerchant) -> tuple[UUID, str | None]:
    instant = clock.now()
    values: dict[str, Any] = new._asdict() | {"status": "active", "updated_at": instant}
    del values["pledged"]
    values["unified_social_credit_code"] = normal_entity_code(new.unified_social_credit_code)
    statement = db.insert(session, Merchant).values(id=new_id(), registered_at=instant, public_code=None, **values)
    kept = session.execute(
        statement.on_conflict_do_update(index_elements=["unified_social_credit_code"], set_=values).returning(
            Merchant.id, Merchant.public_code
        )
    ).one()
    return kept.id, kept.public_code


def print_code(session: Session, merchant_id: UUID) -> str:
    """A new printed code for a merchant. An earlier one stays good until it is revoked. Raises NotFound."""
    merchant(session, merchant_id)
    code = codes.printed_code(session, PRINTED, merchant_id)
    session.execute(update(Merchant).where(Merchant.id == merchant_id).values(public_code=code))
    return code


def revoke_code(session: Session, public_code: str, reason: str) -> None:
    """Make a printed code worthless from now on; its page says when and why. Raises MerchantCodeUnknown."""
    merchant_id = _printed(session, public_code).subject_id
    codes.revoke_printed(session, public_code, reason)
    session.execute(
        update(Merchant).where(Merchant.id == merchant_id, Merchant.public_code == public_code).values(public_code=None)
    )


def close(session: Session, merchant_id: UUID) -> None:
    """Note that a merchant has given up business: its badge says so."""
    session.execute(update(Merchant).where(Merchant.id == merchant_id).values(status="closed", updated_at=clock.now()))


def sign_pledge(session: Session, merchant_id: UUID, version: str | None = None) -> bool:
    """Sign the pledge in force (or ``version``); False when that was signed before."""
    signed = version or city.get(session, KIND).content["pledge"]["version"]
    values = {"merchant_id": merchant_id, "version": signed, "signed_at": clock.now()}
    return insert_if_absent(session, Pledge, values, ("merchant_id", "version"))


def merchant(reader: Reader, merchant_id: UUID) -> Row[Any]:
    """A merchant's row. Raises NotFound."""
    row = reader.execute(select(Merchant.__table__).where(Merchant.id == merchant_id)).first()
    if row is None:
        raise NotFound("没有这个商户。", "There is no such merchant.")
    return row


# --- the grade ---------------------------------------------------------------------------------------------------


class _Archive(NamedTuple):
    """All that a grade and a badge are made of."""

    merchant: Row[Any]
    pledge: Row[Any] | None
    shown: list[records.Record]


def _archive(reader: Reader, merchant_id: UUID, today: date) -> _Archive:
    row = merchant(reader, merchant_id)
    pledge = reader.execute(
        select(PledgeText.version, PledgeText.title, PledgeText.articles, Pledge.signed_at)
        .join(Pledge, Pledge.version == PledgeText.version)
        .where(Pledge.merchant_id == merchant_id)
        .order_by(Pledge.signed_at.desc(), Pledge.version.desc())
        .limit(1)
    ).first()
    shown = records.entity_records_of(reader, row.unified_social_credit_code, today)
    return _Archive(row, pledge, shown)


def _judge(policy: Policy, archive: _Archive, today: date) -> Verdict:
    """A disputed record is shown but not counted."""
    counted = [
        Published(record.item_code, record.decided_on, record.fields)
        for record in archive.shown
        if record.status == "active"
    ]
    row = archive.merchant
    pledged = archive.pledge is not None
    facts = rules.facts_of(row.licence_no, row.licence_valid_until_on, pledged, counted, today)
    return rules.evaluate(policy.content, facts, today)


def evaluate(session: Session, merchant_id: UUID) -> Verdict:
    """Work out a merchant's grade today and keep it if it differs from the last one kept."""
    today = clock.today()
    policy = city.get(session, KIND)
    verdict = _judge(policy, _archive(session, merchant_id, today), today)
    reasons = [reason._asdict() for reason in verdict.reasons]
    last = session.execute(
        select(Evaluation.grade_id, Evaluation.score, Evaluation.reasons, Evaluation.policy_version)
        .where(Evaluation.merchant_id == merchant_id)
        .order_by(Evaluation.evaluated_at.desc(), Evaluation.id.desc())
        .limit(1)
    ).first()
    found = (verdict.grade.id, verdict.score, reasons, policy.version)
    if last is None or tuple(last) != found:
        names = ("grade_id", "score", "reasons", "policy_version")
        values = dict(zip(names, found, strict=True))
        session.execute(
            insert(Evaluation).values(merchant_id=merchant_id, id=new_id(), evaluated_at=clock.now(), **values)
        )
    return verdict


def on_entity_changed(session: Session, news: dict[str, Any]) -> None:
    """A legal entity's archive has changed: keep the new grade, if it is a merchant of ours."""
    query = select(Merchant.id).where(Merchant.unified_social_credit_code == news["entity_code"])
    if (merchant_id := session.execute(query).scalar()) is not None:
        evaluate(session, merchant_id)


def on_entities_loaded(session: Session, news: dict[str, Any]) -> None:
    """Many archives have changed at once: the new grades of those that are merchants of ours, in one order."""
    ours = db.among(session, Merchant.unified_social_credit_code, news["entity_codes"])
    known = session.execute(select(Merchant.id).where(ours).order_by(Merchant.id)).scalars().all()
    for merchant_id in known:
        evaluate(session, merchant_id)


# --- the badge ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Licence:
    number: str
    valid_until_on: date | None
    valid: bool


@dataclass(frozen=True)
class SignedPledge:
    version: str
    title: str
    articles: list[str]
    signed_on: date


@dataclass(frozen=True)
class Penalty:
    """A record in publicity. ``disputed``: an objection is being looked into, and it is not counted meanwhile."""

    title: str
    document_no: str
    authority: str
    decided_on: date
    publicity_until_on: date
    violation: str
    content: str
    disputed: bool


@dataclass(frozen=True)
class Badge:
    """What a scan shows of a merchant on a Shanghai day. ``status``: active or closed."""

    public_code: str
    status: str
    name: str
    unified_social_credit_code: str
    address: str
    district: str
    trade: str
    lat: float | None
    lon: float | None
    legal_representative: str
    licence: Licence
    score: int
    grade: rules.Grade
    reasons: tuple[rules.Reason, ...]
    policy_version: str
    pledge: SignedPledge | None
    penalties: list[Penalty]
    updated_at: datetime
    as_of: date


def badge(reader: Reader, public_code: str) -> Badge:
    """The badge under a printed code, worked out anew: what has left publicity is gone without any job.

    Raises MerchantCodeUnknown and MerchantCodeRevoked.
    """
    printed = _printed(reader, public_code)
    if printed.revoked_at is not None:
        name = merchant(reader, printed.subject_id).name
        revoked_at = printed.revoked_at.isoformat().replace("+00:00", "Z")
        raise MerchantCodeRevoked(revoked_at=revoked_at, reason=printed.reason, name=name)
    today = clock.today()
    policy = city.get(reader, KIND)
    archive = _archive(reader, printed.subject_id, today)
    return _badge(reader, printed.code, policy, archive, today)


def _printed(reader: Reader, public_code: str) -> codes.Printed:
    try:
        printed = codes.lookup_printed(reader, public_code)
    except PrintedCodeUnknown:
        raise MerchantCodeUnknown() from None
    if printed.kind != PRINTED:
        raise MerchantCodeUnknown()
    return printed


def _badge(reader: Reader, public_code: str, policy: Policy, archive: _Archive, today: date) -> Badge:
    row, pledge = archive.merchant, archive.pledge
    districts, trades = _places(reader)
    verdict = _judge(policy, archive, today)
    until = row.licence_valid_until_on
    changes = [row.updated_at, *(record.changed_at for record in archive.shown)]
    return Badge(
        public_code=public_code, status=row.status, name=row.name,
        unified_social_credit_code=row.unified_social_credit_code, address=row.address,
        district=districts.get(row.district_id, row.district_id), trade=trades.get(row.trade_id, row.trade_id),
        lat=row.lat, lon=row.lon, legal_representative=row.legal_representative,
        licence=Licence(row.licence_no, until, until is None or until >= today),
        score=verdict.score, grade=verdict.grade, reasons=verdict.reasons, policy_version=policy.version,
        pledge=pledge and SignedPledge(
            pledge.version, pledge.title, list(pledge.articles), clock.shanghai_date(pledge.signed_at)
        ),
        penalties=[_penalty(record) for record in archive.shown if record.effect == "adverse"],
        updated_at=max([*changes, pledge.signed_at] if pledge else changes), as_of=today,
    )  # fmt: skip


def _penalty(record: records.Record) -> Penalty:
    said = record.fields
    assert record.publicity_until_on is not None  # what is shown has an end
    return Penalty(
        title=record.title, document_no=record.document_no, authority=record.source_name,
        decided_on=record.decided_on, publicity_until_on=record.publicity_until_on,
        violation=str(said.get("violation_type") or said.get("listing_reason") or ""),
        content=str(said.get("penalty_content") or ""), disputed=record.status == "disputed",
    )  # fmt: skip


# --- what is printed ---------------------------------------------------------------------------------------------


def code_svg(reader: Reader, base_url: str, public_code: str) -> str:
    """The code as an SVG image. Raises MerchantCodeUnknown and MerchantCodeRevoked: a dead code is not printed."""
    shown = badge(reader, public_code)
    return codes.qr_svg(codes.printed_url(base_url, shown.public_code), f"{shown.name}信用码")


def code_png(reader: Reader, base_url: str, public_code: str) -> bytes:
    """The code as a PNG image. Raises as code_svg."""
    return codes.qr_png(codes.printed_url(base_url, badge(reader, public_code).public_code))


def poster(reader: Reader, base_url: str, public_code: str) -> bytes:
    """An A4 poster (PDF) with the merchant's name and code. Raises as code_svg."""
    shown = badge(reader, public_code)
    programme = city.get(reader, "city").content["programme"]
    url = codes.printed_url(base_url, shown.public_code)
    return codes.poster_pdf(url, shown.name, programme)
