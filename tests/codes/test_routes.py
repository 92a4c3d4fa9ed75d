"""What anyone may fetch in order to verify our codes, and the commands and jobs behind it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import jwt
import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import delete

from backend.codes import jobs, rules
from backend.codes import service as codes
from backend.codes.cli import codes_group
from backend.codes.models import CodeKey, Revocation, Status, StatusList
from backend.kit import clock, db
from tests.checked_client import CheckedClient
from tests.codes.conftest import BASE_URL


@pytest.fixture
def own_client(app: Flask, bound: None) -> Iterator[CheckedClient]:
    """A client on a database whose code tables this test alone fills, committed."""
    _empty()
    yield CheckedClient(app)
    _empty()


def _empty() -> None:
    with db.transaction() as session:
        for model in (Revocation, Status, StatusList, CodeKey):
            session.execute(delete(model))
    codes.forget_keys()


@pytest.fixture
def with_keys(own_client: CheckedClient) -> CheckedClient:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
    return own_client


def test_show_keys_publishes_each_purpose_and_nothing_secret(with_keys: CheckedClient) -> None:
    answer = with_keys.get("/.well-known/jwks.json")
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "public, max-age=300"
    published = answer.get_json()["keys"]
    assert {key["purpose"] for key in published} == {purpose.value for purpose in rules.Purpose}
    assert all(set(key) == {"kty", "crv", "x", "kid", "use", "alg", "purpose"} for key in published)
    again = with_keys.get("/.well-known/jwks.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_show_code_status_serves_a_signed_list_that_changes_with_a_revocation(with_keys: CheckedClient) -> None:
    first = with_keys.get("/.well-known/code-status")
    assert first.status_code == 200 and first.mimetype == "application/statuslist+jwt"
    assert first.headers["Cache-Control"] == "public, max-age=60"
    etag = {"If-None-Match": first.headers["ETag"]}
    assert with_keys.get("/.well-known/code-status", headers=etag).status_code == 304
    with db.transaction() as session:
        place = codes.allocate_status(session, clock.now() + timedelta(days=1))
        codes.revoke_status(session, *place)
    second = with_keys.get("/.well-known/code-status", headers=etag)
    assert second.status_code == 200
    lst = jwt.decode(second.get_data(as_text=True), options={"verify_signature": False})["status_list"]["lst"]
    assert rules.revoked_in(rules.decode_status_bits(lst), place.bit)


def test_list_code_status_lists_names_them_all(with_keys: CheckedClient) -> None:
    assert with_keys.get("/.well-known/code-status-lists").get_json() == {
        "status_lists": [f"{BASE_URL}/.well-known/code-status"]
    }
    assert with_keys.get("/.well-known/code-status/0").status_code == 200


@pytest.mark.parametrize("path", ["/7", "/99999999999999999999", "/-1", "/x"])
def test_show_code_status_list_does_not_know_other_lists(with_keys: CheckedClient, path: str) -> None:
    assert with_keys.get(f"/.well-known/code-status{path}").status_code == 404


def test_show_code_status_says_when_no_key_is_ready(own_client: CheckedClient) -> None:
    answer = own_client.get("/.well-known/code-status")
    assert answer.status_code == 503 and answer.get_json()["type"] == "/problems/signing-key-missing"
    assert own_client.get("/.well-known/jwks.json").get_json() == {"keys": []}


def run(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(codes_group, list(words), input="y\n")
    assert (result.exit_code != 0) == fails, result.output
    return result.output


def test_the_commands_make_rotate_withdraw_and_show_keys(own_client: CheckedClient) -> None:
    assert "no key signs for" in run("status", fails=True)
    assert "SigningKeyMissing" in run("rotate", fails=True) or "signing" in run("rotate", fails=True).lower()
    assert "six digits" in run("generate", "--issuer", "nanjing", fails=True)
    assert run("generate", "--issuer", "320115").startswith("made ")
    assert run("generate", "--issuer", "320115") == "every purpose has its key\n"
    assert run("rotate", "--purpose", "coupon").startswith("coupon: c")
    listed = run("list")
    assert listed.count("signing") == 5 and listed.count("waiting") == 1
    kid = next(line.split()[0] for line in listed.splitlines() if "presentation" in line)
    assert "signs from now on" in run("withdraw", kid)
    assert "withdrawn" in run("list")
    assert "There is no such key" in run("withdraw", "c--", fails=True)
    assert run("status") == "no code has asked for a place yet\n"


def test_the_jobs_are_safe_to_repeat(with_keys: CheckedClient) -> None:
    with db.transaction() as session:
        codes.allocate_status(session, clock.now() + timedelta(days=1))
    assert run("status").startswith("list 0: 1 of 1048576 held, 0 revoked")
    with clock.shifted(timedelta(days=9)):
        assert jobs.free_statuses(clock.today()) == "1 places freed"
        assert jobs.free_statuses(clock.today()) == "0 places freed"
    assert jobs.care_for_keys(clock.today()) == "0 rotated, 0 erased, 0 deleted"
    assert len({job.name for job in jobs.JOBS}) == 2
