"""The schema's state: bring it up to date, and tell whether it is."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from backend.kit import db

FOLDER = Path(__file__).resolve().parent.parent.parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


def upgrade() -> str:
    """Run what is missing on the bound database and return the revision that it is at."""
    command.upgrade(_config(), "head")
    return current()


def current() -> str:
    """The revision of the bound database; empty for an empty one."""
    with db.current().engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def head() -> str:
    """The newest revision in the code."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def drift() -> list[str]:
    """What differs between the bound database and the models; empty when the migrations tell the whole story."""
    with db.current().engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), db.metadata)
    return [str(difference) for difference in found]
