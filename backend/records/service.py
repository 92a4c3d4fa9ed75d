"""The front of this room: filing, correcting, taking back and reading credit information.

Every change is told inside its transaction (:mod:`backend.records.telling`). What a record said before stays, version
by version; what was known at an instant is :func:`archive_known_at`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table

from backend.catalogue.rules import Item
from backend.catalogue.service import items
from backend.records import models
from backend.records.archives import COLUMNS, ENTITIES, PEOPLE, Record, known_at
from backend.records.changing import change_entity_status, change_status, correct_entity_record, correct_record
from backend.records.entities import (
    Entity,
    NewEntity,
    code_of_alias,
    codes_of_aliases,
    ensure_entities,
    ensure_entity,
    entity,
    rename_entity,
)
from backend.records.filing import add_entity_record, add_entity_records, add_record, add_records
from backend.records.reading import (
    Version,
    entity_archive,
    entity_lineage_of,
    entity_record,
    entity_records_of,
    lineage_of,
    record,
    records_of,
    versions_of,
)
from backend.records.recalling import withdraw_batch_chunk
from backend.records.rules import NewRecord

__all__ = [
    "COLUMNS",
    "Entity",
    "Item",
    "NewEntity",
    "NewRecord",
    "Record",
    "Version",
    "add_entity_record",
    "add_entity_records",
    "add_record",
    "add_records",
    "archive_known_at",
    "change_entity_status",
    "change_status",
    "code_of_alias",
    "codes_of_aliases",
    "correct_entity_record",
    "correct_record",
    "ensure_entities",
    "ensure_entity",
    "entity",
    "entity_archive",
    "entity_archive_known_at",
    "entity_lineage_of",
    "entity_record",
    "entity_records_of",
    "items",
    "lineage_of",
    "record",
    "records_of",
    "records_table",
    "rename_entity",
    "versions_of",
    "withdraw_batch_chunk",
]


def records_table() -> Table:
    """The archive of natural persons, for statements that other rooms compile over it. Read it, never write it."""
    return models.records


def archive_known_at(at: str | ColumnElement[Any] = "known_at") -> FromClause:
    """The archive of natural persons as we knew it at an instant (a bind's name, or an expression), for statements of
    other rooms."""
    return known_at(PEOPLE, at)


def entity_archive_known_at(bind: str = "known_at") -> FromClause:
    """As archive_known_at, of legal entities."""
    return known_at(ENTITIES, bind)
