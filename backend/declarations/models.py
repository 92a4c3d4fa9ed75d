"""Tables of declarations.

A person's are kept resident first and say nothing without her key; a legal entity's are kept by its unified social
credit code. The queue is kept by the item's code, as departments find their work, and only names whose it is.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import cast
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Table, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed

_STATUS = "status IN ('pending', 'confirmed', 'rejected', 'withdrawn', 'revoked')"


class _Declared:
    """``policy_version``: of the catalogue under which it was made, where the pledge's text stands too.

    ``decided_…``: the confirmation or the rejection; ``ended_…``: the withdrawal or the revocation. ``record_id``:
    what it became. ``pledge_version``: the very text that was accepted.
    """

    item_code: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(10))
    policy_version: Mapped[str] = mapped_column(String(40))
    pledge_version: Mapped[str] = mapped_column(String(40))
    declared_at: Mapped[datetime]
    due_on: Mapped[date]
    record_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    decided_for: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]


class DeclarationRow(_Declared, Base):
    """A person's. What she wrote and what was answered is sealed with her key."""

    __tablename__ = "declarations"
    __table_args__ = (
        CheckConstraint(_STATUS, name="status_known"),
        Index("ix_declarations_resident_declared", "resident_id", "declared_at"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    content_sealed: Mapped[str | None] = mapped_column(Text)
    reason_sealed: Mapped[str | None] = mapped_column(Text)
    end_reason_sealed: Mapped[str | None] = mapped_column(Text)


class PictureRow(Base):
    """A picture of hers belongs to one declaration, so that it goes with it."""

    __tablename__ = "declaration_pictures"
    __table_args__ = (
        ForeignKeyConstraint(["resident_id", "declaration_id"], ["declarations.resident_id", "declarations.id"]),
        Index("ix_declaration_pictures_declaration", "resident_id", "declaration_id"),
        distributed(),
    )

    resident_id: Mapped[UUID] = mapped_column(primary_key=True)
    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    declaration_id: Mapped[UUID]
    position: Mapped[int]


class EntityDeclarationRow(_Declared, Base):
    """A legal entity's, made by a member of its staff (``declared_by``) for an organisation."""

    __tablename__ = "entity_declarations"
    __table_args__ = (
        CheckConstraint(_STATUS, name="status_known"),
        Index("ix_entity_declarations_declared", "entity_code", "declared_at"),
        distributed("entity_code"),
    )

    entity_code: Mapped[str] = mapped_column(String(18), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity_name: Mapped[str] = mapped_column(String(200))
    organisation_id: Mapped[UUID]
    declared_by: Mapped[UUID]
    content: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    end_reason: Mapped[str | None] = mapped_column(Text)


class EntityPictureRow(Base):
    """``owner_id``: the account that uploaded it."""

    __tablename__ = "entity_declaration_pictures"
    __table_args__ = (
        ForeignKeyConstraint(
            ["entity_code", "declaration_id"], ["entity_declarations.entity_code", "entity_declarations.id"]
        ),
        Index("ix_entity_declaration_pictures_declaration", "entity_code", "declaration_id"),
        distributed("entity_code"),
    )

    entity_code: Mapped[str] = mapped_column(String(18), primary_key=True)
    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    declaration_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    position: Mapped[int]


class QueueRow(Base):
    """Where those who verify find what awaits them, and afterwards whose it was: ``resident_id`` or ``entity_code``.

    ``closed_at``: of the last word. ``emptied_at``: since when nothing is left of what was declared.
    """

    __tablename__ = "declaration_queue"
    __table_args__ = (
        CheckConstraint("(resident_id IS NULL) <> (entity_code IS NULL)", name="one_declarer"),
        Index(
            "ix_declaration_queue_open",
            "due_on",
            "declaration_id",
            postgresql_where=text("closed_at IS NULL"),
            sqlite_where=text("closed_at IS NULL"),
        ),
        Index(
            "ix_declaration_queue_closed",
            "closed_at",
            postgresql_where=text("emptied_at IS NULL"),
            sqlite_where=text("emptied_at IS NULL"),
        ),
        Index("ix_declaration_queue_declaration", "declaration_id"),
        Index("ix_declaration_queue_resident", "resident_id"),
        distributed("item_code"),
    )

    item_code: Mapped[str] = mapped_column(String(40), primary_key=True)
    declaration_id: Mapped[UUID] = mapped_column(primary_key=True)
    resident_id: Mapped[UUID | None]
    entity_code: Mapped[str | None] = mapped_column(String(18))
    declared_at: Mapped[datetime]
    due_on: Mapped[date]
    closed_at: Mapped[datetime | None]
    emptied_at: Mapped[datetime | None]


declarations = cast(Table, DeclarationRow.__table__)
pictures = cast(Table, PictureRow.__table__)
entity_declarations = cast(Table, EntityDeclarationRow.__table__)
entity_pictures = cast(Table, EntityPictureRow.__table__)
queue = cast(Table, QueueRow.__table__)
