"""Binding: a WeChat account becomes one person's.

The edge counts the attempt (a transaction of its own), asks ``check_proof`` (WeChat and the real-name authority,
outside any transaction), and lets ``bind_identity`` join account and person. Whatever is wrong, the answer is the
same IdentityNotVerified.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from backend.accounts import attempts, people, rules
from backend.accounts.errors import IdentityAlreadyBound, IdentityNotVerified, ProofKindUnavailable
from backend.accounts.models import CounterCodeRow, PersonRow, WechatAccountRow
from backend.kit import clock, outbox, seal
from backend.kit.db import Reader
from backend.wechat import errors as wechat_errors
from backend.wechat import service as wechat

ACCOUNT_ATTEMPT = "bind-account"
ID_NUMBER_ATTEMPT = "bind-id-number"
PROOF_KINDS = ("wechat_phone", "counter_code", "government")
COUNTER_CODE_LENGTH = 8
COUNTER_CODE_MINUTES = 15


@dataclass(frozen=True, repr=False)
class Claim:
    """Who someone says to be, in normal form; None where what they typed cannot be a name or an id number."""

    name: str | None
    id_number: str | None
    subject: str

    @classmethod
    def of(cls, name: str, id_number: str) -> Claim:
        number = rules.normal_id_number(id_number, clock.today())
        return cls(rules.normal_name(name), number, number or id_number.strip().upper())


@dataclass(frozen=True, repr=False)
class Evidence:
    """What a verifier judges by: a phone that WeChat vouches for, or a token of the government's sign-in."""

    phone: str | None = None
    government_token: str | None = None


@dataclass(frozen=True)
class Verdict:
    """``reason`` is for operators; it never reaches the caller."""

    verified: bool
    reason: str


class RealNameVerifier(Protocol):
    """Who can say whether name, id number and evidence belong together. ``proof_kinds``: what it can judge."""

    proof_kinds: frozenset[str]

    def verify(self, name: str, id_number: str, evidence: Evidence) -> Verdict: ...


@dataclass(frozen=True, repr=False)
class CheckedProof:
    """A proof that held. A counter code is still to be used up, in the binding's own transaction."""

    phone: str | None = None
    counter_code: str | None = field(default=None)


_verifier: RealNameVerifier | None = None


def bind_verifier(verifier: RealNameVerifier | None) -> None:
    """Say who verifies real names here; the composition root does."""
    global _verifier
    _verifier = verifier


def available_proofs() -> list[str]:
    """The kinds of proof that can be used here; a counter's code always can."""
    known = _verifier.proof_kinds if _verifier else frozenset()
    return [kind for kind in PROOF_KINDS if kind in known or kind == "counter_code"]


def count_binding(session: Session, account_id: UUID, claim: Claim, proof_kind: str) -> None:
    """Count an attempt to bind, per account and, unless staff vouch at a counter, per id number.

    Raises TooManyAttempts; ProofKindUnavailable before anything is counted.
    """
    if proof_kind not in (available := available_proofs()):
        wrong = {"pointer": "/proof/kind", "detail": "可用：" + "、".join(available)}
        raise ProofKindUnavailable(wrong["detail"], "Available: " + ", ".join(available), errors=[wrong],
                                   available=available)  # fmt: skip
    attempts.count(session, ACCOUNT_ATTEMPT, str(account_id), rules.BINDING_PER_ACCOUNT)
    if proof_kind != "counter_code":
        attempts.count(session, ID_NUMBER_ATTEMPT, claim.subject, rules.BINDING_PER_ID_NUMBER)


def uncount_binding(session: Session, account_id: UUID, claim: Claim, proof_kind: str) -> None:
    """Give an attempt back that could not be judged, because another's system failed."""
    attempts.give_back(session, ACCOUNT_ATTEMPT, str(account_id))
    if proof_kind != "counter_code":
        attempts.give_back(session, ID_NUMBER_ATTEMPT, claim.subject)


def check_proof(openid: str, claim: Claim, proof_kind: str, value: str) -> CheckedProof:
    """Ask WeChat and the verifier. Raises IdentityNotVerified; WechatUnavailable when it cannot be asked."""
    if claim.name is None or claim.id_number is None:
        raise IdentityNotVerified()
    if proof_kind == "counter_code":
        return CheckedProof(counter_code=rules.normal_counter_code(value))
    if _verifier is None:
        raise IdentityNotVerified()
    phone = phone_of(value, openid) if proof_kind == "wechat_phone" else None
    evidence = Evidence(phone, value if proof_kind == "government" else None)
    if not _verifier.verify(claim.name, claim.id_number, evidence).verified:
        raise IdentityNotVerified()
    return CheckedProof(phone=phone)


def phone_of(code: str, openid: str) -> str:
    """The phone that WeChat vouches for. A code that is wrong, used or another's is one more thing that is wrong."""
    try:
        told = wechat.current().exchange_phone_code(code, openid)
    except (
        wechat_errors.WechatCodeInvalid,
        wechat_errors.WechatCodeUsed,
        wechat_errors.WechatOpenidInvalid,
        wechat_errors.WechatAccountBlocked,
    ):
        raise IdentityNotVerified() from None
    phone = rules.normal_phone(told.number, told.country_code)
    if phone is None:
        raise IdentityNotVerified()
    return phone


def openid_of_account(reader: Reader, account_id: UUID) -> str:
    """The openid behind a WeChat account."""
    return str(reader.execute(select(WechatAccountRow.openid).where(WechatAccountRow.id == account_id)).scalar_one())


def already_bound(reader: Reader, resident_id: UUID, claim: Claim) -> None:
    """Judge a claim by an account that is bound: its own person again is fine, anybody else is IdentityAlreadyBound."""
    known = people.open_person(reader, resident_id)
    if (known.name, known.id_number) != (claim.name, claim.id_number):
        raise IdentityAlreadyBound()


def bind_identity(session: Session, account_id: UUID, claim: Claim, proof: CheckedProof) -> UUID:
    """Join an account and the person of a claim whose proof held; the resident id.

    A person whom a department's record made before is adopted. Locks the account, then the person. Raises
    IdentityNotVerified, also when the person is bound to another account or known by another name.
    """
    mine = select(WechatAccountRow.resident_id).where(WechatAccountRow.id == account_id).with_for_update()
    bound = session.execute(mine).one().resident_id
    if bound is not None:
        already_bound(session, bound, claim)
        _clear(session, account_id, claim)
        return UUID(str(bound))
    if claim.name is None or claim.id_number is None:
        raise IdentityNotVerified()
    if proof.counter_code is not None:
        _use_counter_code(session, claim.name, claim.id_number, proof.counter_code)
    resident_id = people.ensure_person(session, claim.name, claim.id_number)
    _take_person(session, resident_id, account_id, claim.name)
    if proof.phone is not None:
        _keep_phone(session, resident_id, proof.phone)
    session.execute(update(WechatAccountRow).where(WechatAccountRow.id == account_id).values(resident_id=resident_id))
    _clear(session, account_id, claim)
    outbox.tell(session, "accounts.bound", {"resident_id": str(resident_id)}, shard=resident_id)
    return resident_id


def _clear(session: Session, account_id: UUID, claim: Claim) -> None:
    attempts.clear(session, ACCOUNT_ATTEMPT, str(account_id))
    attempts.clear(session, ID_NUMBER_ATTEMPT, claim.subject)


def _take_person(session: Session, resident_id: UUID, account_id: UUID, name: str) -> None:
    """Mark the person as this account's, which works only while nobody else's."""
    free = (PersonRow.resident_id == resident_id, PersonRow.status == "active", PersonRow.wechat_account_id.is_(None))
    taken = update(PersonRow).where(*free).values(wechat_account_id=account_id, bound_at=clock.now())
    if session.execute(taken.returning(PersonRow.resident_id)).first() is None:
        raise IdentityNotVerified()
    if people.open_person(session, resident_id).name != name:
        raise IdentityNotVerified()


def _keep_phone(session: Session, resident_id: UUID, phone: str) -> None:
    key = people.sealed_row(session, resident_id).data_key
    sealed = people.seal_field(key, "phone_sealed", resident_id, phone)
    session.execute(update(PersonRow).where(PersonRow.resident_id == resident_id).values(phone_sealed=sealed))
    people.remember_phone(session, resident_id, phone)


# counter codes


def issue_counter_code(session: Session, name: str, id_number: str, issued_by: UUID) -> tuple[str, datetime]:
    """A code for the person whose card staff hold in their hands, and its end (15 minutes). It works once.

    It is bound to name and id number, and kept as a digest. Raises FieldError when these cannot be a person's.
    """
    name, id_number = people.normal("", name, id_number)
    code = "".join(secrets.choice(rules.COUNTER_CODE_ALPHABET) for _ in range(COUNTER_CODE_LENGTH))
    expires_at = clock.now() + timedelta(minutes=COUNTER_CODE_MINUTES)
    session.execute(
        insert(CounterCodeRow).values(
            digest=seal.digest("counter-code", code)[1], identity_digest=_identity(name, id_number)[0],
            issued_by=issued_by, expires_at=expires_at, used_at=None,
        )
    )  # fmt: skip
    return f"{code[:4]}-{code[4:]}", expires_at


def _identity(name: str, id_number: str) -> list[bytes]:
    return [digest for _, digest in seal.digests("counter-identity", f"{id_number}|{name}")]


def use_counter_code(session: Session, name: str, id_number: str, code: str) -> None:
    """Use up a code that a counter gave to this person, both in normal form. Raises IdentityNotVerified."""
    _use_counter_code(session, name, id_number, rules.normal_counter_code(code))


def _use_counter_code(session: Session, name: str, id_number: str, code: str) -> None:
    now = clock.now()
    used = (
        update(CounterCodeRow)
        .where(
            CounterCodeRow.digest.in_([digest for _, digest in seal.digests("counter-code", code)]),
            CounterCodeRow.identity_digest.in_(_identity(name, id_number)),
            CounterCodeRow.used_at.is_(None),
            CounterCodeRow.expires_at > now,
        )
        .values(used_at=now)
        .returning(CounterCodeRow.digest)
    )
    if session.execute(used).first() is None:
        raise IdentityNotVerified()
