"""What is published for those who verify our codes."""

from __future__ import annotations

from marshmallow import fields

from backend.codes.rules import Purpose
from backend.web.schemas import View, one_of


class KeyView(View):
    """A public key (RFC 7517, RFC 8037)."""

    kty = fields.String(required=True, metadata={"example": "OKP"})
    crv = fields.String(required=True, metadata={"example": "Ed25519"})
    x = fields.String(required=True)
    kid = fields.String(required=True)
    use = fields.String(required=True, metadata={"example": "sig"})
    alg = fields.String(required=True, metadata={"example": "EdDSA"})
    purpose = fields.String(
        required=True,
        validate=one_of(*(purpose.value for purpose in Purpose)),
        metadata={"description": "密钥的唯一用途；用途不符的签名一律视为未通过验证"},
    )


class KeySetView(View):
    """A JSON Web Key Set (RFC 7517)."""

    keys = fields.List(fields.Nested(KeyView), required=True)


class StatusListsView(View):
    """Where the revocation lists are (Token Status List, aggregation)."""

    status_lists = fields.List(fields.String(metadata={"format": "uri"}), required=True)
