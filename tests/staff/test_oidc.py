"""Signing in through the office's identity provider, and everything that must not come of it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import jwt as pyjwt
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from backend.kit import clock, db
from backend.staff import oidc
from backend.staff.errors import OidcUnavailable
from backend.staff.models import OidcFlowRow
from backend.staff.provider import Provider, ProviderSettings
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.factories.staff_calls import browser_key_hash
from tests.house.snapshots import unchanged
from tests.oidc_server import CLIENT_ID, CLIENT_SECRET, OidcServer
from tests.staff.conftest import API, Employee, employee, invite, join, open_link, sign_in, token_in, told

KEY = "a random text that stays in this very browser"
Claims = dict[str, Any]


@pytest.fixture(autouse=True)
def at_its_best(app: Any, identity_provider: OidcServer) -> Iterator[None]:
    """Each test finds a provider that behaves, and that nobody has asked before."""
    before = oidc.provider().settings
    oidc.bind(before)
    yield
    identity_provider.world.behave, identity_provider.world.extra = "ok", {}
    oidc.bind(before)


def start(client: CheckedClient, key: str = KEY, **more: Any) -> Any:
    body = {"browser_key_hash": browser_key_hash(key), **more}
    return client.post(f"{API}/auth/oidc/starts", json=body)


def finish(client: CheckedClient, brought: dict[str, str], key: str = KEY, **more: Any) -> Any:
    return client.post(f"{API}/auth/oidc", json={**brought, "browser_key": key, **more})


def journey(client: CheckedClient, server: OidcServer, subject: str, key: str = KEY, **how: Any) -> Any:
    """Begin, agree at the provider, come back."""
    return finish(client, server.authorize(start(client, key).get_json()["authorization_url"], subject, **how), key)


def link(client: CheckedClient, by: Employee, staff_id: object, subject: str) -> Any:
    return client.put(f"{API}/staff/{staff_id}/oidc-subject", json={"subject": subject}, token=by.token)


@pytest.fixture
def linked(client: CheckedClient, admin: Employee) -> tuple[Employee, str]:
    """An employee and her subject at the provider."""
    who, subject = employee("partner-manager", kind="partner"), uuid4().hex
    assert link(client, admin, who.id, subject).status_code == 200
    return who, subject


def test_a_linked_employee_signs_in_through_the_provider(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    who, subject = linked
    answer = journey(client, identity_provider, subject)
    assert answer.status_code == 200 and answer.get_json()["account"]["id"] == str(who.id)
    assert "Set-Cookie" not in answer.headers
    credentials = client.get(f"{API}/me/credentials", token=answer.get_json()["access_token"]).get_json()
    assert (credentials["password"], credentials["oidc"], credentials["recovery_codes_left"]) == (False, True, 0)


def test_whoever_signs_in_there_has_no_password_here(
    client: CheckedClient, admin: Employee, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    who, subject = linked
    assert told(client.get(f"{API}/me", token=who.token)) == (401, "not-signed-in")
    assert told(sign_in(client, who.account.username, otp=who.account.otp())) == (401, "sign-in-refused")
    token = journey(client, identity_provider, subject).get_json()["access_token"]
    body = {"password": make.PASSWORD, "otp": "123456"}
    assert told(client.post(f"{API}/me/authenticator", json=body, token=token)) == (409, "no-local-password")
    reset = client.post(f"{API}/staff/{who.id}/reset-links", json={"authenticator_lost": True}, token=admin.token)
    assert told(reset) == (409, "no-local-password")


def test_an_unknown_subject_is_told_that_no_account_is_hers(
    client: CheckedClient, identity_provider: OidcServer
) -> None:
    assert told(journey(client, identity_provider, uuid4().hex)) == (403, "oidc-subject-unknown")


def test_a_suspended_employee_is_not_let_in_by_the_provider(
    client: CheckedClient, admin: Employee, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    client.post(f"{API}/staff/{linked[0].id}/suspension", token=admin.token)
    assert told(journey(client, identity_provider, linked[1])) == (403, "oidc-subject-unknown")


def test_an_invitation_accepted_at_the_provider_learns_the_subject(
    client: CheckedClient, admin: Employee, office: UUID, identity_provider: OidcServer
) -> None:
    token, subject = token_in(invite(client, admin, office)), uuid4().hex
    begun = start(client, invitation_token=token).get_json()
    came = finish(client, identity_provider.authorize(begun["authorization_url"], subject))
    assert came.status_code == 200 and came.get_json()["account"]["roles"] == ["office"]
    assert told(open_link(client, token)) == (410, "invitation-not-valid")
    again = journey(client, identity_provider, subject)
    assert again.get_json()["account"]["id"] == came.get_json()["account"]["id"]


def test_an_officer_is_not_linked_by_one_administrator_but_links_herself_by_an_approved_link(
    client: CheckedClient, admin: Employee, identity_provider: OidcServer
) -> None:
    officer, subject = employee(), uuid4().hex
    assert told(link(client, admin, officer.id, subject)) == (409, "second-person-needed")
    reset = client.post(f"{API}/staff/{officer.id}/reset-links", json={"authenticator_lost": True}, token=admin.token)
    token = token_in(reset, approved=False)
    assert told(start(client, invitation_token=token)) == (409, "invitation-awaits-approval")
    begun = start(client, invitation_token=token_in(reset)).get_json()
    came = finish(client, identity_provider.authorize(begun["authorization_url"], subject))
    assert came.status_code == 200 and came.get_json()["account"]["id"] == str(officer.id)
    assert told(sign_in(client, officer.account.username, otp=officer.account.otp())) == (401, "sign-in-refused")


def test_a_link_for_a_new_password_is_not_accepted_at_the_provider(
    client: CheckedClient, admin: Employee, identity_provider: OidcServer
) -> None:
    officer = employee()
    reset = client.post(f"{API}/staff/{officer.id}/reset-links", json={"authenticator_lost": False}, token=admin.token)
    begun = start(client, invitation_token=token_in(reset)).get_json()
    came = finish(client, identity_provider.authorize(begun["authorization_url"], uuid4().hex))
    assert told(came) == (410, "invitation-not-valid")
    assert client.get(f"{API}/me", token=officer.token).status_code == 200


def test_an_invitation_used_meanwhile_makes_nothing(
    client: CheckedClient, admin: Employee, office: UUID, identity_provider: OidcServer
) -> None:
    made = invite(client, admin, office)
    begun = start(client, invitation_token=token_in(made)).get_json()
    client.delete(f"{API}/staff/invitations/{made.get_json()['id']}", token=admin.token)
    brought = identity_provider.authorize(begun["authorization_url"], uuid4().hex)
    assert told(finish(client, brought)) == (410, "invitation-not-valid")
    assert told(start(client, invitation_token="xi1." + "A" * 43)) == (410, "invitation-not-valid")


def test_one_subject_belongs_to_one_account(
    client: CheckedClient, admin: Employee, office: UUID, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    _, subject = linked
    colleague = employee("partner-manager", kind="partner")
    assert told(link(client, admin, colleague.id, subject)) == (409, "oidc-subject-taken")
    begun = start(client, invitation_token=token_in(invite(client, admin, office))).get_json()
    brought = identity_provider.authorize(begun["authorization_url"], subject)
    assert told(finish(client, brought)) == (409, "oidc-subject-taken")


def test_an_unlinked_account_comes_back_by_a_reset_link(
    client: CheckedClient, admin: Employee, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    who, subject = linked
    gone = client.delete(f"{API}/staff/{who.id}/oidc-subject", token=admin.token)
    assert gone.get_json()["oidc"] is False
    assert told(journey(client, identity_provider, subject)) == (403, "oidc-subject-unknown")
    reset = client.post(f"{API}/staff/{who.id}/reset-links", json={"authenticator_lost": False}, token=admin.token)
    assert join(client, token_in(reset)).tokens["account"]["id"] == str(who.id)


def test_callers_learn_whether_there_is_a_provider(client: CheckedClient) -> None:
    assert client.get(f"{API}/auth/oidc").get_json() == {"available": True, "label": "统一身份认证"}
    oidc.bind(None)
    assert client.get(f"{API}/auth/oidc").get_json() == {"available": False, "label": ""}
    assert told(start(client)) == (409, "oidc-not-configured")


# --- what must not come of it ------------------------------------------------------------------------------------


def test_a_state_works_once(client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str]) -> None:
    url = start(client).get_json()["authorization_url"]
    assert finish(client, identity_provider.authorize(url, linked[1])).status_code == 200
    again = identity_provider.authorize(url, linked[1])  # a fresh code, the same state and nonce
    assert told(finish(client, again)) == (401, "oidc-refused")


def test_a_code_works_once(client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str]) -> None:
    first = identity_provider.authorize(start(client).get_json()["authorization_url"], linked[1])
    assert finish(client, first).status_code == 200
    other = start(client).get_json()["state"]
    assert told(finish(client, {"state": other, "code": first["code"]})) == (401, "oidc-refused")


def test_a_code_stolen_from_another_browser_is_worth_nothing(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    """PKCE: the code belongs to the flow that asked for it."""
    victim = identity_provider.authorize(start(client).get_json()["authorization_url"], linked[1])
    thief = start(client, "the key of a thief's own browser, as long").get_json()["state"]
    stolen = finish(client, {"state": thief, "code": victim["code"]}, "the key of a thief's own browser, as long")
    assert told(stolen) == (401, "oidc-refused")


def test_an_answer_that_another_browser_began_signs_nobody_in(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    """Login CSRF: an attacker's answer is planted in the victim's browser, which has a key of its own."""
    brought = identity_provider.authorize(start(client).get_json()["authorization_url"], linked[1])
    victims = "the key that the victim's browser has kept"
    assert told(finish(client, brought, victims)) == (401, "oidc-refused")
    assert told(finish(client, brought)) == (401, "oidc-refused"), "and it is used up"


def test_a_flow_ends_after_ten_minutes(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    brought = identity_provider.authorize(start(client).get_json()["authorization_url"], linked[1])
    with clock.shifted(timedelta(minutes=10, seconds=1)):
        assert told(finish(client, brought)) == (401, "oidc-refused")


def test_an_answer_in_another_issuers_name_is_refused(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    """Mix-up (RFC 9207)."""
    brought = identity_provider.authorize(start(client).get_json()["authorization_url"], linked[1])
    assert told(finish(client, brought, iss="https://login.elsewhere.example.cn")) == (401, "oidc-refused")
    assert brought["code"] in identity_provider.world.grants, "the code was shown to nobody"
    brought = identity_provider.authorize(start(client).get_json()["authorization_url"], linked[1])
    assert finish(client, brought, iss=identity_provider.issuer).status_code == 200


def test_a_provider_that_always_names_itself_must(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    identity_provider.world.extra = {"authorization_response_iss_parameter_supported": True}
    brought = identity_provider.authorize(start(client).get_json()["authorization_url"], linked[1])
    assert told(finish(client, brought)) == (401, "oidc-refused")


def changed(**claims: Any) -> Callable[[Claims], Claims]:
    def spoil(told_claims: Claims) -> Claims:
        return {name: value for name, value in {**told_claims, **claims}.items() if value is not None}

    return spoil


def ago(seconds: int) -> int:
    return int(clock.now().timestamp()) - seconds


SPOILED: dict[str, Callable[[], Callable[[Claims], Claims]]] = {
    "of another issuer": lambda: changed(iss="https://login.elsewhere.example.cn"),
    "without an issuer": lambda: changed(iss=None),
    "for somebody else": lambda: changed(aud="another-client"),
    "for nobody": lambda: changed(aud=None),
    "for several, ours not saying who asked": lambda: changed(aud=[CLIENT_ID, "another-client"]),
    "asked for by another": lambda: changed(aud=[CLIENT_ID, "another-client"], azp="another-client"),
    "ours in name, asked for by another": lambda: changed(azp="another-client"),
    "expired": lambda: changed(iat=ago(900), exp=ago(300)),
    "without an end": lambda: changed(exp=None),
    "with an end that is text": lambda: changed(exp="tomorrow"),
    "from long ago, good for ever": lambda: changed(iat=ago(3600), exp=ago(-(10**8))),
    "from the future": lambda: changed(iat=ago(-3600), exp=ago(-7200)),
    "not yet good": lambda: changed(nbf=ago(-3600)),
    "without a time": lambda: changed(iat=None),
    "with the nonce of another flow": lambda: changed(nonce="a nonce that was used before"),
    "without a nonce": lambda: changed(nonce=None),
    "without a subject": lambda: changed(sub=None),
    "with a subject that is none": lambda: changed(sub={"$ne": ""}),
    "with an empty subject": lambda: changed(sub=""),
    "with a subject without end": lambda: changed(sub="x" * 5000),
}


@pytest.mark.parametrize("what", sorted(SPOILED))
def test_an_id_token_that_does_not_stand_is_refused(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str], what: str
) -> None:
    answer = journey(client, identity_provider, linked[1], spoil=SPOILED[what]())
    assert told(answer) == (401, "oidc-refused"), what


STRANGER = RSAKey.generate_key(2048, {"kid": "k1"})


def by_hand(header: dict[str, Any], key: Any) -> Callable[[Claims], str]:
    return lambda claims: jwt.encode(header, claims, key, algorithms=[header["alg"]])


def confused(server: OidcServer) -> Callable[[Claims], str]:
    """HMAC with the public key as its secret."""
    pem = server.world.key.as_pem(private=False)
    return by_hand({"alg": "HS256", "kid": "k1"}, OctKey.import_key(pem.hex()))


FORGED: dict[str, Callable[[OidcServer], Callable[[Claims], str]]] = {
    "unsigned": lambda _: lambda claims: pyjwt.encode(claims, None, "none"),
    "unsigned, in capitals": lambda _: lambda claims: pyjwt.encode(claims, None, "none").replace("bm9uZ", "Tk9OR"),
    "signed by a stranger under the same name": lambda _: by_hand({"alg": "RS256", "kid": "k1"}, STRANGER),
    "signed with what everybody knows": confused,
    "signed with the client's secret": lambda _: lambda claims: pyjwt.encode(claims, CLIENT_SECRET * 2, "HS256"),
    "cut off": lambda server: lambda claims: server.sign(claims)[:-10],
    "no token at all": lambda _: lambda _claims: "x.y.z",
    "empty": lambda _: lambda _claims: "",
}


@pytest.mark.parametrize("what", sorted(FORGED))
def test_a_forged_id_token_is_refused(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str], what: str
) -> None:
    answer = journey(client, identity_provider, linked[1], sign=FORGED[what](identity_provider))
    assert told(answer) == (401, "oidc-refused"), what


def test_a_key_that_the_provider_changed_to_is_fetched(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    assert journey(client, identity_provider, linked[1]).status_code == 200
    asked = identity_provider.world.asked_for_keys
    assert journey(client, identity_provider, linked[1]).status_code == 200
    assert identity_provider.world.asked_for_keys == asked, "known keys are kept"
    before, identity_provider.world.key = identity_provider.world.key, RSAKey.generate_key(2048, {"kid": "k2"})
    try:
        assert journey(client, identity_provider, linked[1]).status_code == 200
    finally:
        identity_provider.world.key = before


@pytest.mark.parametrize("behave", ["silent", "broken", "nonsense", "huge"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_provider_that_fails_is_said_to_fail(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str], behave: str, when: str
) -> None:
    if when == "before":
        identity_provider.world.behave = behave
        with unchanged():
            answer = start(client)
    else:
        brought = identity_provider.authorize(start(client).get_json()["authorization_url"], linked[1])
        identity_provider.world.behave = behave
        answer = finish(client, brought)
    assert told(answer) == (503, "oidc-unavailable")
    assert answer.headers["Retry-After"] == "30"


def test_a_provider_that_is_not_there_is_said_not_to_answer(client: CheckedClient) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    oidc.bind(ProviderSettings(f"http://127.0.0.1:{port}", CLIENT_ID, CLIENT_SECRET, "http://127.0.0.1:8000/app/staff"))
    assert told(start(client)) == (503, "oidc-unavailable")


@pytest.mark.parametrize(
    "extra",
    [
        {"issuer": "https://login.elsewhere.example.cn"},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": ["x"]},
    ],
)
def test_a_provider_that_describes_another_is_not_believed(
    client: CheckedClient, identity_provider: OidcServer, extra: dict[str, Any]
) -> None:
    identity_provider.world.extra = extra
    assert told(start(client)) == (503, "oidc-unavailable")


def test_a_protected_issuer_has_no_unprotected_endpoint() -> None:
    issuer = "https://login.example.cn"
    metadata = {"issuer": issuer, "authorization_endpoint": f"{issuer}/a", "token_endpoint": "http://login.example.cn/t",
                "jwks_uri": f"{issuer}/k"}  # fmt: skip
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=metadata))
    provider = Provider(ProviderSettings(issuer, "x", "y"), transport)
    with pytest.raises(OidcUnavailable):
        provider.metadata()
    provider.close()


def test_the_context_that_the_office_asks_for_must_be_named(
    client: CheckedClient, identity_provider: OidcServer, linked: tuple[Employee, str]
) -> None:
    before = oidc.provider().settings
    oidc.bind(ProviderSettings(**{**vars(before), "acr": "urn:example:mfa"}))
    assert told(journey(client, identity_provider, linked[1])) == (401, "oidc-refused")
    spoil = changed(acr="urn:example:mfa")
    assert journey(client, identity_provider, linked[1], spoil=spoil).status_code == 200


def test_verifier_and_state_are_not_kept_in_the_clear(client: CheckedClient) -> None:
    begun = start(client).get_json()
    with db.reading() as reader:
        kept = str(reader.execute(OidcFlowRow.__table__.select()).all())
    assert begun["state"] not in kept and KEY not in kept


# --- a provider of somebody else's make --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def independent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``oidc-provider-mock`` from PyPI, in a process of its own. Its issuer."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log: Path = tmp_path_factory.mktemp("provider") / "log"
    env = {**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out)
    issuer = f"http://127.0.0.1:{port}"
    try:
        _wait_for(issuer, process, log)
        yield issuer
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(issuer: str, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + 30
    while time.monotonic() < limit and process.poll() is None:
        try:
            if httpx.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
    raise AssertionError(f"the provider did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def agree(url: str, subject: str) -> dict[str, str]:
    """What the browser brings back from the independent provider."""
    answer = httpx.post(url, data={"sub": subject}, trust_env=False)
    assert answer.status_code == 302, answer.text[:500]
    assert re.match(r"http://127\.0\.0\.1:8000/app/staff\?", answer.headers["Location"])
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def test_the_journey_through_a_provider_of_somebody_elses_make(
    client: CheckedClient, admin: Employee, office: UUID, independent: str
) -> None:
    oidc.bind(ProviderSettings(independent, CLIENT_ID, CLIENT_SECRET, "http://127.0.0.1:8000/app/staff"))
    subject, token = f"staff-{uuid4().hex[:8]}@example.cn", token_in(invite(client, admin, office, "counter-clerk"))
    begun = start(client, invitation_token=token).get_json()
    came = finish(client, agree(begun["authorization_url"], subject))
    assert came.status_code == 200, came.get_json()
    again = start(client).get_json()
    brought = agree(again["authorization_url"], subject)
    assert finish(client, brought).get_json()["account"] == came.get_json()["account"]
    assert told(finish(client, brought)) == (401, "oidc-refused")
    stranger = agree(start(client).get_json()["authorization_url"], "nobody@example.cn")
    assert told(finish(client, stranger)) == (403, "oidc-subject-unknown")
