"""Commands of the kit: the schema and the city."""

from __future__ import annotations

from pathlib import Path

import click

from backend.kit import city, db, migrations


@click.group("database")
def database_group() -> None:
    """The schema."""


@database_group.command("upgrade")
def upgrade() -> None:
    """Bring the schema up to date."""
    click.echo(f"schema is at {migrations.upgrade()}")


@database_group.command("check")
def check() -> None:
    """Fail when the schema is not at the code's head or differs from the models."""
    problems = migrations.drift()
    if migrations.current() != migrations.head():
        problems.append(f"schema is at {migrations.current() or 'nothing'}, the code at {migrations.head()}")
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise SystemExit(1)
    click.echo("schema is current")


@click.group("city")
def city_group() -> None:
    """What the city decides."""


@city_group.command("load")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def load(folder: Path) -> None:
    """Check the files of FOLDER and load them as new versions."""
    contents = city.read_folder(folder)
    try:
        with db.transaction() as session:
            loaded = city.load(session, contents)
    except city.CityRefused as error:
        raise click.ClickException("\n".join(error.members["problems"])) from None
    for policy in loaded:
        click.echo(f"{policy.kind} {policy.version} in force from {policy.effective_on}")


@city_group.command("lint")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def lint(folder: Path) -> None:
    """Check the files of FOLDER and load nothing."""
    problems = city.lint(city.read_folder(folder))
    if problems:
        raise click.ClickException("\n".join(problems))
    click.echo("no problem found")
