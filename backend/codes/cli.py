"""Commands for signing keys and revocation lists."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from backend.codes import service
from backend.codes.keys import LEAD
from backend.codes.rules import Purpose
from backend.kit import db
from backend.kit.errors import DomainError

PURPOSES = [purpose.value for purpose in Purpose]


@click.group("codes")
def codes_group() -> None:
    """Signing keys and revocation lists."""


@codes_group.command("generate")
@click.option("--issuer", required=True, help="The city's division code (GB/T 2260), six digits.")
def generate(issuer: str) -> None:
    """Make the keys that are missing, so that every purpose can sign. Safe to repeat."""
    try:
        with db.transaction() as session:
            made = service.ensure_keys(session, issuer)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"made {', '.join(made)}" if made else "every purpose has its key")


@codes_group.command("rotate")
@click.option("--purpose", type=click.Choice([*PURPOSES, "all"]), default="all", show_default=True)
@click.option(
    "--lead-hours",
    type=click.FloatRange(0, 24 * 90),
    default=LEAD.total_seconds() / 3600,
    show_default=True,
    help="How long the new key is published before it signs. Shorter than an offline pack's life, venues that are"
    " offline will meet a key that they do not know.",
)
def rotate(purpose: str, lead_hours: float) -> None:
    """Publish successors; the present keys retire when these begin to sign."""
    lead = timedelta(hours=lead_hours)
    for name in PURPOSES if purpose == "all" else [purpose]:
        try:
            with db.transaction() as session:
                kid = service.rotate_key(session, Purpose(name), lead)
        except DomainError as error:
            raise click.ClickException(f"{name}: {error}") from None
        click.echo(f"{name}: {kid} is published")


@codes_group.command("withdraw")
@click.argument("kid")
@click.confirmation_option(prompt="Every code that this key signed will be refused. Withdraw it?")
def withdraw(kid: str) -> None:
    """End a key that has come into wrong hands."""
    try:
        with db.transaction() as session:
            successor = service.withdraw_key(session, kid)
    except DomainError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{kid} is withdrawn" + (f"; {successor} signs from now on" if successor else ""))


@codes_group.command("list")
def list_keys() -> None:
    """Show every key, its state and its times (UTC)."""
    with db.reading() as reader:
        states = service.key_states(reader)
    for key in states:
        times = "  ".join(f"{name} {_when(key[name])}" for name in ("active_from", "retires_at", "verifies_until"))
        click.echo(f"{key['kid']}  {key['purpose']:<12}  {key['state']:<9}  {times}")


@codes_group.command("status")
def show_status() -> None:
    """Show how full the revocation lists are; fail where a purpose has no key to sign with."""
    with db.reading() as reader:
        lists, gaps = service.list_states(reader), service.signing_gaps(reader)
    for one in lists:
        click.echo(f"list {one['list_id']}: {one['held']} of {one['size_bits']} held, {one['revoked']} revoked")
    if not lists:
        click.echo("no code has asked for a place yet")
    if gaps:
        raise click.ClickException(f"no key signs for: {', '.join(gaps)}")


def _when(instant: datetime | None) -> str:
    return instant.strftime("%Y-%m-%dT%H:%MZ") if instant else "-"
