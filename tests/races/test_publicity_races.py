"""Workers take the same names apart at once: none fails, and each name has its own pairs and no others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.publicity import names, rules
from backend.publicity.models import entity_name_grams
from backend.records import entities
from tests.publicity.conftest import entity_code, index
from tests.races.barrier import at_once

NAMES = 60


@pytest.fixture(autouse=True)
def _bound(database: db.Database, city: dict[str, Any]) -> None:
    """The races commit for real, on the run's own database."""


def taking(limit: int, times: int) -> Callable[[Session], None]:
    """Several chunks of some size within one transaction, so that two of them surely meet in the middle."""

    def act(session: Session) -> None:
        after: str | None = ""
        for _ in range(times):
            after = names.index_names(session, after or "", limit)

    return act


def test_workers_that_take_the_same_names_apart_at_once_leave_each_name_its_own_pairs() -> None:
    codes = [entity_code() for _ in range(NAMES)]
    with db.transaction() as session:
        for code in codes:
            entities.ensure_entity(session, code, f"竞号{code[11:16]}旧名商店")
        index(session)
    with clock.shifted(timedelta(seconds=5)), db.transaction() as session:
        for code in codes:
            entities.rename_entity(session, code, f"竞号{code[11:16]}新名商店", None, "更名")
    assert at_once([taking(7, 10), taking(11, 7), taking(NAMES, 1), taking(5, 12)]) == [None] * 4
    with db.transaction() as session:
        index(session)
        rows = session.execute(select(entity_name_grams).where(entity_name_grams.c.entity_code.in_(codes))).all()
    kept = {code: {row.gram for row in rows if row.entity_code == code} for code in codes}
    assert kept == {code: set(rules.pairs(f"竞号{code[11:16]}新名商店")) for code in codes}
