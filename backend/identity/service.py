"""The front of this room: what routes, commands and other rooms call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.accounts import service as accounts
from backend.accounts.service import openid_of_account, tokens_view
from backend.identity.binding import (
    CheckedProof,
    Claim,
    Evidence,
    RealNameVerifier,
    Verdict,
    already_bound,
    bind_identity,
    bind_verifier,
    check_proof,
    count_binding,
    phone_of,
    uncount_binding,
)
from backend.identity.counter import issue_counter_code, use_code
from backend.identity.directory import DirectoryEntry, DirectoryVerifier, add_to_directory
from backend.identity.recovery import holder_of_claim, lift_pause, lint_city, recover_account
from backend.kit.db import Reader

__all__ = [
    "CheckedProof",
    "Claim",
    "DirectoryEntry",
    "DirectoryVerifier",
    "Evidence",
    "RealNameVerifier",
    "Verdict",
    "add_to_directory",
    "already_bound",
    "bind_identity",
    "bind_verifier",
    "check_proof",
    "count_binding",
    "holder_of_claim",
    "issue_counter_code",
    "lift_pause",
    "lint_city",
    "me",
    "openid_of_account",
    "phone_of",
    "recover_account",
    "tokens_view",
    "uncount_binding",
    "use_code",
]


def me(reader: Reader, account_id: UUID, session_id: UUID, resident_id: UUID | None) -> dict[str, Any]:
    """A resident's own account, as ``GET /me`` shows it."""
    return accounts.me(reader, accounts.SignedIn("resident", account_id, session_id, "", resident_id))
