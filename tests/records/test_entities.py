"""Legal entities: one archive per code, older codes lead to it, and no name is merged into another's archive."""

from __future__ import annotations

import polars as pl
import pytest
from sqlalchemy.orm import Session

from backend.intake.older_codes import ALIASES
from backend.kit.errors import NotFound
from backend.records import entities, naming, rules, service
from backend.records.entities import NewEntity
from backend.records.errors import EntityNameMismatch, RecordRefused
from tests.merchants.conftest import entity_code
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


SEQUENCES = {
    "known": [(CODE, "演示错名", "X1"), (OTHER, "演示另一家", "X1")],
    "new": [("{new}", "演示甲", ""), ("{new}", "演示乙", "X2"), (OTHER, "演示另一家", "X2")],
    "claimed": [(OTHER, "演示另一家", "X3"), (CODE, NAME, "X3")],
    "agreed": [(OTHER, "演示另一家", "X4"), (OTHER, "演示 另一家", "X4"), (OTHER, "演示他家", "X4")],
}


@pytest.mark.parametrize("kind", SEQUENCES)
def test_who_is_wrong_himself_says_nothing_about_an_older_code(session: Session, kind: str) -> None:
    """Rows of a file are told apart as single rows are, with two entities known before."""
    new = entity_code()
    rows = [(code.format(new=new), name, alias) for code, name, alias in SEQUENCES[kind]]
    entities.ensure_entities(session, [NewEntity(CODE, NAME), NewEntity(OTHER, "演示另一家")])
    with session.begin_nested() as attempt:
        news = [NewEntity(code, name, (("tax_no", alias),) if alias else ()) for code, name, alias in rows]
        one_by_one = [n for n, verdict in enumerate(entities.ensure_entities(session, news)) if verdict == "mismatch"]
        attempt.rollback()
    frame = pl.DataFrame(
        [(n, code, name) for n, (code, name, _) in enumerate(rows)],
        schema={"row": pl.UInt32, "code": pl.String, "name": pl.String}, orient="row",
    )  # fmt: skip
    told = [(n, "tax_no", alias) for n, (_, _, alias) in enumerate(rows) if alias]
    aliases = pl.DataFrame(told, schema=ALIASES, orient="row")
    together = naming.name_entities(session, frame, aliases, None).mismatched.sort().to_list()
    assert together == one_by_one and len(together) == 1


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
