"""Legal entities of the tests, with codes that are nobody's and records that are shown."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.publicity import names
from backend.records import service as records
from backend.records.rules import NewRecord, normal_entity_code

DEPARTMENT = "区市场监督管理局"
_serial = itertools.count(1)


def entity_code() -> str:
    """A valid unified social credit code of the reserved kind."""
    stem = f"91320115TPB{next(_serial):05}0"
    return next(stem + check for check in "0123456789ABCDEFGHJKLMNPQRTUWXY" if normal_entity_code(stem + check))


def department_code() -> str:
    stem = "11320115MB0000001"
    return next(stem + check for check in "0123456789ABCDEFGHJKLMNPQRTUWXY" if normal_entity_code(stem + check))


def _standard(code: str, name: str) -> dict[str, Any]:
    return {
        "party_name": name, "party_kind": "法人及非法人组织", "party_code_1": code, "legal_representative": "测试甲子",
        "legal_representative_id_type": "身份证", "legal_representative_id_number": "11010519491231002X",
        "authority": DEPARTMENT, "authority_code": department_code(), "data_source": DEPARTMENT,
        "data_source_code": department_code(),
    }  # fmt: skip


def licence(session: Session, code: str, name: str, **changes: Any) -> UUID:
    """A licence that is shown for ten years."""
    decided_on = changes.pop("decided_on", clock.today() - timedelta(days=30))
    fields = _standard(code, name) | {
        "document_name": "准予行政许可决定书", "licence_category": "登记", "certificate_name": "食品经营许可证",
        "licence_no": "JY0001", "licence_content": "热食类食品制售", "valid_from_on": decided_on.isoformat(),
        "valid_until_on": (decided_on + timedelta(days=1800)).isoformat(), "current_status": "有效",
    }  # fmt: skip
    return _filed(session, code, name, "LE-LIC-01", "食品经营许可", decided_on, fields, changes)


def penalty(session: Session, code: str, name: str, **changes: Any) -> UUID:
    """A penalty of the middle class: shown for a year from its decision, to be repaired after ninety days."""
    decided_on = changes.pop("decided_on", clock.today() - timedelta(days=30))
    fields = _standard(code, name) | {
        "violation_type": "价格违法", "violation_facts": "部分商品未标明价格。",
        "penalty_basis": "《价格法》第四十二条", "penalty_category": "罚款", "penalty_content": "罚款五百元",
        "fine_wanyuan": "0.05", "severity": "general",
    }  # fmt: skip
    return _filed(session, code, name, "LE-PEN-01", "未按规定明码标价", decided_on, fields, changes)


def _filed(
    session: Session, code: str, name: str, item: str, title: str, decided_on: date, fields: dict[str, Any],
    changes: dict[str, Any],
) -> UUID:  # fmt: skip
    number = changes.pop("document_no", f"宁测〔{decided_on.year}〕{next(_serial)}号")
    title = changes.pop("title", title)
    new = NewRecord(
        item_code=item, source_name=DEPARTMENT, document_no=number, title=title, decided_on=decided_on,
        fields={**fields, **changes},
    )  # fmt: skip
    return records.add_entity_record(session, code, name, new)


def index(session: Session) -> None:
    """Take apart whatever name waits."""
    after: str | None = ""
    while after is not None:
        after = names.index_names(session, after)


@pytest.fixture
def statements(database: db.Database) -> Iterator[Callable[[], list[str]]]:
    """What reads outside a transaction sent to the database since it was last asked."""
    sent: list[str] = []

    def note(*args: Any) -> None:
        sent.append(args[2])

    def take() -> list[str]:
        taken = list(sent)
        sent.clear()
        return taken

    event.listen(database.reading_engine, "before_cursor_execute", note)
    yield take
    event.remove(database.reading_engine, "before_cursor_execute", note)
