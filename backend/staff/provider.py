"""An OpenID provider over HTTP: discovery, the exchange of a code, and the proof of an ID token.

Nothing in here reads the database. Every answer of the provider is bounded in time and size, redirects are not
followed, and an ID token is judged by the house's clock.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from backend.kit import clock
from backend.staff.errors import OidcRefused, OidcUnavailable

ALGORITHMS = ["RS256", "PS256", "ES256", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512", "EdDSA"]
"""Signatures with a key that only the provider has. Never ``none``, never a shared secret."""

SECONDS = 5.0
MOST_BYTES = 512 * 1024
METADATA_SECONDS = 3600
LEEWAY_SECONDS = 60
OLDEST_TOKEN_SECONDS = 600
"""An ID token answers a code that was asked for a moment ago; one issued long before is somebody's old one."""

log = structlog.get_logger("staff")


@dataclass(frozen=True)
class ProviderSettings:
    """What an installation says of its identity provider. ``acr``: the authentication context that must be told, when
    the office asks for more than the provider's own rule; empty leaves the second factor to the provider."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str = ""
    label: str = ""
    acr: str = ""


class Provider:
    """One identity provider. Its metadata is read at first use and again each hour, its keys again when one is new."""

    def __init__(self, settings: ProviderSettings, transport: httpx.BaseTransport | None = None) -> None:
        self.settings = settings
        timeout = httpx.Timeout(SECONDS)
        self._client = httpx.Client(timeout=timeout, transport=transport, follow_redirects=False, trust_env=False)
        self._lock = threading.Lock()
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: KeySet | None = None

    def close(self) -> None:
        self._client.close()

    def authorization_url(self, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes. Raises OidcUnavailable."""
        metadata = self.metadata()
        asked = {
            "response_type": "code", "client_id": self.settings.client_id, "scope": "openid", "state": state,
            "redirect_uri": self.settings.redirect_uri, "nonce": nonce, "code_challenge_method": "S256",
            "code_challenge": create_s256_code_challenge(verifier),
        }  # fmt: skip
        if "fragment" in metadata.get("response_modes_supported", ()):
            asked["response_mode"] = "fragment"  # the code stays out of every server's log
        if self.settings.acr:
            asked["acr_values"] = self.settings.acr
        where = str(metadata["authorization_endpoint"])
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"

    def require_issuer(self, told: str | None) -> None:
        """Raise OidcRefused when an answer names another issuer, or none where the provider names itself always
        (RFC 9207): a code of one provider must never be taken to another."""
        promised = self.metadata().get("authorization_response_iss_parameter_supported") is True
        if (told is None and promised) or (told is not None and told != self.settings.issuer):
            raise OidcRefused()

    def subject(self, code: str, verifier: str, nonce: str) -> str:
        """Exchange a code, and whom the ID token is about. Raises OidcRefused and OidcUnavailable."""
        answer = self._post_code(code, verifier)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise OidcUnavailable("认证方没有给出 ID 令牌。", "The provider gave no ID token.")
        return self._verified(token, nonce)

    def metadata(self) -> dict[str, Any]:
        """The provider's description of itself. Raises OidcUnavailable."""
        now = clock.now().timestamp()
        with self._lock:
            kept = self._metadata
        if kept is not None and 0 <= now - kept[0] < METADATA_SECONDS:
            return kept[1]
        found = self._get(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        self._require_sound(found)
        with self._lock:
            self._metadata, self._keys = (now, found), None
        return found

    def _require_sound(self, metadata: Mapping[str, Any]) -> None:
        """The description is the issuer's own, and no endpoint is less protected than the issuer."""
        scheme = urlsplit(self.settings.issuer).scheme
        endpoints = [metadata.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        sound = all(isinstance(one, str) and urlsplit(one).scheme in (scheme, "https") for one in endpoints)
        if metadata.get("issuer") != self.settings.issuer or not sound:
            raise _unavailable("metadata")

    def _verified(self, token: str, nonce: str) -> str:
        """The subject of an ID token that stands (OpenID Connect Core 1.0, 3.1.3.7)."""
        try:
            decoded = self._decoded(token)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self.settings.issuer},
                    "aud": {"essential": True, "value": self.settings.client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                params={"nonce": nonce, "client_id": self.settings.client_id},
            )
            now = int(clock.now().timestamp())
            claims.validate(now=now, leeway=LEEWAY_SECONDS)
            return self._subject_of(claims, now)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            log.info("oidc.token_refused", error=type(error).__name__)
            raise OidcRefused() from None

    def _subject_of(self, claims: Mapping[str, Any], now: int) -> str:
        subject, issued_at = claims["sub"], claims["iat"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
            raise ValueError("sub")
        if now - issued_at > OLDEST_TOKEN_SECONDS:
            raise ValueError("iat")
        if self.settings.acr and claims.get("acr") != self.settings.acr:
            raise ValueError("acr")
        return subject

    def _decoded(self, token: str) -> jwt.Token:
        """Try the keys at hand, and once more with fresh ones: a provider may have begun to sign with a new one."""
        known = self._keys
        if known is not None:
            try:
                return jwt.decode(token, known, algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                pass
        return jwt.decode(token, self._fetch_keys(), algorithms=ALGORITHMS)

    def _fetch_keys(self) -> KeySet:
        found = self._get(str(self.metadata()["jwks_uri"]))
        try:
            public = [key for key in found["keys"] if key.get("kty") in ("RSA", "EC", "OKP")]
            keys = KeySet.import_key_set({"keys": public})
        except (KeyError, TypeError, AttributeError, ValueError, JoseError):
            raise _unavailable("keys") from None
        with self._lock:
            self._keys = keys
        return keys

    def _post_code(self, code: str, verifier: str) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier,
                "redirect_uri": self.settings.redirect_uri}  # fmt: skip
        methods = self.metadata().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        auth = None
        if "client_secret_basic" in methods:
            auth = httpx.BasicAuth(*(_form_encoded(one) for one in (self.settings.client_id, self._secret)))
        else:
            form |= {"client_id": self.settings.client_id, "client_secret": self._secret}
        return self._ask("POST", str(self.metadata()["token_endpoint"]), refused=True, data=form, auth=auth)

    @property
    def _secret(self) -> str:
        return self.settings.client_secret

    def _get(self, url: str) -> dict[str, Any]:
        return self._ask("GET", url)

    def _ask(self, method: str, url: str, *, refused: bool = False, **sent: Any) -> dict[str, Any]:
        """One JSON object. With ``refused`` a 4xx is the provider's *no* to this code, not its failure."""
        headers = {"Accept": "application/json"}
        try:
            with self._client.stream(method, url, headers=headers, **sent) as answer:
                if refused and 400 <= answer.status_code < 500 and answer.status_code != 429:
                    log.warning("oidc.code_refused", status=answer.status_code)
                    raise OidcRefused()
                answer.raise_for_status()
                return _object(_bounded(answer))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise _unavailable(type(error).__name__) from None


def _form_encoded(text: str) -> str:
    """RFC 6749, 2.3.1: id and secret are form-encoded before Basic joins them."""
    return urlencode({"": text})[1:]


def _bounded(answer: httpx.Response) -> bytes:
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > MOST_BYTES:
            raise ValueError("too large")
    return body


def _object(body: bytes) -> dict[str, Any]:
    found = httpx.Response(200, content=body).json()
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _unavailable(why: str) -> OidcUnavailable:
    log.warning("oidc.unavailable", why=why)
    return OidcUnavailable()
