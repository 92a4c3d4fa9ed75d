"""The good calls of the routes about what residents and merchants declare."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from backend.declarations import service as declarations
from tests.declarations import conftest as declaring
from tests.factories import accounts as people


class DeclarationCalls:
    """A part of ``World``: each method makes what the call of its name needs."""

    resident: people.Resident
    staff: dict[str, people.Staff]
    declaration: declarations.View

    @property
    def declarer(self) -> declarations.Declarer:
        return declarations.resident(self.resident.resident_id)

    def merchant(self, session: Session) -> declarations.Declarer:
        """The partner's manager, who declares for the partner."""
        by = self.staff["partner-manager"]
        return declarations.merchant(session, by.staff_id, {by.organisation_id})

    def new_declaration(self, session: Session) -> UUID:
        """Another one of the resident's, of an item whose source the data officer's department is."""
        declaring.make_room(session, self.declarer, self.declaration.id)
        return declaring.declared(session, self.declarer, "NP-SEL-01", document_no=f"演示{uuid4().hex}").id

    def _declare(self, session: Session) -> dict[str, Any]:
        declaring.make_room(session, self.declarer, self.declaration.id)
        return {"body": declaring.body(session, self.declarer, "NP-SEL-01", document_no=f"演示{uuid4().hex}")}

    def _read_my_declaration(self, _: Session) -> dict[str, Any]:
        return {"params": {"declaration_id": self.declaration.id}}

    def _withdraw_declaration(self, session: Session) -> dict[str, Any]:
        return {"params": {"declaration_id": self.new_declaration(session)}}

    def _declare_for_entity(self, session: Session) -> dict[str, Any]:
        who = self.merchant(session)
        declaring.make_room(session, who)
        return {"body": declaring.body(session, who, "LE-SEL-01", document_no=f"演示{uuid4().hex}")}

    def _read_entity_declaration(self, session: Session) -> dict[str, Any]:
        who = self.merchant(session)
        declaring.make_room(session, who)
        made = declaring.declared(session, who, "LE-SEL-01", document_no=f"演示{uuid4().hex}")
        return {"params": {"declaration_id": made.id}}

    _withdraw_entity_declaration = _read_entity_declaration

    def _list_declaration_queue(self, _: Session) -> dict[str, Any]:
        return {"who": "data-officer", "secrets": ()}

    def _show_declaration(self, _: Session) -> dict[str, Any]:
        return {"who": "data-officer", "params": {"declaration_id": self.declaration.id}, "secrets": ()}

    def _show_declaration_photo(self, _: Session) -> dict[str, Any]:
        params = {"declaration_id": self.declaration.id, "file_id": self.declaration.photo_ids[0]}
        return {"who": "data-officer", "params": params, "secrets": ()}

    def _decide_declaration(self, session: Session) -> dict[str, Any]:
        body = {"decision": "reject", "reason": "测试不通过"}
        return {"who": "data-officer", "params": {"declaration_id": self.new_declaration(session)}, "body": body}
