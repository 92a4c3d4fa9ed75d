"""Requests that an operator's system signs with its device's key, beside its bearer token."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import request

from backend.accounts import devices
from backend.kit import clock
from backend.kit.db import reading
from backend.parking import rules
from backend.parking.errors import SignatureInvalid, SignatureRequired
from backend.web import api, callers
from backend.web.problems import document

View = TypeVar("View", bound=Callable[..., Any])
TIMESTAMP, SIGNATURE = "X-Signature-Timestamp", "X-Signature"


def signed(view: View) -> View:
    """Require this request's signature by the calling device; it stands below ``allow`` and ``keyed``."""

    @wraps(view)
    def judged(*args: Any, **kwargs: Any) -> Any:
        timestamp, signature = request.headers.get(TIMESTAMP, ""), request.headers.get(SIGNATURE, "")
        if not timestamp or not signature:
            raise _refusal(SignatureRequired)
        if not rules.near(timestamp, clock.now()):
            raise _refusal(SignatureInvalid, "timestamp")
        if not devices.has_signed(_key(), signature, _text(timestamp)):
            raise _refusal(SignatureInvalid, "signature")
        return view(*args, **kwargs)

    document(judged, SignatureRequired, SignatureInvalid)
    doc = judged._apidoc  # type: ignore[attr-defined]
    doc.setdefault("manual_doc", {}).setdefault("x-headers", []).extend(_HEADERS)
    return cast(View, judged)


def _key() -> bytes:
    device_id = callers.current().device_id
    assert device_id is not None, "only devices are allowed"
    with reading() as reader:
        return devices.device(reader, device_id).public_key


def _text(timestamp: str) -> bytes:
    body = hashlib.sha256(api.whole_body(request)).hexdigest()
    return rules.signed_text(
        request.method, request.path, timestamp, request.headers.get("Idempotency-Key", ""), body
    )  # fmt: skip


def _refusal(kind: type[SignatureRequired] | type[SignatureInvalid], why: str = "") -> Any:
    told: dict[str, Any] = {"server_time": int(clock.now().timestamp())}
    if not why:
        refusal: Any = kind(**told)
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal
    return kind(why=why, **told)


_HEADERS = [
    {
        "in": "header", "name": TIMESTAMP, "required": True, "schema": {"type": "string"},
        "description": "签名的时间，Unix 秒，与本站相差不超过 60 秒。",
    },
    {
        "in": "header", "name": SIGNATURE, "required": True, "schema": {"type": "string"},
        "description": "base64url 的 Ed25519 签名，签 ASCII 文本 "
                       "xinyi-request-v1|方法|路径|时间|Idempotency-Key|请求体的 SHA-256（小写十六进制）。",
    },
]  # fmt: skip
