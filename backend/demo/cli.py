"""``flask demo``: fill an empty demo installation, and write files as its departments would send them."""

from __future__ import annotations

import os
from pathlib import Path

import click
from flask import current_app

from backend.demo.install import Demo


@click.group("demo")
def demo_group() -> None:
    """Synthetic data; refuses any environment but ``demo``."""


@demo_group.command("seed")
def seed() -> None:
    """Make 2,000 residents, 300 merchants, 20,000 records, staff and devices, and write the hand-over."""
    from backend.demo import seed as seeding

    demo = _demo()
    if demo.handover_file.exists():
        raise click.ClickException("this demo is seeded already; `make demo-reset` starts over")
    demo.folder.mkdir(parents=True, exist_ok=True)
    seeding.run(demo)
    seeding.refresh(demo)
    click.echo(f"wrote {demo.handover_file.name}")


@demo_group.command("department-files")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def department_files(folder: Path) -> None:
    """Write today's files of the demo's departments into FOLDER, with the answer key of their planted faults."""
    from backend.demo import departments
    from backend.kit import clock

    if not departments.write_files(_demo(), folder, clock.today()):
        raise click.ClickException("this demo has no departments yet; `make demo-reset` starts over")
    click.echo(f"wrote {folder}")


def _demo() -> Demo:
    settings = current_app.config["SETTINGS"]
    if settings.environment != "demo":
        raise click.ClickException("this is not a demo: XINYI_ENVIRONMENT is not `demo`")
    return Demo.from_env({"PORT": str(settings.port), "DATABASE_URL": os.environ.get("DATABASE_URL", "")})
