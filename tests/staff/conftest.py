"""An administrator of accounts, and what the tests of this room do again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pyotp
import pytest
from flask import Flask

from backend.approvals import service as approvals
from backend.kit import clock, db
from backend.kit.operations import Operation
from backend.staff.otp import OTP_SECONDS
from tests.checked_client import CheckedClient
from tests.factories import accounts as make

API = "/api/v1"
LATER = timedelta(seconds=OTP_SECONDS)
ANOTHER_PASSWORD = "nine green umbrellas in March"


def slug(response: Any) -> str:
    return str(response.get_json(force=True)["type"]).removeprefix("/problems/")


def told(response: Any) -> tuple[int, str]:
    return response.status_code, slug(response) if response.status_code >= 400 else ""


def otp_of(secret: str) -> str:
    return str(pyotp.TOTP(secret).at(clock.now()))


@dataclass(frozen=True)
class Employee:
    """Somebody who works here: her account and a token."""

    account: make.Staff
    token: str = field(repr=False)

    @property
    def id(self) -> UUID:
        return self.account.staff_id


def employee(role: str = "office", organisation_id: UUID | None = None, kind: str = "office") -> Employee:
    with db.transaction() as session:
        made = make.staff(session, role, organisation_id, kind)
        return Employee(made, make.staff_token(session, made))


@pytest.fixture
def admin(app: Flask) -> Employee:
    return employee("account-admin")


@pytest.fixture
def office(app: Flask) -> UUID:
    with db.transaction() as session:
        return make.organisation(session)


def username() -> str:
    return f"n{uuid4().hex[:12]}"


def invite(client: CheckedClient, by: Employee, office: UUID, role: str = "office", **more: Any) -> Any:
    body = {"username": username(), "display_name": "测试新同事",
            "roles": [{"role": role, "organisation_id": str(office)}], **more}  # fmt: skip
    return client.post(f"{API}/staff/invitations", json=body, token=by.token)


def approve(approval_id: str, by: Employee | None = None) -> None:
    """A member of the office, another than everybody, lets it through."""
    officer = by or employee()
    with db.transaction() as session:
        proposal = approvals.approval(session, UUID(approval_id))
        operation = Operation(officer.id, uuid4(), b"x" * 32)
        who = approvals.Actor(officer.id, "office")
        approvals.decide(session, operation, proposal.id, who, "approve", "已向本人核实", proposal.digest)


def token_in(answer: Any, *, approved: bool = True) -> str:
    """The token that stands behind the link's ``#join=``; a link that waits for a second person is let through."""
    assert answer.status_code == 201, answer.get_json()
    if approved and (approval_id := answer.get_json()["approval_id"]):
        approve(approval_id)
    return str(answer.get_json()["link"]).partition("#join=")[2]


def open_link(client: CheckedClient, token: str, password: str | None = make.PASSWORD) -> Any:
    body = {"token": token, **({"password": password} if password else {})}
    return client.post(f"{API}/auth/staff/invitations", json=body)


def finish(client: CheckedClient, token: str, otp: str, password: str = make.PASSWORD, **more: Any) -> Any:
    body = {"token": token, "password": password, "otp": otp, **more}
    return client.post(f"{API}/auth/staff/invitations/acceptance", json=body)


@dataclass(frozen=True)
class Joined:
    """Who came in by a link."""

    username: str
    secret: str = field(repr=False)
    recovery_codes: list[str] = field(repr=False)
    tokens: dict[str, Any] = field(repr=False)

    @property
    def token(self) -> str:
        return str(self.tokens["access_token"])


def join(client: CheckedClient, token: str) -> Joined:
    opened = open_link(client, token).get_json()
    secret = opened["authenticator"]["totp_secret"]
    answer = finish(client, token, otp_of(secret))
    assert answer.status_code == 200, answer.get_json()
    accepted = answer.get_json()
    return Joined(opened["username"], secret, accepted["recovery_codes"], accepted["tokens"])


@pytest.fixture
def joined(client: CheckedClient, admin: Employee, office: UUID) -> Joined:
    return join(client, token_in(invite(client, admin, office)))


def sign_in(client: CheckedClient, name: str, *, address: str = "127.0.0.1", **body: Any) -> Any:
    sent = {"username": name, "password": make.PASSWORD, **body}
    return client.post(f"{API}/auth/staff", json=sent, environ_overrides={"REMOTE_ADDR": address})


def addresses(count: int) -> Iterator[str]:
    """So many addresses that nothing was heard of before (RFC 6598's shared space)."""
    for _ in range(count):
        number = uuid4().int
        yield f"100.{64 + number % 64}.{number // 64 % 256}.{number // 16384 % 256}"
