"""The front of this room: what routes, commands and other rooms call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from backend.accounts import attempts, binding, people, rules, tokens
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
from backend.accounts.rules import (
    GUARDED_YEARS,
    ROLES,
    ROLES_OF_THE_OFFICE,
    Limit,
    conflicts,
    normal_username,
)
from backend.accounts.sessions import (
    Grant,
    OpenSession,
    SignedIn,
    end_session,
    end_sessions,
    open_session,
    open_sessions,
    refresh,
    resolve,
    who_now,
)
from backend.accounts.staff import (
    Credentials,
    NewStaff,
    StaffMember,
    add_membership,
    add_staff,
    credentials,
    display_names,
    lock_active,
    lock_holders,
    memberships,
    other_roles_of_person,
    person_of_staff,
    remove_membership,
    replace_memberships,
    set_credentials,
    set_staff_status,
    staff_by_username,
    staff_member,
    staff_members,
    staff_memberships,
    use_otp_step,
)
from backend.accounts.wechat_accounts import check_wechat_code, set_wechat_account_status, sign_in_wechat
from backend.kit import clock, seal
from backend.kit.db import Reader

__all__ = [
    "GUARDED_YEARS",
    "ROLES",
    "ROLES_OF_THE_OFFICE",
    "CheckedProof",
    "Claim",
    "Credentials",
    "DirectoryEntry",
    "DirectoryVerifier",
    "Evidence",
    "Grant",
    "Limit",
    "NewStaff",
    "OpenSession",
    "OpenedPerson",
    "Organisation",
    "Person",
    "RealNameVerifier",
    "SignedIn",
    "StaffMember",
    "Verdict",
    "account_view",
    "add_membership",
    "add_staff",
    "add_to_directory",
    "already_bound",
    "bind_identity",
    "check_proof",
    "check_wechat_code",
    "clear_attempts",
    "configure",
    "conflicts",
    "count_attempt",
    "count_binding",
    "create_device",
    "credentials",
    "display_names",
    "end_session",
    "end_sessions",
    "ensure_organisation",
    "ensure_people",
    "ensure_person",
    "find_people",
    "find_person",
    "give_attempt_back",
    "give_nonce",
    "is_remembered",
    "issue_counter_code",
    "lock_active",
    "lock_holders",
    "lock_people",
    "me",
    "memberships",
    "normal_username",
    "open_person",
    "open_session",
    "open_sessions",
    "openid_of",
    "openid_of_account",
    "organisation",
    "organisation_by_slug",
    "organisations",
    "other_roles_of_person",
    "people_by_id",
    "person",
    "person_of_staff",
    "refresh",
    "remember_attempt",
    "remove_membership",
    "replace_memberships",
    "require_adult",
    "resolve",
    "set_credentials",
    "set_device_status",
    "set_staff_status",
    "set_wechat_account_status",
    "sign_in_device",
    "sign_in_wechat",
    "signed_text",
    "staff_by_username",
    "staff_member",
    "staff_members",
    "staff_memberships",
    "uncount_binding",
    "use_otp_step",
    "who_now",
]

people_by_id = people.people
count_attempt, give_attempt_back, clear_attempts = attempts.count, attempts.give_back, attempts.clear
remember_attempt, is_remembered = attempts.remember, attempts.is_remembered
WECHAT_USER = "微信用户"


def configure(*, base_url: str, session_keys: Mapping[str, bytes], verifier: RealNameVerifier | None) -> None:
    """Bind what this room needs of the installation. The first of ``session_keys`` signs. Safe to repeat."""
    tokens.bind(tokens.Keys(dict(session_keys), next(iter(session_keys)), base_url))
    binding.bind_verifier(verifier)


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
