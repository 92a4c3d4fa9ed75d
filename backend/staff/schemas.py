"""Bodies of the routes about staff."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from backend.accounts.schemas import MembershipView, TokensView
from backend.web.paging import PageQuery
from backend.web.schemas import Flag, Instant, Key, Request, Text, View, one_of

ROLES = ("office", "auditor", "account-admin", "counter-clerk", "community-worker", "partner-manager", "data-officer",
         "market-manager")  # fmt: skip
TOKEN, OTP = 60, r"^[0-9]{6}$"


def _password(**kwargs: Any) -> Text:
    return Text(most=200, metadata={"format": "password"}, **kwargs)


def _otp(**kwargs: Any) -> Text:
    return Text(most=6, least=6, pattern=OTP, **kwargs)


class _SecondFactor(Request):
    """``otp`` or ``recovery_code``, one of them."""

    @validates_schema
    def one_factor(self, data: dict[str, Any], **_: Any) -> None:
        if ("otp" in data) == ("recovery_code" in data):
            raise ValidationError("动态码与恢复码须给出其中一项。", "otp")


class StaffSignInRequest(_SecondFactor):
    """``otp``: six digits of the authenticator app; each works once. ``recovery_code`` in its place, when the phone is
    gone."""

    username = Text(most=40, required=True)
    password = _password(required=True)
    otp = _otp()
    recovery_code = Text(most=60)


class ProofAgainRequest(_SecondFactor):
    """Password and second factor once more, before a credential changes."""

    password = _password(required=True)
    otp = _otp()
    recovery_code = Text(most=60)


class InvitationOpening(Request):
    """``token``: what stands behind ``#join=`` in the link. Without ``password``: whom it is for."""

    token = Text(most=TOKEN, required=True)
    password = _password()


class AuthenticatorView(View):
    """A new authenticator's secret, shown this once; ``qr_svg`` is the same as a picture."""

    totp_secret = fields.String(required=True)
    otpauth_uri = fields.String(required=True)
    qr_svg = fields.String(required=True)
    expires_at = Instant(required=True)


class OpenedInvitationView(View):
    """``kind``: ``join`` makes an account, ``password`` replaces the password (the authenticator stays),
    ``everything`` replaces both. ``authenticator`` is null before a password was given, and where it stays."""

    kind = fields.String(required=True, validate=one_of("join", "password", "everything"))
    username = fields.String(required=True)
    display_name = fields.String(required=True)
    expires_at = Instant(required=True)
    authenticator = fields.Nested(AuthenticatorView, required=True, allow_none=True)


class InvitationAcceptance(Request):
    """``otp``: of the authenticator that was just shown; where it stays as it was, of that."""

    token = Text(most=TOKEN, required=True)
    password = _password(required=True)
    otp = _otp(required=True)


class RecoveryCodesView(View):
    """Each works once. They are shown this once."""

    recovery_codes = fields.List(fields.String(), required=True)


class AcceptedView(RecoveryCodesView):
    """``recovery_codes`` is empty where the old ones stay good."""

    tokens = fields.Nested(TokensView, required=True)


class OidcView(View):
    """``available``: whether this installation has an identity provider; ``label``: what it is called."""

    available = fields.Boolean(required=True)
    label = fields.String(required=True)


class OidcStart(Request):
    """``browser_key_hash``: base64url of the SHA-256 of a random text that stays in this browser."""

    browser_key_hash = Text(most=43, least=43, pattern=r"^[A-Za-z0-9_-]{43}$", required=True)
    invitation_token = Text(most=TOKEN)


class OidcStartedView(View):
    authorization_url = fields.String(required=True)
    state = fields.String(required=True)
    expires_at = Instant(required=True)


class OidcSignIn(Request):
    """``state``, ``code`` and ``iss`` as the provider sent them back; ``browser_key``: what was hashed at the start."""

    state = Text(most=60, required=True)
    code = Text(most=2000, required=True)
    iss = Text(most=250)
    browser_key = Text(most=100, least=32, required=True)


class CredentialsView(View):
    """How this account signs in."""

    username = fields.String(required=True)
    password = fields.Boolean(required=True)
    oidc = fields.Boolean(required=True)
    recovery_codes_left = fields.Integer(required=True)


class PasswordChange(Request):
    old_password = _password(required=True)
    new_password = _password(required=True)
    otp = _otp(required=True)


class AuthenticatorConfirmation(Request):
    otp = _otp(required=True)


# --- administration ----------------------------------------------------------------------------------------------


class RoleGiven(Request):
    role = fields.String(required=True, validate=one_of(*ROLES))
    organisation_id = Key(required=True)


class EmployeeIdentity(Request):
    """As on the employee's card. It is never shown again; it keeps her from deciding her own affairs."""

    name = Text(most=60, required=True)
    id_number = Text(most=40, required=True)


def _roles(least: int) -> fields.List:
    return fields.List(fields.Nested(RoleGiven), required=True, validate=validate.Length(least, 20))


def _reason() -> Text:
    said = "理由；须由项目办公室批准时，审批的人看得到。不要写证件号和手机号"
    return Text(most=500, least=0, load_default="", metadata={"description": said})


class InvitationRequest(Request):
    username = Text(most=40, least=3, required=True)
    display_name = Text(most=60, required=True)
    roles = _roles(1)
    identity = fields.Nested(EmployeeIdentity)
    reason = _reason()


class LinkView(View):
    """``link`` is shown this once; give it to the employee by hand or by a channel of your own.

    With ``approval_id`` it does not work before a member of the office has approved that proposal; from then on for
    72 hours.
    """

    id = fields.UUID(required=True)
    link = fields.String(required=True)
    expires_at = Instant(required=True)
    approval_id = fields.UUID(required=True, allow_none=True)


class InvitationView(View):
    """A link that works, or will once ``awaits_approval_id`` is approved. ``linked``: whether its person is known."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=one_of("join", "password", "everything"))
    username = fields.String(required=True)
    display_name = fields.String(required=True)
    linked = fields.Boolean(required=True)
    created_by = fields.UUID(required=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True)
    awaits_approval_id = fields.UUID(required=True, allow_none=True)


class StaffQuery(PageQuery):
    organisation_id = Key(load_default=None)
    role = fields.String(load_default=None, validate=one_of(*ROLES))
    status = fields.String(load_default=None, validate=one_of("active", "suspended"))


class StaffView(View):
    """``linked``: whether the person behind the account is known; ``oidc``: signs in through the provider."""

    id = fields.UUID(required=True)
    username = fields.String(required=True)
    display_name = fields.String(required=True)
    status = fields.String(required=True, validate=one_of("active", "suspended"))
    linked = fields.Boolean(required=True)
    oidc = fields.Boolean(required=True)
    created_at = Instant(required=True)
    memberships = fields.List(fields.Nested(MembershipView), required=True)


class RolesRequest(Request):
    """All roles from now on; an empty list takes every one away."""

    roles = _roles(0)
    reason = _reason()


class RolesView(StaffView):
    """With ``approval_id`` nothing has changed yet: the roles are held once a member of the office has approved it."""

    approval_id = fields.UUID(required=True, allow_none=True)


class ResetRequest(Request):
    """``authenticator_lost``: the link also replaces authenticator and recovery codes."""

    authenticator_lost = Flag(required=True)
    reason = _reason()


class SubjectRequest(Request):
    """``subject``: the ``sub`` that the provider has for this employee."""

    subject = Text(most=255, required=True)


class OrganisationView(View):
    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
