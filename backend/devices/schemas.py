"""Bodies of the device routes."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, pre_load

from backend.web.schemas import Instant, Key, Request, Text, View, one_of


class CodeRequest(Request):
    venue_id = Key(required=True)
    label = Text(most=80, required=True, metadata={"description": "设备名称，例如 东门闸机一号"})


class QrQuery(Request):
    qr = fields.String(load_default=None, validate=one_of("svg"))


class CodeGivenView(View):
    """Said this once. ``url``: what the QR code holds; opened on the device, it fills the code in."""

    code = fields.String(required=True)
    url = fields.String(required=True)
    expires_at = Instant(required=True)
    qr_svg = fields.String()


class PublicKeyRequest(Request):
    """An Ed25519 public key (RFC 8037). The private part stays on the device."""

    kty = fields.String(required=True, validate=one_of("OKP"))
    crv = fields.String(required=True, validate=one_of("Ed25519"))
    x = Text(least=43, most=43, pattern=r"^[A-Za-z0-9_-]{43}$", required=True)

    @pre_load
    def without_private_part(self, data: Any, **_: Any) -> Any:
        if isinstance(data, dict) and "d" in data:
            raise ValidationError("含有私钥；私钥不应离开设备。请重新生成一把钥匙，只提交公钥。", "d")
        return data


class EnrolmentRequest(Request):
    """``signature``: base64url of Ed25519, by the new key, over
    ``"xinyi-device-enrolment-v1|" + base_url + "|" + code + "|" + x``, the code in capitals without hyphens."""

    code = Text(most=40, required=True)
    public_key_jwk = fields.Nested(PublicKeyRequest, required=True)
    signature = Text(most=100, required=True)


class EnrolmentView(View):
    device_id = fields.UUID(required=True)
    label = fields.String(required=True)
    organisation_id = fields.UUID(required=True)
    venue_id = fields.UUID(required=True, allow_none=True)


class LabelRequest(Request):
    label = Text(most=80, required=True)


class DeviceView(View):
    """``thumbprint``: of its public key (RFC 7638, SHA-256)."""

    id = fields.UUID(required=True)
    organisation_id = fields.UUID(required=True)
    organisation_name = fields.String(required=True)
    venue_id = fields.UUID(required=True, allow_none=True)
    venue_name = fields.String(required=True, allow_none=True)
    label = fields.String(required=True)
    status = fields.String(required=True, validate=one_of("active", "suspended", "retired"))
    thumbprint = fields.String(required=True)
    created_at = Instant(required=True)


class DeviceVenueView(View):
    """A venue for which the caller may enrol devices."""

    id = fields.UUID(required=True)
    organisation_id = fields.UUID(required=True)
    name = fields.String(required=True)
