"""The first hour: from a fresh clone to an installation that its doctor finds well.

``flask setup``, ``python -m backend.setup`` and ``flask --app backend.setup:cli setup`` are the same command; none of
them needs settings to exist.
"""

from __future__ import annotations

from flask import Flask


def cli() -> Flask:
    """An application with this one command and no route: what `flask` runs before there are settings."""
    from backend.setup.command import setup_command

    bare = Flask("backend.setup", static_folder=None)
    bare.cli.add_command(setup_command)
    return bare


__all__ = ["cli"]
