"""Outside callers of a running demo: they know its address, ``demo.json`` and the documented API, nothing else."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from typing import Any
from uuid import uuid4

import httpx
import pyotp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


_open: list[httpx.Client] = []


def close_all() -> None:
    """Hang up every caller's connections."""
    while _open:
        _open.pop().close()


class Caller:
    """Someone with an access token. Every call returns the response; ``key=True`` makes an Idempotency-Key."""

    def __init__(self, demo: dict[str, Any], tokens: dict[str, Any]) -> None:
        self.demo = demo
        self.http = httpx.Client(base_url=demo["base_url"] + "/api/v1", timeout=30)
        _open.append(self.http)
        self.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params)

    def put(self, path: str, body: Any) -> httpx.Response:
        return self.http.put(path, json=body)

    def post(self, path: str, body: Any = None, *, key: object = None) -> httpx.Response:
        headers = {"Idempotency-Key": str(key or uuid4())}
        return self.http.post(path, json={} if body is None else body, headers=headers)

    def upload_photo(self) -> str:
        picture = io.BytesIO()
        Image.effect_noise((640, 480), 40).convert("RGB").save(picture, "JPEG")
        answer = self.http.post("/files", files={"file": ("photo.jpg", picture.getvalue(), "image/jpeg")})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def _tokens(demo: dict[str, Any], path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.post(f"{demo['base_url']}/api/v1{path}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def wechat_code(demo: dict[str, Any], kind: str, openid: str) -> str:
    """A login or phone code, as WeChat's client would hand one to the mini-program."""
    return str(httpx.post(f"{demo['wechat_url']}/stand-in/{kind}-codes", json={"openid": openid}).json()["code"])


def resident(demo: dict[str, Any], someone: dict[str, Any]) -> Caller:
    return Caller(demo, _tokens(demo, "/auth/wechat", {"code": wechat_code(demo, "login", someone["openid"])}))


def worker(demo: dict[str, Any], staff: dict[str, Any]) -> Caller:
    otp = pyotp.TOTP(staff["totp_secret"]).now()
    body = {"username": staff["username"], "password": staff["password"], "otp": otp}
    return Caller(demo, _tokens(demo, "/auth/staff", body))


def _proof(demo: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    """What a device signs in with."""
    asked = httpx.post(f"{demo['base_url']}/api/v1/auth/device/nonces", json={"device_id": one["device_id"]}).json()
    text = f"xinyi-device-v1|{demo['base_url']}|{one['device_id']}|{asked['nonce']}"
    private = Ed25519PrivateKey.from_private_bytes(unpadded(one["private_key_jwk"]["d"]))
    signature = base64.urlsafe_b64encode(private.sign(text.encode("ascii"))).decode().rstrip("=")
    return {"device_id": one["device_id"], "nonce": asked["nonce"], "signature": signature}


def device(demo: dict[str, Any], one: dict[str, Any]) -> Caller:
    return Caller(demo, _tokens(demo, "/auth/device", _proof(demo, one)))


class Operator(Caller):
    """A parking operator's system: a device that signs each request."""

    def __init__(self, demo: dict[str, Any], one: dict[str, Any]) -> None:
        super().__init__(demo, _tokens(demo, "/auth/device", _proof(demo, one)))
        self.private = Ed25519PrivateKey.from_private_bytes(unpadded(one["private_key_jwk"]["d"]))

    def ask(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """A signed POST."""
        sent, key, at = json.dumps(body).encode(), str(uuid4()), str(int(time.time()))
        digest = hashlib.sha256(sent).hexdigest()
        text = f"xinyi-request-v1|POST|/api/v1{path}|{at}|{key}|{digest}"
        signature = base64.urlsafe_b64encode(self.private.sign(text.encode("ascii"))).decode().rstrip("=")
        headers = {"Idempotency-Key": key, "X-Signature-Timestamp": at, "X-Signature": signature,
                   "Content-Type": "application/json"}  # fmt: skip
        return self.http.post(path, content=sent, headers=headers)
