"""An OpenID provider for tests: a real HTTP server on loopback, which can also be told to lie.

It keeps to OpenID Connect Core for the authorization code flow with PKCE; ``spoil`` changes the next ID token, and
``behave`` what the server does at all. The journey against an independent provider is in ``tests/staff``.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from backend.kit import clock

CLIENT_ID, CLIENT_SECRET = "xinyi-test", "secret of the test client / 测试"
Claims = dict[str, Any]


@dataclass
class Grant:
    """A code that was given: for whom, and what the browser had asked with."""

    subject: str
    asked: dict[str, str]
    spoil: Callable[[Claims], Claims] | None = None
    sign: Callable[[Claims], str] | None = None


@dataclass
class World:
    """What the provider knows. ``behave``: ok, silent (closes the connection), broken (500), nonsense, huge."""

    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    grants: dict[str, Grant] = field(default_factory=dict)
    behave: str = "ok"
    extra: dict[str, Any] = field(default_factory=dict)
    asked_for_keys: int = 0


class OidcServer:
    """``with OidcServer() as server``: ``server.issuer`` is where it lives."""

    def __init__(self) -> None:
        self.world = World()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> OidcServer:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def authorize(self, url: str, subject: str, **how: Any) -> dict[str, str]:
        """What the browser brings back after ``subject`` agreed at ``url``: ``{state, code}``."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        assert asked["client_id"] == CLIENT_ID and "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.world.grants[code] = Grant(subject, asked, **how)
        return {"state": asked["state"], "code": code}

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], **self.world.extra,
        }  # fmt: skip

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Redeem a code, once, for the client that proves itself and the browser that holds the verifier."""
        grant = self.world.grants.pop(form.get("code", ""), None)
        hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(hashed).decode().rstrip("=")
        right = grant is not None and authorization.startswith("Basic ")
        right = right and grant.asked["code_challenge"] == challenge  # type: ignore[union-attr]
        if not right or grant is None or grant.asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        now = int(clock.now().timestamp())
        claims: Claims = {
            "iss": self.issuer, "sub": grant.subject, "aud": CLIENT_ID, "iat": now, "exp": now + 300,
            "nonce": grant.asked["nonce"],
        }  # fmt: skip
        claims = grant.spoil(claims) if grant.spoil else claims
        signed = grant.sign(claims) if grant.sign else self.sign(claims)
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": signed}

    def sign(self, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.world.key.kid}, claims, self.world.key)


def _handler(server: OidcServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/jwks":
                server.world.asked_for_keys += 1
                self._answer(200, {"keys": [server.world.key.as_dict(private=False)]})
            elif self.path == "/.well-known/openid-configuration":
                self._answer(200, server.metadata())
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*server.token(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            behave = server.world.behave
            if behave == "silent":
                self.close_connection = True
                return
            raw = json.dumps(body).encode()
            raw = {"nonsense": b"<html>", "huge": b'{"x": "' + b"a" * 10**6 + b'"}'}.get(behave, raw)
            self.send_response(500 if behave == "broken" else status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    return Handler


__all__ = ["CLIENT_ID", "CLIENT_SECRET", "OidcServer"]
