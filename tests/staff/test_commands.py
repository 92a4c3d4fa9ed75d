"""The commands about staff, and the daily forgetting."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from backend.accounts.models import OrganisationRow
from backend.kit import clock, db
from backend.kit.trail import TrailRow
from backend.staff import jobs, oidc
from backend.staff.cli import group
from backend.staff.models import InvitationRow, OidcFlowRow, PendingSecretRow
from config.settings import Settings, SettingsError, new_secrets
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.factories.staff_calls import browser_key_hash
from tests.staff.conftest import (
    API,
    Employee,
    addresses,
    employee,
    invite,
    join,
    open_link,
    otp_of,
    sign_in,
    token_in,
    told,
    username,
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(group, [str(argument) for argument in arguments])


@pytest.fixture
def slug_of_office(office: UUID) -> str:
    with db.reading() as reader:
        found: str = reader.execute(select(OrganisationRow.slug).where(OrganisationRow.id == office)).scalar_one()
    return found


def test_the_first_administrator_is_invited_by_command(client: CheckedClient, slug_of_office: str) -> None:
    name = username()
    made = run("invite-staff", name, "--name", "测试管理员", "--role", f"account-admin@{slug_of_office}")
    assert made.exit_code == 0, made.output
    came = join(client, made.output.strip().partition("#join=")[2])
    assert came.username == name
    assert client.get(f"{API}/staff", token=came.token).status_code == 200
    again = run("invite-staff", name, "--name", "测试管理员", "--role", f"account-admin@{slug_of_office}")
    assert again.exit_code == 1 and "用户名" in again.output
    nowhere = run("invite-staff", username(), "--name", "测试", "--role", "office@nowhere")
    assert nowhere.exit_code == 1 and "没有这个单位" in nowhere.output


def test_incompatible_roles_are_refused_by_command_too(slug_of_office: str) -> None:
    roles = ("--role", f"account-admin@{slug_of_office}", "--role", f"office@{slug_of_office}")
    for command, more in (("invite-staff", ()), ("create-staff", ("--password", make.PASSWORD))):
        refused = run(command, username(), "--name", "测试", *roles, *more)
        assert refused.exit_code == 1 and "Traceback" not in refused.output


def test_a_poor_password_is_refused_by_command_too(slug_of_office: str) -> None:
    role = ("--role", f"office@{slug_of_office}")
    refused = run("create-staff", username(), "--name", "测试", *role, "--password", "password2026")
    assert refused.exit_code == 1 and "太常见" in refused.output


def test_a_reset_link_is_made_by_command(client: CheckedClient) -> None:
    who = employee()
    made = run("reset-staff", who.account.username, "--authenticator-lost")
    assert join(client, made.output.strip().partition("#join=")[2]).username == who.account.username
    assert run("reset-staff", "nobody-here").exit_code == 1


def test_suspending_by_command_stands_in_the_trail_and_voids_links(client: CheckedClient, office: UUID) -> None:
    employee("account-admin")
    fired = employee("account-admin")
    kept = token_in(invite(client, fired, office))
    assert run("suspend-staff", fired.account.username).exit_code == 0
    assert told(open_link(client, kept)) == (410, "invitation-not-valid")
    with db.reading() as reader:
        acts = reader.execute(select(TrailRow.action).where(TrailRow.subject_id == str(fired.id))).scalars().all()
    assert acts == ["staff.suspend"]


def test_a_name_under_attack_is_unlocked_by_command(client: CheckedClient) -> None:
    who = employee()
    for one in addresses(21):
        sign_in(client, who.account.username, address=one, otp="000000")
    [home] = addresses(1)
    body = {"address": home, "otp": otp_of(who.account.totp_secret)}
    assert sign_in(client, who.account.username, **body).status_code == 429
    assert run("unlock-staff", who.account.username).exit_code == 0
    assert sign_in(client, who.account.username, **body).status_code == 200


def test_what_nobody_finished_is_forgotten(client: CheckedClient, admin: Employee, office: UUID) -> None:
    tables = (PendingSecretRow, OidcFlowRow, InvitationRow)

    def counts() -> list[int]:
        with db.reading() as reader:
            return [reader.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]

    jobs.forget_old(clock.today())
    before = counts()
    link = token_in(invite(client, admin, office))
    open_link(client, link)
    drawn = oidc.Secrets.fresh()
    with db.transaction() as session:
        oidc.start(session, drawn, browser_key_hash("a key of some browser"), None, "https://login.example.cn/")
    jobs.forget_old(clock.today())
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 1, 1]
    with clock.shifted(timedelta(days=100)):
        jobs.forget_old(clock.today())
        assert counts() == [0, 0, 0]


ENOUGH = {
    **new_secrets(), "XINYI_ENVIRONMENT": "production", "DATABASE_URL": "postgresql+psycopg://x@127.0.0.1/x",
    "XINYI_PUBLIC_BASE_URL": "https://xinyi.example.cn", "XINYI_WECHAT_APP_ID": "x", "XINYI_WECHAT_APP_SECRET": "x",
    "XINYI_REDIS_URL": "redis://127.0.0.1:6379/15",
}  # fmt: skip
PROVIDER = {
    "XINYI_OIDC_ISSUER": "https://login.example.cn/realms/city", "XINYI_OIDC_CLIENT_ID": "x",
    "XINYI_OIDC_CLIENT_SECRET": "the secret of the client",
}  # fmt: skip


def test_the_settings_of_a_provider_belong_together_and_stay_out_of_sight() -> None:
    settings = Settings.from_env(ENOUGH | PROVIDER)
    assert settings.oidc_issuer == PROVIDER["XINYI_OIDC_ISSUER"]
    assert PROVIDER["XINYI_OIDC_CLIENT_SECRET"] not in repr(settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"XINYI_OIDC_CLIENT_SECRET": ""},
        {"XINYI_OIDC_ISSUER": ""},
        {"XINYI_OIDC_ISSUER": "http://login.example.cn"},
        {"XINYI_OIDC_ISSUER": "login.example.cn"},
        {"XINYI_OIDC_ISSUER": "https://login.example.cn?x=1"},
    ],
)
def test_half_a_provider_or_an_unprotected_one_keeps_the_server_from_starting(changes: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(ENOUGH | PROVIDER | changes)
    assert "XINYI_OIDC_ISSUER" in str(refused.value)
