"""Synthetic credit records for synthetic people and shops; each says 演示."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from backend.records.service import NewRecord

FAVOURABLE = (
    ("NP-PRO-01", 46), ("NP-QUA-01", 16), ("NP-HON-01", 5), ("NP-HON-02", 1), ("NP-HON-04", 6), ("NP-QUA-03", 4),
    ("NP-QUA-04", 4), ("NP-QUA-05", 6),
)  # fmt: skip
NEUTRAL = (("NP-LIC-01", 22), ("NP-QUA-02", 14), ("NP-QUA-07", 6))
ADVERSE = (("NP-PEN-02", 2), ("NP-PRO-02", 3), ("NP-JUD-01", 1))
RECORDS_EACH = 10


def person_records(
    rng: random.Random, items: Mapping[str, Any], people: list[UUID], today: date
) -> Iterator[tuple[UUID, NewRecord]]:
    """About ten records a person: mostly licences and kept promises, an adverse one for roughly one in twelve."""
    ordinary = FAVOURABLE + NEUTRAL
    for index, resident_id in enumerate(people):
        for number in range(RECORDS_EACH):
            adverse = number == 0 and rng.random() < 0.08
            code = _pick(rng, ADVERSE if adverse else ordinary)
            yield resident_id, record(rng, items[code], f"{index + 1:05d}-{number + 1:02d}", today)


def _pick(rng: random.Random, weighted: tuple[tuple[str, int], ...]) -> str:
    return rng.choices([code for code, _ in weighted], [weight for _, weight in weighted])[0]


def record(rng: random.Random, item: Mapping[str, Any], serial: str, today: date) -> NewRecord:
    """One record of a catalogue item, within the last three years, with its required columns filled."""
    decided_on = today - timedelta(days=rng.randrange(5, 1080))
    told = {"decided_on", "document_no", "document_name"}
    wanted = [f for f in item["fields"] if f["required"] and f["name"] not in told]
    return NewRecord(
        item_code=item["code"],
        source_name=item["source_departments"][0],
        document_no=f"演示〔{decided_on.year}〕{item['code']}-{serial}号",
        title=f"演示：{item['title'].partition('（')[0]}",
        decided_on=decided_on,
        fields={f["name"]: _value(f, item, decided_on) for f in wanted},
    )


def _value(field: Mapping[str, Any], item: Mapping[str, Any], decided_on: date) -> Any:
    if field["name"] == "authority":
        return item["source_departments"][0]
    if field["type"] == "date":
        return decided_on.isoformat()
    if field["type"] == "integer":
        return decided_on.year
    if field["type"] == "decimal":
        return "0.1"
    return field["values"][0] if "values" in field else "演示"


def penalty(
    rng: random.Random,
    items: Mapping[str, Any],
    name: str,
    code: str,
    department: tuple[str, str],
    serial: int,
    today: date,
) -> NewRecord:
    """A published penalty of a synthetic shop, some still within its publicity and some past it."""
    item = items["LE-PEN-01"]
    decided_on = today - timedelta(days=rng.choice((40, 90, 150, 420, 800)))
    authority, authority_code = department
    known = {
        "party_name": name, "party_kind": "个体工商户", "party_code_1": code, "violation_type": "演示：未明码标价",
        "violation_facts": "演示：部分商品未标明价格。", "penalty_basis": "《价格法》第四十二条",
        "penalty_category": "警告",
        "penalty_content": "演示：警告，责令改正。", "authority": authority, "authority_code": authority_code,
        "data_source": authority, "data_source_code": authority_code, "severity": rng.choice(("minor", "general")),
    }  # fmt: skip
    return NewRecord(
        item_code=item["code"],
        source_name=authority,
        document_no=f"演示罚字〔{decided_on.year}〕{serial:04d}号",
        title="演示：未明码标价",
        decided_on=decided_on,
        fields=known,
    )


LICENCE_DAYS = 1825


def licence(
    name: str, code: str, number: str, valid_until_on: date, department: tuple[str, str], today: date
) -> NewRecord:
    """The licence by which a synthetic shop trades, as its badge tells it."""
    decided_on = valid_until_on - timedelta(days=LICENCE_DAYS)
    authority, authority_code = department
    known = {
        "party_name": name, "party_kind": "个体工商户", "party_code_1": code,
        "document_name": "演示：准予行政许可决定书", "licence_category": "登记", "certificate_name": "演示：经营许可证",
        "licence_no": number, "licence_content": "演示：在登记的场所经营。", "valid_from_on": decided_on.isoformat(),
        "valid_until_on": valid_until_on.isoformat(), "authority": authority, "authority_code": authority_code,
        "current_status": "有效" if valid_until_on >= today else "无效", "data_source": authority,
        "data_source_code": authority_code,
    }  # fmt: skip
    return NewRecord(
        item_code="LE-LIC-01",
        source_name=authority,
        document_no=f"演示许字〔{decided_on.year}〕{number.removeprefix('演示')}号",
        title="演示：经营许可",
        decided_on=decided_on,
        fields=known,
    )
