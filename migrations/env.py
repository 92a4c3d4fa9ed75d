"""Alembic's environment: the bound database, the rooms' models, a short lock timeout."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from backend.kit import db
from backend.models import metadata


def run() -> None:
    """Run the migrations on the connection that the caller gave, or on the bound database."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    with db.current().engine.connect() as connection:
        _migrate(connection)


def _migrate(connection: object) -> None:
    if connection.dialect.name == "postgresql":  # type: ignore[attr-defined]
        connection.execute(text("SET lock_timeout = '5s'"))  # type: ignore[attr-defined]
        connection.commit()  # type: ignore[attr-defined]
    context.configure(
        connection=connection,  # type: ignore[arg-type]
        target_metadata=metadata,
        render_as_batch=False,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()  # type: ignore[attr-defined]


run()
