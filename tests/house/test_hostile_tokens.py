"""Tokens that are none: 401 on every guarded route, whatever is wrong with them, and nothing changed."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.accounts import service as accounts
from backend.accounts import tokens
from backend.codes import service as codes
from backend.kit import clock, db
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories.world import GUARDED, OPERATIONS, PERMISSION_OF, World, forged
from tests.house.snapshots import unchanged

pytestmark = pytest.mark.once

ENTRANCES = {"sign_in_wechat", "sign_in_staff", "give_device_nonce", "sign_in_device", "refresh_tokens",
             "open_invitation", "accept_invitation", "show_oidc", "start_oidc", "sign_in_oidc",
             "enrol_device", "list_problems", "explain_problem"}  # fmt: skip
"""Public routes that do not look at an Authorization header: the token in it may be the one that has just ended."""


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def signed(claims: dict[str, Any], key: Any = None, algorithm: str = "HS256", **header: Any) -> str:
    keys = tokens.current()
    told = {"kid": keys.current, "typ": tokens.TYPE, **header}
    return jwt.encode(claims, keys.keys[keys.current] if key is None else key, algorithm, headers=told)


def spoiled(token: str) -> dict[str, str]:
    """One good token, spoiled in every way."""
    claims, now, keys = claims_of(token), int(time.time()), tokens.current()
    head, body, signature = token.split(".")
    header = jwt.get_unverified_header(token)
    other = Ed25519PrivateKey.generate()
    with db.reading() as reader:
        published = codes.jwks(reader)["keys"][0]
    others = forged({**claims, "sub": str(uuid4())}, {}).split(".")[1]
    without = {name: {k: v for k, v in claims.items() if k != name} for name in claims}
    return {
        "expired": signed({**claims, "iat": now - 2000, "exp": now - 1000}),
        "from the future": signed({**claims, "iat": now + 1000, "exp": now + 2000}),
        "of another issuer": signed({**claims, "iss": "https://elsewhere.example.cn"}),
        "for another audience": signed({**claims, "aud": "xinyi-codes"}),
        "for several audiences": signed({**claims, "aud": [tokens.AUDIENCE, "x"]}),
        "of no known kind": signed({**claims, "knd": "admin"}),
        "of another kind": signed({**claims, "knd": "staff" if claims["knd"] != "staff" else "resident"}),
        "of somebody else's session": signed({**claims, "sub": str(uuid4())}),
        "of a session that is none": signed({**claims, "sid": str(uuid4())}),
        "with a subject that is no id": signed({**claims, "sub": "x' OR 1=1 --"}),
        "with an end that is text": signed({**claims, "exp": str(claims["exp"])}),
        "with an end that is a fraction": signed({**claims, "exp": claims["exp"] + 0.5}),
        "with an endless end": signed({**claims, "exp": 10**30, "iat": True}),
        **{f"without {name}": signed(rest) for name, rest in without.items()},
        "with another type": signed(claims, typ="JWT"),
        "with an unknown key": signed(claims, kid="nobody"),
        "with a critical extension": signed(claims, crit=["b64"], b64=False),
        "signed by another key": signed(claims, b"k" * 32),
        "signed with another algorithm": signed(claims, keys.keys[keys.current] * 2, "HS512"),
        "signed with our published key as a secret": signed(claims, published["x"].encode().ljust(32, b"=")),
        "signed with EdDSA": signed(claims, other, "EdDSA", jwk={"kty": "OKP", "crv": "Ed25519", "x": published["x"]}),
        "with alg none": forged(claims, {**header, "alg": "none"}),
        "with alg None and the old signature": forged(claims, {**header, "alg": "None"}, b"x" * 32),
        "with no alg": forged(claims, {k: v for k, v in header.items() if k != "alg"}, b"x" * 32),
        "with other claims under the old signature": f"{head}.{others}.{signature}",
        "without its signature": f"{head}.{body}.", "without its end": token[:-5], "twice": f"{token}.{token}",
        "its first half": token[: len(token) // 2], "one letter": "x", "three dots": "...", "padded": token + "==",
        "a list instead of claims": forged([1], header, b"x"), "deep": forged({"a": "[" * 900}, header, b"x"),  # type: ignore[arg-type]
    }  # fmt: skip


def headers_of(token: str) -> dict[str, str]:
    """Authorization headers that are not a bearer token."""
    return {
        "of another scheme": f"Basic {token}", "without a scheme": token, "of the scheme alone": "Bearer",
        "blank": "Bearer ", "with two spaces": f"Bearer  {token}", "with more behind": f"Bearer {token} x",
        "with a comma": f"Bearer {token},{token}", "of a megabyte": "Bearer " + "a" * 2**20,
        "beyond ASCII": "Bearer é", "as a refresh token": "Bearer xr1." + "0" * 32,
    }  # fmt: skip


def refused(answer: Any) -> bool:
    problem = answer.get_json(force=True)
    bearer = answer.headers.get("WWW-Authenticate") == "Bearer"
    return bool(answer.status_code == 401 and problem["type"] == "/problems/not-signed-in" and bearer)


@pytest.mark.parametrize("name", GUARDED)
def test_a_token_that_is_none_opens_nothing(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    assert call.who
    good, wrong = world.tokens[call.who], []
    with unchanged():
        for what, token in spoiled(good).items():
            if not refused(call.send(client, token)):
                wrong.append(what)
        for what, header in headers_of(good).items():
            if not refused(client.open(call.url(), method=call.method, headers={"Authorization": header})):
                wrong.append(what)
    assert not wrong


@pytest.mark.parametrize(
    "name",
    [name for name in OPERATIONS if PERMISSION_OF[name] == "public" and name not in ENTRANCES],
)
def test_a_public_route_refuses_a_bad_token_too(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    for token in ("x", spoiled(world.tokens["resident"])["expired"]):
        assert refused(call.send(client, token))


@pytest.mark.parametrize("name", sorted(ENTRANCES))
def test_an_entrance_does_not_look_at_tokens(client: CheckedClient, world: World, name: str) -> None:
    assert world.call(name).send(client, "x").status_code in (200, 201)


@pytest.mark.parametrize("kind", ["resident", "staff", "device"])
def test_a_token_ends_with_its_quarter_of_an_hour(client: CheckedClient, world: World, kind: str) -> None:
    token = world.tokens["office" if kind == "staff" else kind]
    assert client.get("/api/v1/me", token=token).status_code == 200
    with clock.shifted(timedelta(seconds=tokens.LIFETIME_SECONDS + tokens.LEEWAY_SECONDS + 60)):
        assert refused(client.get("/api/v1/me", token=token))


def test_a_token_of_a_suspended_account_ends_with_the_next_request(client: CheckedClient, world: World) -> None:
    with db.transaction() as session:
        staff, device = people.staff(session), people.device(session)
        held = [people.staff_token(session, staff), people.device_token(session, device)]
    assert [client.get("/api/v1/me", token=token).status_code for token in held] == [200, 200]
    with db.transaction() as session:
        accounts.set_staff_status(session, staff.staff_id, "suspended")
        accounts.set_device_status(session, device.device_id, "suspended")
    assert all(refused(client.get("/api/v1/me", token=token)) for token in held)
