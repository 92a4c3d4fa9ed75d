"""Commands: seal what waits, prove what is sealed, publish the newest seal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from tqdm import tqdm

from backend.kit import db
from backend.kit.errors import DomainError
from backend.oversight import service, verification

MOST_LINES = 1000


@click.group("oversight")
def oversight_group() -> None:
    """The access log and the trail: sealed, and proven unchanged."""


@oversight_group.command("seal")
def seal() -> None:
    """Seal everything that waits."""
    try:
        made = service.seal_all()
    except DomainError as error:
        raise click.ClickException(str(error)) from None
    with db.reading() as reader:
        last = service.newest(reader)
    click.echo(f"{made} batches sealed; the newest is {last.number if last else 'none yet'}")


@oversight_group.command("publish")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it; else it is printed.")
def publish(out: Path | None) -> None:
    """Write the newest seal as JSON: keep it where the operators of this installation cannot change it."""
    try:
        with db.reading() as reader:
            text = json.dumps(service.newest_published(reader), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    except DomainError as error:
        raise click.ClickException(str(error)) from None
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, "utf-8")


@oversight_group.command("verify")
@click.option("--against", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A seal that was published and kept elsewhere.")  # fmt: skip
@click.option("--first", type=click.IntRange(min=1), default=1, show_default=True, help="The batch to begin with.")
def verify(against: Path | None, first: int) -> None:
    """Prove that no sealed row was changed, removed or inserted; say where, and fail, when one was."""
    try:
        kept = verification.seal_kept_elsewhere(against.read_text("utf-8")) if against else None
    except ValueError as error:
        raise click.ClickException(f"{against}: {error}") from None
    found = 0
    with db.reading() as reader:
        last = service.newest(reader)
        batches = max(0, last.number - first + 1) if last else 0
        with tqdm(total=batches, unit="batch", file=sys.stderr, disable=None) as bar:
            for finding in verification.verify(reader, first, kept, lambda: bar.update(1)):
                found += 1
                if found <= MOST_LINES:
                    click.echo(str(finding))
        waiting, _ = service.waiting(reader)
    if found > MOST_LINES:
        click.echo(f"and {found - MOST_LINES} more")
    if found:
        raise click.ClickException(f"{found} findings in {batches} batches")
    click.echo(f"{batches} batches are as they were sealed; {waiting} rows wait for the next seal")
