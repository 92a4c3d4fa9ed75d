"""Bodies of the sign-in routes."""

from __future__ import annotations

from marshmallow import fields

from backend.web.schemas import Instant, Key, Request, Text, View, one_of


class WechatSignInRequest(Request):
    """``code``: what ``wx.login`` gave; it works once within five minutes."""

    code = Text(most=128, required=True)


class DeviceNonceRequest(Request):
    device_id = Key(required=True)


class DeviceNonceView(View):
    nonce = fields.String(required=True)
    expires_at = Instant(required=True)


class DeviceSignInRequest(Request):
    """``signature``: base64url of Ed25519 over ``"xinyi-device-v1|" + base_url + "|" + device_id + "|" + nonce``."""

    device_id = Key(required=True)
    nonce = Text(most=100, required=True)
    signature = Text(most=100, required=True)


class RefreshRequest(Request):
    refresh_token = Text(most=200, required=True)


class MembershipView(View):
    """A role and the organisation in which it is held."""

    role = fields.String(required=True)
    organisation_id = fields.UUID(required=True)
    organisation_name = fields.String(required=True)


class AccountView(View):
    """Who signed in. ``kind``: resident, staff or device; a person's name is masked."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=one_of("resident", "staff", "device"))
    display_name = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    memberships = fields.List(fields.Nested(MembershipView), required=True)


class TokensView(View):
    """``expires_in``: seconds until the access token ends. The refresh token works once and gives the next pair."""

    access_token = fields.String(required=True)
    token_type = fields.Constant("Bearer", required=True)
    expires_in = fields.Integer(required=True)
    refresh_token = fields.String(required=True)
    account = fields.Nested(AccountView, required=True)


class SessionView(View):
    """A session that stands. ``agent``: browser and system in two words, or null; ``refreshed_at``: last token
    renewal, null before the first; ``current``: the one that asks."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=one_of("resident", "staff", "device"))
    agent = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)
    refreshed_at = Instant(required=True, allow_none=True)
    expires_at = Instant(required=True)
    current = fields.Boolean(required=True)


class EndedView(View):
    """How many sessions have ended."""

    ended = fields.Integer(required=True)


class MeView(View):
    """Before the binding ``bound`` is false and everything about the person is null."""

    account = fields.Nested(AccountView, required=True)
    bound = fields.Boolean(required=True)
    resident_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "居民编号：不含任何个人信息，办事时用它指明是谁"}
    )
    name = fields.String(required=True, allow_none=True)
    id_number = fields.String(required=True, allow_none=True)
    phone = fields.String(required=True, allow_none=True)
    adult = fields.Boolean(required=True, allow_none=True)
    bound_at = Instant(required=True, allow_none=True)
    spending_paused_until = Instant(
        required=True, allow_none=True, metadata={"description": "账号找回后的冷静期，此前不能兑换；没有时为 null"}
    )
