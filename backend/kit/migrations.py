"""The schema's state: bring it up to date, and tell whether it is."""

from __future__ import annotations

import time
from pathlib import Path

import structlog
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from backend.kit import db

LOCK_NOT_AVAILABLE = "55P03"
LOCK_TRIES = 6
LOCK_PAUSE_SECONDS = 0.5
log = structlog.get_logger("migrations")
FOLDER = Path(__file__).resolve().parent.parent.parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


def upgrade(to: str = "head") -> str:
    """Run what is missing on the bound database and return the revision that it is at.

    A migration waits five seconds for a lock and then gives way to the programme that is running; it is tried again,
    for it left nothing behind. Raises OperationalError when somebody holds the lock through all tries.
    """
    for attempt in range(1, LOCK_TRIES + 1):
        try:
            command.upgrade(_config(), to)
            break
        except OperationalError as error:
            if db.sqlstate(error) != LOCK_NOT_AVAILABLE or attempt == LOCK_TRIES:
                raise
            log.warning("migration.lock_not_available", attempt=attempt, at=current())
            time.sleep(LOCK_PAUSE_SECONDS * attempt)
    return current()


def current() -> str:
    """The revision of the bound database; empty for an empty one."""
    with db.current().engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def gap() -> str:
    """Why the code cannot work on the bound database's schema; empty when it can.

    A schema that is newer than the code is no gap: migrations only add, so that the version before goes on working
    while the next is brought in, and again when it is taken back.
    """
    at = current()
    scripts = ScriptDirectory.from_config(_config())
    known = {script.revision for script in scripts.walk_revisions()}
    return (
        "" if at == head() or (at and at not in known) else f"the schema is at {at or 'nothing'}, the code at {head()}"
    )


def head() -> str:
    """The newest revision in the code."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def drift() -> list[str]:
    """What differs between the bound database and the models; empty when the migrations tell the whole story."""
    with db.current().engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), db.metadata)
    return [str(difference) for difference in found]
