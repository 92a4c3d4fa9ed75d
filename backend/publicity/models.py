"""By which pairs of characters a legal entity's name is found: made from the archives' names, thrown away at will."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import String, Table
from sqlalchemy.orm import Mapped, mapped_column

from backend.kit.db import Base, distributed


class EntityNameRow(Base):
    """The name that is looked through now. ``named_at``: when the archive was given it; ``rules_mark``: by which rules
    it was taken apart."""

    __tablename__ = "entity_names"
    __table_args__ = (distributed("entity_code"),)

    entity_code: Mapped[str] = mapped_column(String(18), primary_key=True)
    folded: Mapped[str] = mapped_column(String(400))
    named_at: Mapped[datetime]
    rules_mark: Mapped[str] = mapped_column(String(16))


class EntityNameGramRow(Base):
    __tablename__ = "entity_name_grams"
    __table_args__ = (distributed("entity_code"),)

    gram: Mapped[str] = mapped_column(String(2), primary_key=True)
    entity_code: Mapped[str] = mapped_column(String(18), primary_key=True)


entity_names = cast(Table, EntityNameRow.__table__)
entity_name_grams = cast(Table, EntityNameGramRow.__table__)
