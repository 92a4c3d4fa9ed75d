"""What of legal entities' archives may be shown to anyone, for the rooms that show it.

The tables are for statements that those rooms compile over them: to be read, never written.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, Table, and_

from backend.records import models


def entity_records_table() -> Table:
    """The archive of legal entities."""
    return models.entity_records


def entities_table() -> Table:
    """Legal entities by code, each with its name and since when it is called so (``changed_at``)."""
    return models.entities


def may_be_shown(day: date) -> ColumnElement[bool]:
    """That a legal entity's record may be shown on a day: neither repaired, withdrawn nor expired, and not past its
    publicity. A disputed one may, and whoever shows it says so."""
    table = models.entity_records.c
    return and_(table.status.in_(("active", "disputed")), table.publicity_until_on >= day)
