"""What the programme office does by hand about printed codes."""

from __future__ import annotations

from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from backend.kit import db
from backend.kit.trail import TrailRow
from backend.merchants.cli import merchants
from tests.checked_client import CheckedClient
from tests.merchants.test_service import registered


def run(*arguments: str) -> Result:
    return CliRunner().invoke(merchants, list(arguments))


def test_a_code_revoked_by_command_says_when_and_why_and_leaves_a_trail(client: CheckedClient) -> None:
    with db.transaction() as session:
        code = registered(session).public_code
    assert client.get(f"/api/v1/merchants/{code}").status_code == 200
    reason = f"演示：招牌更换 {uuid4()}"
    assert run("revoke-code", code, "--reason", reason).exit_code == 0
    dead = client.get(f"/api/v1/merchants/{code}")
    assert dead.status_code == 410 and dead.get_json()["revoked_at"] and dead.get_json()["reason"] == reason
    with db.reading() as reader:
        noted = reader.execute(select(TrailRow.action).where(TrailRow.subject_id == code)).scalars().all()
    assert noted == ["merchants.revoke-code"]


@pytest.mark.parametrize(("code", "reason"), [("ACDEFGHJKM", "演示"), ("同", "演示"), ("ACDEFGHJKM", " ")])
def test_an_unknown_code_and_an_empty_reason_are_refused(client: CheckedClient, code: str, reason: str) -> None:
    assert run("revoke-code", code, "--reason", reason).exit_code == 1
