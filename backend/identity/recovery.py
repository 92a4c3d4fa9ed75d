"""Recovering an account: a person goes from a WeChat that is lost to the one she has now.

Steps at the edge as for binding: count the attempt, read who holds the person, check the proof, move her. Who holds
whom is read for every claim, known or not, and nothing before the proof depends on it: whoever is refused learns
nothing, not even by the clock.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.identity import binding, counter, rules
from backend.identity.binding import CheckedProof, Claim
from backend.identity.errors import IdentityAlreadyBound, IdentityNotVerified
from backend.kit import city, outbox
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.ids import NIL

RECOVERED = "identity.recovered"
PAUSE_LIFTED = "identity.pause-lifted"
LOOKED_AT = "people.looked-at"


def holder_of_claim(reader: Reader, claim: Claim) -> tuple[UUID, UUID | None]:
    """The person of a claim, as yet unproved, and the account that holds her. The nil id stands for nobody."""
    known = accounts.find_person(reader, claim.id_number or "")
    resident_id = known or NIL
    return resident_id, accounts.holder_of(reader, resident_id)


def recover_account(
    session: Session, account_id: UUID, claim: Claim, held: tuple[UUID, UUID | None], proof: CheckedProof
) -> accounts.Grant:
    """Bind the person of a claim whose proof held to ``account_id``; a new session of that account.

    In this transaction the old account is nobody's, every session of both accounts ends (a session that somebody
    planted beforehand does not become the person's), spending pauses for the city's hours, and upper rooms hear of
    it. Raises IdentityNotVerified, also where she is not held as she was when the proof was checked;
    IdentityAlreadyBound where this account is somebody's.
    """
    if accounts.lock_account(session, account_id) is not None:
        raise IdentityAlreadyBound()
    resident_id, held_by = held
    if claim.name is None or claim.id_number is None or held_by is None:
        raise IdentityNotVerified()
    if proof.counter_code is not None:
        counter.use_code(session, claim.name, claim.id_number, proof.counter_code)
    if not accounts.move_person(session, resident_id, held_by, account_id, _pause(session)):
        raise IdentityNotVerified()
    if accounts.open_person(session, resident_id).name != claim.name:
        raise IdentityNotVerified()
    if proof.phone is not None:
        accounts.keep_phone(session, resident_id, proof.phone)
    binding.clear_attempts(session, account_id, claim)
    told = {"resident_id": str(resident_id), "old_account_id": str(held_by), "account_id": str(account_id)}
    outbox.tell(session, RECOVERED, told, shard=resident_id)
    return accounts.open_session(session, "resident", account_id)


def _pause(reader: Reader) -> timedelta:
    limits = city.get(reader, "city").content.get("limits", {})
    return timedelta(hours=int(limits.get("recovery_pause_hours", rules.RECOVERY_PAUSE_HOURS)))


def lint_city(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``city.toml`` that the composition root registers."""
    return rules.lint_limits(content.get("limits", {}))


def lift_pause(
    session: Session, name: str, id_number: str, clerk_id: UUID, role: str, organisation_id: UUID | None
) -> UUID:
    """End the pause of the person whose card a clerk holds; the resident id. The look is written down first.

    Raises NotFound alike for the unknown, for another name than hers and where there is no pause; FieldError when
    name or number cannot be a person's.
    """
    name, id_number = accounts.normal("", name, id_number)
    resident_id = accounts.find_person(session, id_number)
    if resident_id is None:
        raise NotFound("没有可以解除的冷静期。", "There is no pause to lift.")
    look = {
        "resident_id": str(resident_id), "actor_id": str(clerk_id), "role": role,
        "purpose": "窗口解除找回账号后的冷静期", "fields": ["spending_paused_until"], "basis": "本人持身份证到场办理",
        "organisation_id": str(organisation_id) if organisation_id else None,
        "authorisation": "presence:card",
    }  # fmt: skip
    outbox.tell(session, LOOKED_AT, look, shard=resident_id)
    named = accounts.open_person(session, resident_id).name == name
    if not named or not accounts.lift_pause(session, resident_id):
        raise NotFound("没有可以解除的冷静期。", "There is no pause to lift.")
    outbox.tell(session, PAUSE_LIFTED, {"resident_id": str(resident_id)}, shard=resident_id)
    return resident_id
