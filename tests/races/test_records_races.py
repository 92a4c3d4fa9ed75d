"""Two departments at once: one archive for each subject, one record for each document, no version lost."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from backend.accounts import service as accounts
from backend.kit import db
from backend.records import service
from backend.records.errors import EntityNameMismatch
from tests.factories import accounts as people
from tests.merchants.conftest import entity_code
from tests.races.barrier import at_once
from tests.records.test_service import honour, penalty

pytestmark = pytest.mark.usefixtures("city")

NAMES = ("演示公司", "演示（另一）公司")


def test_an_entity_that_two_names_claim_at_once_has_one_and_the_other_is_refused() -> None:
    code = entity_code()

    def file(number: int) -> Any:
        new = penalty(document_no=f"演示执{number}号")
        return lambda session: service.add_entity_record(session, code, NAMES[number % 2], new)

    results = at_once([file(number) for number in range(6)])
    refused = [result for result in results if isinstance(result, EntityNameMismatch)]
    assert Counter(map(type, results))[EntityNameMismatch] == len(refused) == 3, results
    with db.reading() as reader:
        assert service.entity(reader, code).name in NAMES


def test_a_person_whom_two_names_claim_at_once_is_one_person() -> None:
    number = people.id_number()
    rows = [[(name, number), ("测试甲子", people.id_number())] for name in ("测试甲子", "测试乙丑") * 3]
    results = at_once([lambda session, told=told: accounts.match_people(session, told) for told in rows])  # type: ignore[misc]
    matches = [result[0] for result in results]
    assert len({match.resident_id for match in matches if match.resident_id}) == 1
    assert Counter(match.verdict == "mismatch" for match in matches) == {True: 3, False: 3}


def test_what_is_corrected_while_its_batch_is_taken_back_loses_no_version() -> None:
    batch_id = uuid4()
    with db.transaction() as session:
        who = [people.resident(session).resident_id for _ in range(4)]
        filed = {one: service.add_record(session, one, honour(), batch_id=batch_id) for one in who}

    def correct(resident_id: Any) -> Any:
        new = honour(title="诚信标兵")
        return lambda session: service.correct_record(
            session, resident_id, filed[resident_id], new, by=None, reason="笔误"
        )

    def take_back(session: Any) -> int:
        return service.withdraw_batch_chunk(session, batch_id, None, "批次撤回", 10)

    results = at_once([*(correct(one) for one in who), take_back, take_back])
    unexpected = [r for r in results if isinstance(r, Exception) and type(r).__name__ != "StatusNotPossible"]
    assert unexpected == []
    for one in who:
        with db.reading() as reader:
            lineage = service.lineage_of(reader, one, filed[one])
        assert [version.record.version for version in lineage] == list(range(1, len(lineage) + 1))
        last = lineage[-1].record
        assert (last.status, last.title) in {("active", "诚信标兵"), ("withdrawn", "诚信之星")}
