"""The front of this room: what routes, commands and other rooms call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from backend.accounts import binding, people, rules, staff, tokens
from backend.accounts.binding import (
    CheckedProof,
    Claim,
    Evidence,
    RealNameVerifier,
    Verdict,
    already_bound,
    bind_identity,
    check_proof,
    count_binding,
    issue_counter_code,
    openid_of_account,
    uncount_binding,
)
from backend.accounts.census import active_staff_by_role
from backend.accounts.devices import create_device, give_nonce, set_device_status, sign_in_device, signed_text
from backend.accounts.directory import DirectoryEntry, DirectoryVerifier, add_to_directory
from backend.accounts.organisations import (
    Organisation,
    ensure_organisation,
    organisation,
    organisation_by_slug,
    organisations,
)
from backend.accounts.people import (
    OpenedPerson,
    Person,
    ensure_people,
    ensure_person,
    find_people,
    find_person,
    lock_people,
    open_person,
    openid_of,
    person,
    require_adult,
)
from backend.accounts.rules import GUARDED_YEARS, ROLES
from backend.accounts.sessions import (
    Grant,
    SignedIn,
    end_all_sessions,
    end_session,
    end_sessions,
    open_session,
    refresh,
    resolve,
)
from backend.accounts.staff import (
    CheckedStaff,
    add_membership,
    check_staff,
    count_sign_in,
    create_staff,
    display_names,
    matching_step,
    new_totp_secret,
    provisioning_uri,
    remove_membership,
    set_staff_status,
    sign_in_staff,
    staff_by_username,
    staff_memberships,
)
from backend.accounts.wechat_accounts import check_wechat_code, set_wechat_account_status, sign_in_wechat
from backend.kit import clock, seal
from backend.kit.db import Reader

__all__ = [
    "GUARDED_YEARS",
    "ROLES",
    "CheckedProof",
    "CheckedStaff",
    "Claim",
    "DirectoryEntry",
    "DirectoryVerifier",
    "Evidence",
    "Grant",
    "OpenedPerson",
    "Organisation",
    "PasswordCost",
    "Person",
    "RealNameVerifier",
    "SignedIn",
    "Verdict",
    "account_view",
    "active_staff_by_role",
    "add_membership",
    "add_to_directory",
    "already_bound",
    "bind_identity",
    "check_proof",
    "check_staff",
    "check_wechat_code",
    "configure",
    "count_binding",
    "count_sign_in",
    "create_device",
    "create_staff",
    "display_names",
    "end_all_sessions",
    "end_session",
    "end_sessions",
    "ensure_organisation",
    "ensure_people",
    "ensure_person",
    "find_people",
    "find_person",
    "give_nonce",
    "issue_counter_code",
    "lock_people",
    "matching_step",
    "me",
    "new_totp_secret",
    "open_person",
    "open_session",
    "openid_of",
    "openid_of_account",
    "organisation",
    "organisation_by_slug",
    "organisations",
    "people_by_id",
    "person",
    "provisioning_uri",
    "refresh",
    "remove_membership",
    "require_adult",
    "resolve",
    "set_device_status",
    "set_staff_status",
    "set_wechat_account_status",
    "sign_in_device",
    "sign_in_staff",
    "sign_in_wechat",
    "signed_text",
    "staff_by_username",
    "staff_memberships",
    "uncount_binding",
]

people_by_id = people.people
WECHAT_USER = "微信用户"


@dataclass(frozen=True)
class PasswordCost:
    """Argon2id's cost; the default is RFC 9106's second recommendation."""

    passes: int = 3
    memory_kib: int = 65536
    lanes: int = 4


def configure(
    *,
    base_url: str,
    session_keys: Mapping[str, bytes],
    verifier: RealNameVerifier | None,
    password_cost: PasswordCost | None = None,
) -> None:
    """Bind what this room needs of the installation. The first of ``session_keys`` signs. Safe to repeat."""
    tokens.bind(tokens.Keys(dict(session_keys), next(iter(session_keys)), base_url))
    binding.bind_verifier(verifier)
    cost = password_cost or PasswordCost()
    staff.set_password_cost(passes=cost.passes, memory_kib=cost.memory_kib, lanes=cost.lanes)


def account_view(reader: Reader, who: SignedIn) -> dict[str, Any]:
    """An account as sign-in answers show it: ``{id, kind, display_name, roles, memberships}``."""
    name, memberships = who.display_name, []
    if who.kind == "resident":
        name = person(reader, who.resident_id).display_name if who.resident_id else WECHAT_USER
    if who.kind == "staff":
        memberships = staff_memberships(reader, who.account_id)
    roles = sorted({role for role, _ in who.roles})
    return dict(id=who.account_id, kind=who.kind, display_name=name, roles=roles, memberships=memberships)


def me(reader: Reader, who: SignedIn) -> dict[str, Any]:
    """The caller's own account; of the person bound to it name, id number and phone, masked, and ``adult``."""
    view: dict[str, Any] = dict(account=account_view(reader, who), bound=who.resident_id is not None)
    return view | _identity(reader, who.resident_id)


def _identity(reader: Reader, resident_id: UUID | None) -> dict[str, Any]:
    if resident_id is None:
        return dict(name=None, id_number=None, phone=None, adult=None, bound_at=None)
    row, known = people.sealed_row(reader, resident_id), people.open_person(reader, resident_id)
    return dict(
        name=seal.mask_name(known.name), id_number=seal.mask_id_number(known.id_number),
        phone=seal.mask_phone(known.phone) if known.phone else None, bound_at=row.bound_at,
        adult=rules.is_adult(rules.birth_on(known.id_number), clock.today()),
    )  # fmt: skip
