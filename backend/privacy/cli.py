"""``flask privacy``: what a restore of an older backup needs."""

from __future__ import annotations

from typing import IO
from uuid import UUID

import click
from flask.cli import AppGroup

from backend.kit import db
from backend.privacy import departure

privacy = AppGroup("privacy", help="Departures, for backups.")


@privacy.command("departures")
def list_departures() -> None:
    """Print the numbers of those who have left, one a line. Keep the list apart from the backups."""
    after: UUID | None = None
    while True:
        with db.reading() as reader:
            found = departure.departed(reader, after)
        for resident_id in found:
            click.echo(str(resident_id))
        if not found:
            return
        after = found[-1]


@privacy.command("leave-again")
@click.argument("numbers", type=click.File("r"))
def leave_again(numbers: IO[str]) -> None:
    """Let those on the list leave once more, before a restored backup serves anybody. Safe to repeat."""
    again = 0
    for line in numbers:
        if line.strip():
            with db.transaction() as session:
                again += departure.leave_again(session, UUID(line.strip()))
    click.echo(f"{again} people erased again.")
