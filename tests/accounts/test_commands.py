"""The commands of those who administer accounts, and the daily forgetting."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from backend.accounts import jobs, service
from backend.accounts.errors import SignInRefused
from backend.accounts.models import (
    AttemptRow,
    DeviceNonceRow,
    OrganisationRow,
    RefreshTokenRow,
    SessionRow,
    StaffRow,
)
from backend.kit import clock, db
from backend.kit.trail import TrailRow
from backend.staff import guard, passwords, signing_in
from backend.staff.cli import group as accounts
from backend.wechat.service import WechatUser
from tests.factories import accounts as make


def run(*arguments: object) -> Result:
    return CliRunner().invoke(accounts, [str(argument) for argument in arguments])


@pytest.fixture
def office_slug(database: db.Database) -> str:
    with db.transaction() as session:
        where = make.organisation(session)
        return session.execute(select(OrganisationRow.slug).where(OrganisationRow.id == where)).scalar_one()


def resolved(token: str) -> Any:
    with db.reading() as reader:
        return service.resolve(reader, token)


def test_the_first_organisation_is_added_by_command_and_may_be_renamed(database: db.Database) -> None:
    slug = f"c{make.openid()[2:14]}"
    made = run("add-organisation", slug, "--kind", "office", "--name", "测试办公室")
    assert made.exit_code == 0, made.output
    assert run("add-organisation", slug, "--kind", "office", "--name", "测试办公室二").output == made.output
    with db.reading() as reader:
        assert str(service.organisation_by_slug(reader, slug).id) == made.output.strip()
    assert run("add-organisation", slug, "--kind", "castle", "--name", "测试").exit_code == 1


def test_staff_made_by_command_can_sign_in_with_the_secret_that_was_shown(office_slug: str) -> None:
    username = f"c{make.openid()[2:14]}"
    options = ("--name", "测试管理员", "--role", f"office@{office_slug}", "--password", make.PASSWORD)
    made = run("create-staff", username, *options)
    assert made.exit_code == 0, made.output
    staff_id, uri = made.output.split()
    secret = parse_qs(urlsplit(uri).query)["secret"][0]
    with db.reading() as reader:
        otp = str(pyotp.TOTP(secret).at(clock.now()))
        assert str(signing_in.check_staff(reader, username, make.PASSWORD, otp).staff_id) == staff_id
        acts = reader.execute(select(TrailRow.action).where(TrailRow.subject_id == staff_id)).scalars().all()
        sealed = reader.execute(select(StaffRow.otp_secret_sealed).where(StaffRow.username == username)).scalar_one()
    assert acts == ["staff.create"] and secret not in sealed
    assert run("create-staff", username, *options).exit_code == 1


@pytest.mark.parametrize("role", ["office@nowhere", "king@{slug}", "office"])
def test_staff_need_a_role_that_is_one(office_slug: str, role: str) -> None:
    told = run("create-staff", "someone", "--name", "测试", "--role", role.format(slug=office_slug),
               "--password", make.PASSWORD)  # fmt: skip
    assert told.exit_code == 1 and "Traceback" not in told.output


def test_suspending_staff_ends_their_sessions(database: db.Database) -> None:
    with db.transaction() as session:
        who = make.staff(session)
        token = make.staff_token(session, who)
    assert run("suspend-staff", who.username).exit_code == 0
    assert resolved(token) is None
    assert run("suspend-staff", who.username, "--lift").exit_code == 0
    assert run("suspend-staff", "nobody-here").exit_code == 1


def test_a_device_is_enrolled_by_its_public_key_file(office_slug: str, tmp_path: Path) -> None:
    key, file = Ed25519PrivateKey.generate(), tmp_path / "key.jwk"
    file.write_text(json.dumps(make.public_jwk(key)))
    made = run("enrol-device", file, "--organisation", office_slug, "--label", "东门一号")
    assert made.exit_code == 0, made.output
    device_id = made.output.strip()
    assert run("suspend-device", device_id).exit_code == 0
    assert run("suspend-device", "00000000-0000-0000-0000-000000000000").exit_code == 1
    file.write_text(json.dumps({**make.public_jwk(key), "d": "AAAA"}))
    refused = run("enrol-device", file, "--organisation", office_slug, "--label", "东门一号")
    assert refused.exit_code == 1 and "私钥" in refused.output
    file.write_text("[1]")
    assert run("enrol-device", file, "--organisation", office_slug, "--label", "东门一号").exit_code == 1
    assert run("enrol-device", file, "--organisation", "nowhere", "--label", "东门一号").exit_code == 1


def test_all_sessions_of_an_account_end_by_command(database: db.Database) -> None:
    with db.transaction() as session:
        who = make.staff(session)
        tokens = [make.staff_token(session, who) for _ in range(2)]
    told = run("end-sessions", "--username", who.username)
    assert told.exit_code == 0 and "2" in told.output
    assert [resolved(token) for token in tokens] == [None, None]
    assert run("end-sessions").exit_code == 2
    assert run("end-sessions", "--account", who.staff_id).exit_code == 0


def test_an_unknown_name_costs_as_much_work_as_a_known_one(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    judge = passwords.verify

    def counted(password_hash: str, password: str) -> bool:
        verified.append(password_hash or passwords.nobodys_hash())
        return judge(password_hash, password)

    monkeypatch.setattr(passwords, "verify", counted)
    with db.reading() as reader, pytest.raises(SignInRefused):
        signing_in.check_staff(reader, "nobody-here", make.PASSWORD, "000000")
    with db.transaction() as session:
        known = make.staff(session)
    with db.reading() as reader, pytest.raises(SignInRefused):
        signing_in.check_staff(reader, known.username, "a wrong password", "000000")
    assert [text.split("$")[3] for text in verified] == ["m=8192,t=1,p=1"] * 2


def test_what_can_no_longer_be_used_is_forgotten(database: db.Database) -> None:
    tables = (AttemptRow, DeviceNonceRow, RefreshTokenRow, SessionRow)
    jobs.forget_ended(clock.today())

    def counts() -> list[int]:
        with db.reading() as reader:
            return [reader.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]

    with clock.shifted(timedelta(days=-400)):
        before = counts()
        with db.transaction() as session:
            grant = service.sign_in_wechat(session, WechatUser(make.openid(), None))
            service.refresh(session, grant.refresh_token)
            guard.count(session, make.openid(), "")
    assert [after - was for after, was in zip(counts(), before, strict=True)] == [1, 0, 2, 1]
    jobs.forget_ended(clock.today())
    assert counts() == before
