"""What other rooms ask of this one. Each verb is explained where it is defined."""

from __future__ import annotations

from backend.codes.drawing import poster_pdf, qr_png, qr_svg, qr_svg_fast
from backend.codes.errors import CodeExpired, CodeNotVerified, PrintedCodeUnknown, SigningKeyMissing
from backend.codes.keys import (
    ensure_keys,
    forget_keys,
    jwks,
    key_states,
    offline_keys,
    rotate_key,
    seal_row,
    signing_gaps,
    tend_keys,
    withdraw_key,
)
from backend.codes.printed import Printed, lookup_printed, printed_code, printed_of, revoke_printed
from backend.codes.rules import (
    Claims,
    Purpose,
    StatusRef,
    VerifiedClaims,
    grouped_printed_code,
    normal_printed_code,
    printed_url,
)
from backend.codes.signing import SignedCode, read_code, sign_code
from backend.codes.statements import check_statement, sign_statement, statement_key
from backend.codes.statuses import (
    allocate_status,
    bind,
    is_revoked,
    list_states,
    prolong_status,
    purge_statuses,
    restore_status,
    revoke_status,
    revoked_at,
    status_list_age_seconds,
    status_list_token,
    status_list_tokens,
    status_list_uris,
)

__all__ = [
    "Claims", "CodeExpired", "CodeNotVerified", "Printed", "PrintedCodeUnknown", "Purpose", "SignedCode",
    "SigningKeyMissing", "StatusRef", "VerifiedClaims", "allocate_status", "bind", "check_statement", "ensure_keys",
    "forget_keys", "grouped_printed_code", "is_revoked", "jwks", "key_states", "list_states", "lookup_printed",
    "normal_printed_code", "offline_keys", "poster_pdf", "printed_code", "printed_of", "printed_url",
    "prolong_status", "purge_statuses", "qr_png", "qr_svg", "qr_svg_fast", "read_code", "restore_status",
    "revoke_printed", "revoke_status", "revoked_at", "rotate_key", "seal_row", "sign_code", "sign_statement",
    "signing_gaps", "statement_key", "status_list_age_seconds", "status_list_token", "status_list_tokens",
    "status_list_uris", "tend_keys", "withdraw_key",
]  # fmt: skip
