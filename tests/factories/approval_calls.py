"""The good calls of the routes about what takes a second person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from backend.approvals import service as approvals
from backend.approvals.service import Approval
from backend.kit import clock
from backend.ledger import service as ledger
from tests.factories import accounts as people
from tests.factories import perks as shops


class ApprovalCalls:
    """A part of ``World``: each method makes what the call of its name needs."""

    neighbour: people.Resident
    staff: dict[str, people.Staff]
    deadlines: Mapping[str, Any]

    def _new_adjustment(self, session: Session, whose: str = "office") -> Approval:
        """A proposal about the neighbour, by the office of that label."""
        subject = ("resident", str(self.neighbour.resident_id))
        payload = {"resident_id": subject[1], "organisation_id": str(self.staff[whose].organisation_id), "points": 3,
                   "title": "核对更正", "expires_on": None, "reason": "补记时长"}  # fmt: skip
        by = approvals.Actor(self.staff[whose].staff_id, "office")
        ledger.grant_budget(session, self.staff[whose].organisation_id, clock.today(), 10, None)
        return approvals.propose(session, shops.act(by.account_id), "points.adjust", by, "补记时长", payload, subject)

    def _propose_policy(self, _: Session) -> dict[str, Any]:
        content = {**self.deadlines, "version": f"test.{uuid4().hex[:8]}", "effective_on": clock.today().isoformat()}
        return {"body": {"kind": "deadlines", "toml": tomled(content), "reason": "测试发布"}}

    def _propose_adjustment(self, _: Session) -> dict[str, Any]:
        return {"body": {"resident_id": str(self.neighbour.resident_id), "direction": "give", "points": 3,
                         "title": "核对更正", "reason": "补记时长"}}  # fmt: skip

    def _propose_export(self, _: Session) -> dict[str, Any]:
        return {"body": {
            "people": [{"resident_id": str(self.neighbour.resident_id)}], "fields": ["name"], "purpose": "测试用途",
            "legal_basis": "测试依据", "document_no": "测试〔2026〕1号", "reason": "测试导出",
        }}  # fmt: skip

    def _read_approval(self, session: Session) -> dict[str, Any]:
        return {"params": {"approval_id": self._new_adjustment(session).id}}

    _withdraw_approval = _read_approval

    def _decide_approval(self, session: Session) -> dict[str, Any]:
        made = self._new_adjustment(session, "other office")
        body = {"decision": "approve", "reason": "情况属实", "digest": made.digest}
        return {"params": {"approval_id": made.id}, "body": body}

    def _download_export(self, session: Session) -> dict[str, Any]:
        by, other = (approvals.Actor(self.staff[who].staff_id, "office") for who in ("office", "other office"))
        payload = {"people": [{"resident_id": str(self.neighbour.resident_id)}], "fields": ["name"],
                   "purpose": "测试用途", "legal_basis": "测试依据", "document_no": "测试〔2026〕1号",
                   "organisation_id": str(self.staff["office"].organisation_id)}  # fmt: skip
        subject, key = ("residents", "1"), shops.act(by.account_id)
        made = approvals.propose(session, key, "people.export", by, "测试导出", payload, subject)
        approvals.decide(session, shops.act(other.account_id), made.id, other, "approve", "属实", made.digest)
        return {"params": {"approval_id": made.id}}

    def _read_policy(self, _: Session) -> dict[str, Any]:
        return {"params": {"kind": "deadlines", "version": self.deadlines["version"]}}


def tomled(content: Mapping[str, Any]) -> str:
    """A policy as TOML: texts, numbers, tables of these, and lists of such tables."""
    plain = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in content.items()
             if not isinstance(value, list | dict)]  # fmt: skip
    plain += [f"[{key}]\n{tomled(value)}" for key, value in content.items() if isinstance(value, dict)]
    tables = [f"[[{key}]]\n{tomled(item)}" for key, items in content.items() if isinstance(items, list)
              for item in items]  # fmt: skip
    return "\n".join([*plain, *tables])
