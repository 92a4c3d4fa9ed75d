"""Merchants for the tests: reserved codes that are nobody's."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from backend.kit import clock
from backend.merchants import service
from backend.merchants.service import NewMerchant, Registered
from backend.records import service as records
from backend.records.rules import NewRecord, normal_entity_code

_serial = itertools.count(1)
AUTHORITY = "11320115DEM090000D"
"""A reserved code that is nobody's, valid by GB 32100."""


def entity_code() -> str:
    """A valid unified social credit code (GB 32100) of the reserved kind."""
    stem = f"92320115TDM{next(_serial):05}0"
    for check in "0123456789ABCDEFGHJKLMNPQRTUWXY":
        if normal_entity_code(stem + check):
            return stem + check
    raise AssertionError(stem)


def new_merchant(**changes: Any) -> NewMerchant:
    told: dict[str, Any] = dict(
        unified_social_credit_code=entity_code(), name="演示青禾面馆（演示商户）",
        address="江宁区东山街道演示路1号（演示）", district_id="dongshan", trade_id="catering",
        legal_representative="测试甲子", licence_no="JY23201150000001",
        licence_valid_until_on=clock.today() + timedelta(days=30), lat=31.95, lon=118.84, pledged=True,
    )  # fmt: skip
    return NewMerchant(**{**told, **changes})


def registered(session: Session, **changes: Any) -> Registered:
    return service.register(session, new_merchant(**changes))


def punish(session: Session, entity: str, severity: str | None = "general", decided_on: date | None = None) -> Any:
    """A penalty of the double publicity."""
    fields = {
        "party_name": "演示青禾面馆", "party_kind": "个体工商户", "party_code_1": entity, "violation_type": "价格违法",
        "violation_facts": "演示事实", "penalty_basis": "《价格法》", "penalty_category": "罚款",
        "penalty_content": "罚款五百元", "authority": "区市场监督管理局", "authority_code": AUTHORITY,
        "data_source": "区市场监督管理局", "data_source_code": AUTHORITY,
    }  # fmt: skip
    if severity:
        fields["severity"] = severity
    new = NewRecord(
        item_code="LE-PEN-01", source_name="区市场监督管理局", document_no=f"演示罚〔2026〕{next(_serial)}号",
        title="行政处罚决定", decided_on=decided_on or clock.today(), fields=fields,
    )  # fmt: skip
    return records.add_entity_record(session, entity, "演示青禾面馆", new)
