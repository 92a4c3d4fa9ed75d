"""``flask demo seed``: fill an empty demo installation."""

from __future__ import annotations

import click
from flask import current_app

from backend.demo.install import Demo


@click.group("demo")
def demo_group() -> None:
    """Synthetic data; refuses any environment but ``demo``."""


@demo_group.command("seed")
def seed() -> None:
    """Make 2,000 residents, 300 merchants, 20,000 records, staff and devices, and write the hand-over."""
    import os

    from backend.demo import seed as seeding

    settings = current_app.config["SETTINGS"]
    if settings.environment != "demo":
        raise click.ClickException("this is not a demo: XINYI_ENVIRONMENT is not `demo`")
    demo = Demo.from_env({"PORT": str(settings.port), "DATABASE_URL": os.environ.get("DATABASE_URL", "")})
    if demo.handover_file.exists():
        raise click.ClickException("this demo is seeded already; `make demo-reset` starts over")
    demo.folder.mkdir(parents=True, exist_ok=True)
    seeding.run(demo)
    seeding.refresh()
    click.echo(f"wrote {demo.handover_file.name}")
