"""The good calls of the catalogue and of the archives."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from backend.kit import clock
from backend.records import service as records
from backend.records.service import NewRecord
from tests.factories import accounts as people
from tests.merchants.conftest import entity_code

SOURCE = "区发展和改革委员会"
"""The data officer's department, as the catalogue calls it: the source of what these calls are about."""
ENTITY_NAME = "演示示范企业（演示主体）"
CONTENT = {
    "NP-HON-01": {"honour_name": "诚信之星", "honour_level": "区级"}, "LE-HON-02": {"honour_level": "区级"},
}  # fmt: skip


def honour(item_code: str) -> NewRecord:
    return NewRecord(
        item_code=item_code, source_name=SOURCE, document_no=f"演示{uuid4().hex}", title="演示表彰",
        decided_on=clock.today(), fields=CONTENT[item_code],
    )  # fmt: skip


def correction(item_code: str) -> dict[str, Any]:
    return {
        "document_no": f"演示{uuid4().hex}", "title": "演示表彰（更正）", "decided_on": clock.today().isoformat(),
        "fields": CONTENT[item_code], "reason": "文书号有误",
    }  # fmt: skip


class RecordCalls:
    """A part of ``World``: each method makes what the call of its name needs."""

    resident: people.Resident
    record_id: UUID

    def new_record(self, session: Session) -> UUID:
        """Another one of the resident's, reported by the data officer's department."""
        return records.add_record(session, self.resident.resident_id, honour("NP-HON-01"))

    def _entity_record(self, session: Session) -> dict[str, Any]:
        code = entity_code()
        record_id = records.add_entity_record(session, code, ENTITY_NAME, honour("LE-HON-02"))
        return {"who": "data-officer", "params": {"entity_code": code, "record_id": record_id}}

    def _list_my_record_versions(self, _: Session) -> dict[str, Any]:
        return {"params": {"record_id": self.record_id}}

    def _read_item(self, _: Session) -> dict[str, Any]:
        return {"params": {"code": "LE-PEN-01"}}

    def _list_items(self, _: Session) -> dict[str, Any]:
        return {"query": {"subject": "legal_entity", "source_department": SOURCE}}

    _list_entity_record_versions = _entity_record

    def _read_entity_archive(self, session: Session) -> dict[str, Any]:
        told = self._entity_record(session)
        return {**told, "params": {"entity_code": told["params"]["entity_code"]}}

    def _correct_entity_record(self, session: Session) -> dict[str, Any]:
        return {**self._entity_record(session), "body": correction("LE-HON-02")}

    def _withdraw_entity_record(self, session: Session) -> dict[str, Any]:
        return {**self._entity_record(session), "body": {"reason": "报错了主体"}}

    def _rename_entity(self, session: Session) -> dict[str, Any]:
        code = entity_code()
        records.ensure_entity(session, code, ENTITY_NAME)
        body = {"name": "演示新名称企业（演示主体）", "reason": "登记机关准予变更名称"}
        return {"params": {"entity_code": code}, "body": body}

    def _person_record(self, session: Session) -> dict[str, Any]:
        params = {"resident_id": self.resident.resident_id, "record_id": self.new_record(session)}
        return {"params": params, "secrets": ()}

    def _correct_person_record(self, session: Session) -> dict[str, Any]:
        return {**self._person_record(session), "body": correction("NP-HON-01")}

    def _withdraw_person_record(self, session: Session) -> dict[str, Any]:
        return {**self._person_record(session), "body": {"reason": "报错了人"}}
