"""The good calls of the routes about a partner's months."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.orm import Session

from backend.admissions.models import Admission
from backend.kit import clock
from backend.settlement import preparing, rules, service
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.factories.perks import Shop


class SettlementCalls:
    """A part of ``World``: each method makes what the call of its name needs."""

    resident: people.Resident
    staff: dict[str, people.Staff]
    shop: Shop
    coupon_id: UUID
    months = 0

    def settler(self, label: str = "partner-manager") -> people.Staff:
        """A partner's manager."""
        return self.staff[label]

    def settling(self, label: str = "partner-manager") -> service.Actor:
        who = self.settler(label)
        return service.Actor(who.staff_id, "partner-manager", frozenset({who.organisation_id}))

    def another_month(self) -> date:
        """A month that is over and that no other call has."""
        self.months += 1
        month = rules.month_before(rules.month_before(clock.today()))
        for _ in range(self.months):
            month = rules.month_before(month)
        return month

    def new_statement(self, session: Session, label: str = "partner-manager") -> UUID:
        """A month of one line, proposed."""
        month, partner_id = self.another_month(), self.settler(label).organisation_id
        at = clock.start_of_day(month) + timedelta(days=3)
        session.execute(
            insert(Admission).values(
                resident_id=self.resident.resident_id, id=uuid4(), coupon_id=self.coupon_id, use_no=None,
                standing="accepted", conflict_reason="already-used", offer_id=self.shop.offer_id, partner_id=partner_id,
                venue_id=self.shop.venue_id, device_id=self.shop.door.device_id, source="offline", settled_points=0,
                settle_transfer_id=None, settlement_fen=900, funding_account="", happened_at=at, recorded_at=at,
                decided_at=at,
            )
        )  # fmt: skip
        key = preparing.begin(session, partner_id, month)
        preparing.write_stretch(session, key)
        return key

    def new_dispute(self, session: Session, label: str = "partner-manager") -> tuple[UUID, UUID]:
        key = self.new_statement(session, label)
        return key, service.dispute(session, key, 1, 950, "测试异议", self.settling(label), shops.act(uuid4()))

    def _list_settlements(self, session: Session) -> dict[str, Any]:
        self.new_statement(session)
        return {"who": "partner-manager"}

    def _read_running_month(self, _: Session) -> dict[str, Any]:
        return {"who": "partner-manager"}

    def _prepare_settlement(self, _: Session) -> dict[str, Any]:
        month = f"{self.another_month():%Y-%m}"
        return {"who": "office", "body": {"partner_id": str(self.settler().organisation_id), "month": month}}

    def _read_settlement(self, session: Session) -> dict[str, Any]:
        return {"who": "partner-manager", "params": {"statement_id": self.new_statement(session)}}

    _list_settlement_lines = _read_settlement
    _download_settlement_xlsx = _read_settlement
    _download_settlement_pdf = _read_settlement
    _list_settlement_disputes = _read_settlement
    _agree_settlement = _read_settlement

    def _dispute_settlement_line(self, session: Session) -> dict[str, Any]:
        body = {"line": 1, "wanted_fen": 950, "text": "测试异议"}
        return {"who": "partner-manager", "params": {"statement_id": self.new_statement(session)}, "body": body}

    def _decide_settlement_dispute(self, session: Session) -> dict[str, Any]:
        statement_id, dispute_id = self.new_dispute(session)
        body = {"outcome": "upheld", "due_fen": 950, "reason": "测试决定"}
        return {"who": "office", "params": {"statement_id": statement_id, "dispute_id": dispute_id}, "body": body}

    def _close_settlement(self, session: Session) -> dict[str, Any]:
        key = self.new_statement(session)
        service.agree(session, key, self.settling(), shops.act(uuid4()))
        return {"who": "office", "params": {"statement_id": key}}
