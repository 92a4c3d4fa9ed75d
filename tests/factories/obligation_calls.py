"""The good calls of the routes about what residents owe after a perk."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.obligations import service as obligations
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.obligations import conftest as owing


class ObligationCalls:
    """A part of ``World``: each method makes what the call of its name needs, of the resident, at the shop's venue."""

    resident: people.Resident
    shop: shops.Shop

    def new_obligation(self, session: Session, *, charged: bool = False, disputed: bool = False) -> owing.Owed:
        one = owing.owed(
            session, who=self.resident.resident_id, partner_id=self.shop.partner_id, venue_id=self.shop.venue_id
        )
        if charged or disputed:
            owing.charge(session, one)
        if disputed:
            owing.dispute(session, one)
        return one

    def _list_my_obligations(self, session: Session) -> dict[str, Any]:
        return {}

    def _read_my_obligation(self, session: Session) -> dict[str, Any]:
        return self._about(self.new_obligation(session).id)

    def _dispute_obligation(self, session: Session) -> dict[str, Any]:
        made = self.new_obligation(session, charged=True)
        return {**self._about(made.id), "body": {"text": "演示异议：金额不对"}}

    def _read_partner_obligation(self, session: Session) -> dict[str, Any]:
        return self._about(self.new_obligation(session).id)

    def _charge_obligation(self, session: Session) -> dict[str, Any]:
        made = self.new_obligation(session)
        return {**self._about(made.id), "body": {"amount_fen": 500, "reason": "演示事由"}}

    def _report_payment(self, session: Session) -> dict[str, Any]:
        made = self.new_obligation(session, charged=True)
        charged = obligations.my_obligation(session, made.resident_id, made.id).charged_at
        assert charged is not None
        return {**self._about(made.id), "body": {"paid_at": charged.isoformat()}}

    _release_obligation = _read_partner_obligation
    _withdraw_obligation = _read_partner_obligation

    def _show_obligation_dispute(self, session: Session) -> dict[str, Any]:
        return self._about(self.new_obligation(session, disputed=True).id)

    def _decide_obligation_dispute(self, session: Session) -> dict[str, Any]:
        made = self.new_obligation(session, disputed=True)
        return {**self._about(made.id), "body": {"decision": "upheld", "reason": "演示理由"}}

    @staticmethod
    def _about(obligation_id: UUID) -> dict[str, Any]:
        return {"params": {"obligation_id": obligation_id}}
