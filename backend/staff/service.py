"""The front of this room: what the composition root, commands and other rooms call."""

from __future__ import annotations

from backend.staff import links, oidc, passwords
from backend.staff.members import Orderer, create_staff, lift_suspension, set_roles, suspend
from backend.staff.oidc import flow_row
from backend.staff.otp import matching_step, new_totp_secret, provisioning_uri
from backend.staff.passwords import PasswordCost
from backend.staff.passwords import problem as password_problem
from backend.staff.provider import ProviderSettings
from backend.staff.signing_in import CheckedStaff, check_staff, sign_in_staff

__all__ = [
    "CheckedStaff",
    "Orderer",
    "PasswordCost",
    "ProviderSettings",
    "check_staff",
    "configure",
    "create_staff",
    "flow_row",
    "lift_suspension",
    "matching_step",
    "new_totp_secret",
    "password_problem",
    "provisioning_uri",
    "set_roles",
    "sign_in_staff",
    "suspend",
]


def configure(
    *, base_url: str, password_cost: PasswordCost | None = None, identity_provider: ProviderSettings | None = None
) -> None:
    """Bind what this room needs of the installation. Safe to repeat."""
    links.bind(base_url)
    passwords.set_cost(password_cost or PasswordCost())
    oidc.bind(identity_provider)
