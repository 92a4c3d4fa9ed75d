"""Commands of those who administer accounts. ``flask accounts --help`` lists them."""

from __future__ import annotations

import json
from typing import IO
from uuid import UUID

import click
from sqlalchemy.orm import Session

from backend.accounts import service
from backend.accounts.errors import AccountRefused, DeviceRetired
from backend.kit import trail
from backend.kit.db import transaction
from backend.kit.errors import NotFound
from backend.kit.ids import NIL


@click.group("accounts")
def accounts() -> None:
    """工作人员、设备与会话。"""


def noted(session: Session, action: str, kind: str, subject: object) -> None:
    trail.note(session, NIL, "command-line", action, kind, subject)


@accounts.command("add-organisation")
@click.argument("slug")
@click.option("--kind", required=True, help="office、department、community、partner 或 market。")
@click.option("--name", required=True, help="单位名称。")
@click.option("--code", help="统一社会信用代码。")
def add_organisation(slug: str, kind: str, name: str, code: str | None) -> None:
    """登记单位；重复执行时更新名称。"""
    try:
        with transaction() as session:
            organisation_id = service.ensure_organisation(session, slug, kind, name, code)
            noted(session, "organisation.add", "organisation", organisation_id)
    except AccountRefused as refusal:
        raise click.ClickException(refusal.detail_zh) from None
    click.echo(str(organisation_id))


@accounts.command("enrol-device")
@click.argument("public_key_file", type=click.File("rb"))
@click.option("--organisation", "slug", required=True, help="单位标识。")
@click.option("--venue", "venue_id", type=click.UUID, help="场馆编号。")
@click.option("--label", required=True, help="设备名称，例如 东门闸机一号。")
def enrol_device(public_key_file: IO[bytes], slug: str, venue_id: UUID | None, label: str) -> None:
    """登记场馆设备。文件是公钥 JWK（OKP / Ed25519），不得含有私钥。"""
    try:
        jwk = json.loads(public_key_file.read(10_000))
        with transaction() as session:
            organisation_id = service.organisation_by_slug(session, slug).id
            device_id = service.create_device(session, organisation_id, venue_id, label, dict(jwk))
            noted(session, "device.enrol", "device", device_id)
    except NotFound:
        raise click.ClickException("没有这个单位。") from None
    except AccountRefused as refusal:
        raise click.ClickException(refusal.detail_zh) from None
    except (ValueError, TypeError):
        raise click.ClickException("文件不是 JWK（JSON）。") from None
    click.echo(str(device_id))


@accounts.command("suspend-device")
@click.argument("device_id", type=click.UUID)
@click.option("--lift", is_flag=True, help="恢复使用。")
def suspend_device(device_id: UUID, lift: bool) -> None:
    """停用设备；所有会话立即结束。"""
    try:
        with transaction() as session:
            service.set_device_status(session, device_id, "active" if lift else "suspended")
            noted(session, "device.restore" if lift else "device.suspend", "device", device_id)
    except NotFound:
        raise click.ClickException("没有这台设备。") from None
    except DeviceRetired as refusal:
        raise click.ClickException(refusal.title_zh) from None
    click.echo("已恢复。" if lift else "已停用。")


@accounts.command("end-sessions")
@click.option("--username", help="工作人员用户名。")
@click.option("--account", "account_id", type=click.UUID, help="账号或设备编号。")
def end_sessions(username: str | None, account_id: UUID | None) -> None:
    """结束一个账号的全部会话；账号本身不变。"""
    if (username is None) == (account_id is None):
        raise click.UsageError("请给出 --username 或 --account 之一。")
    with transaction() as session:
        subject = account_id or found_staff(session, username or "")
        count = service.end_sessions(session, subject, "ended-by-command")
        noted(session, "sessions.end", "account", subject)
    click.echo(f"已结束 {count} 个会话。")


def found_staff(session: Session, username: str) -> UUID:
    try:
        return service.staff_by_username(session, username)
    except NotFound:
        raise click.ClickException("没有这个用户名。") from None
