"""Legal entities: one archive per code, older codes lead to it, and no name is merged into another's archive."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from backend.kit.errors import NotFound
from backend.records import entities, rules, service
from backend.records.entities import NewEntity
from backend.records.errors import EntityNameMismatch, RecordRefused
from tests.records.test_service import CODE, penalty

OTHER = "91110108551385082Q"
NAME = "演示（南京）有限公司"

pytestmark = pytest.mark.usefixtures("city")


def test_an_entity_is_made_once_and_its_name_is_not_merged(session: Session) -> None:
    assert entities.ensure_entity(session, CODE.lower(), NAME) == "made"
    assert entities.ensure_entity(session, CODE, " 演示(南京) 有限公司") == "known"
    assert entities.ensure_entity(session, CODE, "演示（北京）有限公司") == "mismatch"
    assert entities.entity(session, CODE).name == NAME
    assert service.code_of_alias(session, "organisation_code", "60003734-1") == CODE
    with pytest.raises(RecordRefused):
        entities.ensure_entity(session, CODE, " ")


def test_older_codes_lead_to_one_entity(session: Session) -> None:
    old = (("registration_no", "110000000000001"), ("tax_no", "11010 5000000001"))
    assert entities.ensure_entity(session, CODE, NAME, old) == "made"
    assert entities.code_of_alias(session, "tax_no", "110105000000001") == CODE
    assert entities.ensure_entity(session, OTHER, "演示另一家", old[:1]) == "mismatch"
    with pytest.raises(NotFound):
        entities.entity(session, OTHER)
    assert entities.ensure_entity(session, OTHER, "演示另一家", (("tax_no", "110105000000002"),)) == "made"


def test_a_chunk_is_judged_in_its_order(session: Session) -> None:
    told = [
        NewEntity(CODE, NAME), NewEntity(CODE, NAME, (("tax_no", "X1"),)), NewEntity(CODE, "演示另一名"),
        NewEntity(OTHER, "演示另一家", (("tax_no", "X1"),)), NewEntity(OTHER, "演示另一家"),
    ]  # fmt: skip
    assert entities.ensure_entities(session, told) == ["made", "made", "mismatch", "mismatch", "made"]
    assert entities.ensure_entities(session, told) == ["known", "known", "mismatch", "mismatch", "known"]


def test_a_record_under_another_name_is_refused_until_the_entity_is_renamed(session: Session) -> None:
    service.add_entity_record(session, CODE, "演示公司", penalty())
    with pytest.raises(EntityNameMismatch):
        service.add_entity_record(session, CODE, "演示新公司", penalty(document_no="演示执2号"))
    with pytest.raises(EntityNameMismatch):
        service.add_entity_records(session, [(CODE, "演示新公司", penalty(document_no="演示执2号"))])
    before = service.entity(session, CODE)
    after = service.rename_entity(session, CODE, "演示新公司", None, "登记机关准予变更名称")
    assert after.name == "演示新公司" and after.known_from == before.known_from
    service.add_entity_record(session, CODE, "演示新公司", penalty(document_no="演示执2号"))


def test_a_party_that_is_not_the_entity_is_refused(session: Session) -> None:
    fields = {"party_name": "演示公司", "party_code_1": OTHER}
    assert len(rules.party_problems(CODE, "演示另一家", fields)) == 2
    assert rules.party_problems(OTHER, "演示 公司", fields) == []
