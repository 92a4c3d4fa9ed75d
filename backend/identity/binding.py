"""Binding: a WeChat account becomes one person's.

The edge counts the attempt (a transaction of its own), asks ``check_proof`` (WeChat and the real-name authority,
outside any transaction), and lets ``bind_identity`` join account and person. Whatever is wrong, the answer is the
same IdentityNotVerified.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import rules as accounts_rules
from backend.accounts import service as accounts
from backend.identity import counter, rules
from backend.identity.errors import IdentityAlreadyBound, IdentityNotVerified, ProofKindUnavailable
from backend.kit import clock, outbox
from backend.kit.db import Reader
from backend.wechat import errors as wechat_errors
from backend.wechat import service as wechat

ACCOUNT_ATTEMPT = "bind-account"
ID_NUMBER_ATTEMPT = "bind-id-number"
PROOF_KINDS = ("wechat_phone", "counter_code", "government")


@dataclass(frozen=True, repr=False)
class Claim:
    """Who someone says to be, in normal form; None where what they typed cannot be a name or an id number."""

    name: str | None
    id_number: str | None
    subject: str

    @classmethod
    def of(cls, name: str, id_number: str) -> Claim:
        number = accounts_rules.normal_id_number(id_number, clock.today())
        return cls(accounts_rules.normal_name(name), number, number or id_number.strip().upper())


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
    accounts.count_attempt(session, ACCOUNT_ATTEMPT, str(account_id), rules.BINDING_PER_ACCOUNT)
    if proof_kind != "counter_code":
        accounts.count_attempt(session, ID_NUMBER_ATTEMPT, claim.subject, rules.BINDING_PER_ID_NUMBER)


def uncount_binding(session: Session, account_id: UUID, claim: Claim, proof_kind: str) -> None:
    """Give an attempt back that could not be judged, because another's system failed."""
    accounts.give_attempt_back(session, ACCOUNT_ATTEMPT, str(account_id))
    if proof_kind != "counter_code":
        accounts.give_attempt_back(session, ID_NUMBER_ATTEMPT, claim.subject)


def check_proof(openid: str, claim: Claim, proof_kind: str, value: str) -> CheckedProof:
    """Ask WeChat and the verifier. Raises IdentityNotVerified; WechatUnavailable when it cannot be asked."""
    if claim.name is None or claim.id_number is None:
        raise IdentityNotVerified()
    if proof_kind == "counter_code":
        return CheckedProof(counter_code=value)
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
    phone = accounts_rules.normal_phone(told.number, told.country_code)
    if phone is None:
        raise IdentityNotVerified()
    return phone


def already_bound(reader: Reader, resident_id: UUID, claim: Claim) -> None:
    """Judge a claim by an account that is bound: its own person again is fine, anybody else is IdentityAlreadyBound."""
    known = accounts.open_person(reader, resident_id)
    if (known.name, known.id_number) != (claim.name, claim.id_number):
        raise IdentityAlreadyBound()


def bind_identity(session: Session, account_id: UUID, claim: Claim, proof: CheckedProof) -> UUID:
    """Join an account and the person of a claim whose proof held; the resident id.

    A person whom a department's record made before is adopted. Locks the account, then the person. Raises
    IdentityNotVerified, also when the person is bound to another account or known by another name.
    """
    if (bound := accounts.lock_account(session, account_id)) is not None:
        already_bound(session, bound, claim)
        clear_attempts(session, account_id, claim)
        return bound
    if claim.name is None or claim.id_number is None:
        raise IdentityNotVerified()
    if proof.counter_code is not None:
        counter.use_code(session, claim.name, claim.id_number, proof.counter_code)
    resident_id = accounts.ensure_person(session, claim.name, claim.id_number)
    _take_person(session, resident_id, account_id, claim.name)
    if proof.phone is not None:
        accounts.keep_phone(session, resident_id, proof.phone)
    clear_attempts(session, account_id, claim)
    outbox.tell(session, "accounts.bound", {"resident_id": str(resident_id)}, shard=resident_id)
    return resident_id


def clear_attempts(session: Session, account_id: UUID, claim: Claim) -> None:
    """Forget the attempts of an account and on an id number: one has succeeded."""
    accounts.clear_attempts(session, ACCOUNT_ATTEMPT, str(account_id))
    accounts.clear_attempts(session, ID_NUMBER_ATTEMPT, claim.subject)


def _take_person(session: Session, resident_id: UUID, account_id: UUID, name: str) -> None:
    """Mark the person as this account's, which works only while nobody else's."""
    if not accounts.take_person(session, resident_id, account_id):
        raise IdentityNotVerified()
    if accounts.open_person(session, resident_id).name != name:
        raise IdentityNotVerified()
