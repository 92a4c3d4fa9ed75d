"""The front of this room: what the composition root, commands and other rooms call."""

from __future__ import annotations

from backend.staff import appointments, links, members, oidc, passwords
from backend.staff.appointments import concerns, drop_link
from backend.staff.invitations import Invited, invite
from backend.staff.links import NewLink, was_used
from backend.staff.members import create_staff, lift_suspension, set_roles, suspend
from backend.staff.oidc import flow_row
from backend.staff.orders import Orderer
from backend.staff.otp import matching_step, new_totp_secret, provisioning_uri
from backend.staff.passwords import PasswordCost
from backend.staff.passwords import problem as password_problem
from backend.staff.provider import ProviderSettings
from backend.staff.signing_in import CheckedStaff, check_staff, sign_in_staff

__all__ = [
    "KINDS",
    "CheckedStaff",
    "Invited",
    "NewLink",
    "Orderer",
    "PasswordCost",
    "ProviderSettings",
    "check_staff",
    "concerns",
    "configure",
    "create_staff",
    "drop_link",
    "flow_row",
    "invite",
    "lift_suspension",
    "matching_step",
    "new_totp_secret",
    "password_problem",
    "provisioning_uri",
    "set_roles",
    "sign_in_staff",
    "suspend",
    "was_used",
]

KINDS = [
    (kind, title, appointments.prepare(kind),
     members.give_roles if kind == appointments.ROLES else appointments.release_link)
    for kind, title in appointments.TITLES.items()
]  # fmt: skip
"""What a second person approves of staff: name, title, how it is described, what does it."""


def configure(
    *, base_url: str, password_cost: PasswordCost | None = None, identity_provider: ProviderSettings | None = None
) -> None:
    """Bind what this room needs of the installation. Safe to repeat."""
    links.bind(base_url)
    passwords.set_cost(password_cost or PasswordCost())
    oidc.bind(identity_provider)
