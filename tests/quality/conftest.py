"""Departments that report through the batches' own service, on days that a test chooses, into a database of its own."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import update
from stdnum.cn import uscc

from backend.batches import pushing, quarantine, service
from backend.batches.models import batches
from backend.kit import clock, db
from backend.kit.ids import new_id
from tests.conftest import SERVER_URL
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.support.databases import bound_to_own

TAX, MARKET, FARMS = "区税务局", "区市场监督管理局", "区农业农村局"
GRADE, ABNORMAL, HONOUR, FARM = "LE-TAX-01", "LE-ABN-01", "LE-HON-01", "LE-AGR-01"
EXTRA = {
    GRADE: {"评价年度": "2025", "级别": "A"}, ABNORMAL: {"listing_reason": "未按期公示年度报告"},
    HONOUR: {"honour_name": "守合同重信用企业"}, FARM: {"entity_type": "家庭农场"},
}  # fmt: skip
_numbers = itertools.count(1)


def at(text: str) -> datetime:
    """An instant in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=clock.SHANGHAI)


def row(item: str, decided_on: str, **changed: str | None) -> dict[str, Any]:
    """A good row about an entity that nobody has heard of."""
    number = next(_numbers)
    stem = f"92320115MA{number:07d}"
    told = {
        "主体名称": f"测试第{number}号经营部", "统一社会信用代码": stem + uscc.calc_check_digit(stem),
        "document_no": f"测〔2026〕{number}号", "decided_on": decided_on, "authority": "测试机关", **EXTRA[item],
    }  # fmt: skip
    return {**told, **changed}


class Reporting:
    """Departments and their officers."""

    def __init__(self) -> None:
        self.ids: dict[str, UUID] = {}
        with db.transaction() as session:
            for name in (TAX, MARKET, FARMS):
                self.ids[name] = people.organisation(session, "department", name)
            self.officers = {name: people.staff(session, "data-officer", one) for name, one in self.ids.items()}
            self.office = people.staff(session, "office")

    def push(self, department: str, item: str, rows: list[dict[str, Any]], when: str, mode: str = "report") -> UUID:
        """Report rows as JSON at an instant; the batch."""
        raw = json.dumps(rows).encode()
        new = service.NewBatch(new_id(), item, mode, "json", "", len(raw), hashlib.sha256(raw).digest())
        with clock.at(at(when)), db.transaction() as session:
            operation = shops.act(self.officers[department].staff_id)
            made = pushing.push(session, operation, self._sender(department), new, rows, raw)
            session.execute(update(batches).where(batches.c.id == made).values(received_at=at(when)))  # to the tick
            return made

    def withdraw(self, department: str, batch_id: UUID) -> None:
        sender = self._sender(department)
        with db.transaction() as session:
            service.withdraw(
                session, shops.act(sender.account_id), {sender.organisation_id}, batch_id, sender, "填错了单位"
            )

    def release(self, batch_id: UUID, row_number: int) -> None:
        """Let the office file a quarantined row after all."""
        by = service.Sender(self.office.staff_id, "office", self.office.organisation_id)
        with db.transaction() as session:
            act = shops.act(by.account_id)
            quarantine.decide(session, act, batch_id, row_number, "accept", "已更名", by)

    def _sender(self, department: str) -> service.Sender:
        officer = self.officers[department]
        return service.Sender(officer.staff_id, "data-officer", officer.organisation_id)

    def batches(self) -> list[Any]:
        """Every batch as the office sees it."""
        with db.reading() as reader:
            return list(service.list_batches(reader, None, {}, 100, None))


@pytest.fixture(scope="module")
def own(app: Flask, city: dict[str, dict[str, Any]]) -> Iterator[db.Database]:
    """An empty database with the city, bound while the module runs; the run's own has its city first."""
    with bound_to_own("postgresql" if SERVER_URL else "sqlite", city) as mine:
        yield mine


@pytest.fixture(scope="module")
def reporting(own: db.Database) -> Reporting:
    return Reporting()
