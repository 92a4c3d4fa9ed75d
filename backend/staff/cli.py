"""Commands about staff, in the group ``flask accounts``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import click
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.cli import accounts as group
from backend.accounts.cli import found_staff, noted
from backend.kit.db import transaction
from backend.kit.errors import DomainError, NotFound
from backend.kit.ids import NIL
from backend.staff import guard, invitations, members, otp, rules
from backend.staff.orders import Orderer

OPERATOR = Orderer(NIL, "command-line")


@contextmanager
def _told() -> Iterator[None]:
    """A refusal in the words of its problem."""
    try:
        yield
    except NotFound:
        raise click.ClickException("没有这个单位；--role 写作 角色@单位标识。") from None
    except DomainError as refusal:
        raise click.ClickException(refusal.detail_zh or refusal.explain_zh) from None


def _held(session: Session, roles: tuple[str, ...]) -> list[tuple[str, UUID]]:
    parted = [text.partition("@") for text in roles]
    return [(role, accounts.organisation_by_slug(session, slug).id) for role, _, slug in parted]


@group.command("create-staff")
@click.argument("username")
@click.option("--name", "display_name", required=True, help="显示的名称。")
@click.option("--role", "roles", multiple=True, required=True, help="角色@单位标识，可多次给出，例如 office@office。")
@click.password_option(help=f"登录密码，至少 {rules.LEAST_PASSWORD} 个字符，不能是常见的密码。")
def create_staff(username: str, display_name: str, roles: tuple[str, ...], password: str) -> None:
    """建立工作人员账号，并给出动态码的 otpauth 地址（只显示这一次）。"""
    secret = otp.new_totp_secret()
    with _told(), transaction() as session:
        staff_id = members.create_staff(session, username, password, secret, display_name, _held(session, roles))
        noted(session, "staff.create", "staff", staff_id)
    click.echo(f"{staff_id}\n{otp.provisioning_uri(username, secret)}")


@group.command("invite-staff")
@click.argument("username")
@click.option("--name", "display_name", required=True, help="显示的名称。")
@click.option("--role", "roles", multiple=True, required=True, help="角色@单位标识，可多次给出。")
def invite_staff(username: str, display_name: str, roles: tuple[str, ...]) -> None:
    """邀请工作人员：给出一次性链接（72 小时，只显示这一次），密码和验证器由本人设定。"""
    with _told(), transaction() as session:
        invited = invitations.Invited(username, display_name, _held(session, roles))
        made = invitations.invite(session, OPERATOR, invited)
    click.echo(made.link)


@group.command("reset-staff")
@click.argument("username")
@click.option("--authenticator-lost", is_flag=True, help="验证器和恢复码也一起换新。")
def reset_staff(username: str, authenticator_lost: bool) -> None:
    """重置登录方式：给出一次性链接（只显示这一次）。"""
    with _told(), transaction() as session:
        staff_id = found_staff(session, username)
        made = invitations.make_reset_link(session, OPERATOR, staff_id, authenticator_lost=authenticator_lost)
    click.echo(made.link)


@group.command("suspend-staff")
@click.argument("username")
@click.option("--lift", is_flag=True, help="恢复使用。")
def suspend_staff(username: str, lift: bool) -> None:
    """停用工作人员账号；所有会话和链接立即结束。"""
    with _told(), transaction() as session:
        staff_id = found_staff(session, username)
        (members.lift_suspension if lift else members.suspend)(session, OPERATOR, staff_id)
    click.echo("已恢复。" if lift else "已停用。")


@group.command("unlock-staff")
@click.argument("username")
def unlock_staff(username: str) -> None:
    """解除登录尝试的暂停：有人从许多地址猜这个用户名时，让本人从新地址也能登录。"""
    with transaction() as session:
        guard.unlock(session, username)
        noted(session, "staff.unlock", "staff", found_staff(session, username))
    click.echo("已解除。")


__all__ = ["group"]
