"""The front of this room: what routes, commands and other rooms call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from backend.accounts import attempts, people, rules, tokens
from backend.accounts.census import active_staff_by_role
from backend.accounts.devices import create_device, give_nonce, set_device_status, sign_in_device, signed_text
from backend.accounts.holders import (
    SPENDER,
    holder_of,
    holds_since,
    judge_spending,
    keep_phone,
    lift_pause,
    lock_account,
    move_person,
    openid_of_account,
    require_may_spend,
    take_person,
)
from backend.accounts.matching import Match, match_people
from backend.accounts.organisations import (
    Organisation,
    ensure_organisation,
    organisation,
    organisation_by_slug,
    organisations,
)
from backend.accounts.people import (
    NAMED,
    OpenedPerson,
    Person,
    ensure_people,
    ensure_person,
    find_people,
    find_person,
    hold_people,
    living,
    lock_people,
    masked_name,
    normal,
    open_for,
    open_person,
    openid_of,
    paused_until,
    person,
    require_adult,
    require_known,
    seal_for,
)
from backend.accounts.personal import (
    bound_at,
    change_phone,
    has_left,
    identity_digests,
    lock_leaving,
    rename,
    require_standing,
)
from backend.accounts.rules import (
    ADULT_YEARS,
    GUARDED_YEARS,
    ROLES,
    ROLES_BY_TWO,
    ROLES_OF_THE_OFFICE,
    Limit,
    conflicts,
    normal_username,
)
from backend.accounts.sessions import (
    Grant,
    OpenSession,
    SignedIn,
    end_all_sessions,
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
    "ADULT_YEARS",
    "GUARDED_YEARS",
    "NAMED",
    "ROLES",
    "ROLES_BY_TWO",
    "ROLES_OF_THE_OFFICE",
    "SPENDER",
    "Credentials",
    "Grant",
    "Limit",
    "Match",
    "NewStaff",
    "OpenSession",
    "OpenedPerson",
    "Organisation",
    "Person",
    "SignedIn",
    "StaffMember",
    "account_view",
    "active_staff_by_role",
    "add_membership",
    "add_staff",
    "bind_session_keys",
    "bound_at",
    "change_phone",
    "check_wechat_code",
    "clear_attempts",
    "conflicts",
    "count_attempt",
    "create_device",
    "credentials",
    "display_names",
    "end_all_sessions",
    "end_session",
    "end_sessions",
    "ensure_organisation",
    "ensure_people",
    "ensure_person",
    "find_people",
    "find_person",
    "give_attempt_back",
    "give_nonce",
    "has_left",
    "hold_people",
    "holder_of",
    "holds_since",
    "identity_digests",
    "is_remembered",
    "judge_spending",
    "keep_phone",
    "lift_pause",
    "living",
    "lock_account",
    "lock_active",
    "lock_holders",
    "lock_leaving",
    "lock_people",
    "masked_name",
    "match_people",
    "me",
    "memberships",
    "move_person",
    "normal",
    "normal_username",
    "open_for",
    "open_person",
    "open_session",
    "open_sessions",
    "openid_of",
    "openid_of_account",
    "organisation",
    "organisation_by_slug",
    "organisations",
    "other_roles_of_person",
    "paused_until",
    "people_by_id",
    "person",
    "person_of_staff",
    "refresh",
    "remember_attempt",
    "remove_membership",
    "rename",
    "replace_memberships",
    "require_adult",
    "require_known",
    "require_may_spend",
    "require_standing",
    "resolve",
    "seal_for",
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
    "take_person",
    "tokens_view",
    "use_otp_step",
    "who_now",
]

people_by_id = people.people
count_attempt, give_attempt_back, clear_attempts = attempts.count, attempts.give_back, attempts.clear
remember_attempt, is_remembered = attempts.remember, attempts.is_remembered
WECHAT_USER = "微信用户"
BEARER = "Bearer"


def bind_session_keys(base_url: str, session_keys: Mapping[str, bytes]) -> None:
    """Say which keys sign access tokens, the first of them the new ones. Safe to repeat while requests go on."""
    tokens.bind(tokens.Keys(dict(session_keys), next(iter(session_keys)), base_url))


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
        return dict(
            resident_id=None,
            name=None,
            id_number=None,
            phone=None,
            adult=None,
            bound_at=None,
            spending_paused_until=None,
        )
    row, known = people.sealed_row(reader, resident_id), people.open_person(reader, resident_id)
    return dict(
        resident_id=resident_id, name=seal.mask_name(known.name), id_number=seal.mask_id_number(known.id_number),
        phone=seal.mask_phone(known.phone) if known.phone else None, bound_at=row.bound_at,
        adult=rules.is_adult(rules.birth_on(known.id_number), clock.today()),
        spending_paused_until=people.paused_until(row),
    )  # fmt: skip


def tokens_view(reader: Reader, grant: Grant) -> dict[str, Any]:
    """What a sign-in answers: both tokens and whose they are."""
    return dict(
        access_token=grant.access_token, token_type=BEARER, expires_in=grant.expires_in,
        refresh_token=grant.refresh_token, account=account_view(reader, grant.who),
    )  # fmt: skip
