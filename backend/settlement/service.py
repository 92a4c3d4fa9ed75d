"""What other rooms and the edge ask of settlement. Each verb is explained where it is defined."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.service import Organisation
from backend.kit import operations, trail
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.kit.operations import Operation
from backend.settlement import preparing, rules
from backend.settlement.lines import on_settlement_reversed
from backend.settlement.printing import pdf
from backend.settlement.reading import (
    Partners,
    StatementView,
    Wanted,
    dispute_of,
    every_line,
    list_disputes,
    list_lines,
    list_statements,
    running,
    statement,
    sums,
)
from backend.settlement.reviewing import Actor, Decision, agree, close, decide, dispute, problems
from backend.settlement.workbook import workbook

__all__ = [
    "Actor", "Decision", "Partners", "StatementView", "Wanted", "agree", "close", "decide", "dispute", "dispute_of",
    "every_line", "lint_policy", "list_disputes", "list_lines", "list_statements", "on_settlement_reversed",
    "order_preparation", "partner", "pdf", "problems", "running", "statement", "sums", "workbook",
]  # fmt: skip


def lint_policy(content: dict[str, object], contents: dict[str, dict[str, object]]) -> list[str]:
    """The check of ``[settlement]`` in ``city.toml`` that the composition root registers."""
    del contents
    return rules.lint(content)


def partner(reader: Reader, whose: Partners, partner_id: UUID | None) -> Organisation:
    """The partner that is asked about: the caller's own where none is named. Raises NotFound and FieldError."""
    if partner_id is None:
        if whose is None or len(whose) != 1:
            raise FieldError.at("/query/partner_id", "请写明是哪一家合作机构。", "Say which partner.")
        partner_id = next(iter(whose))
    found = accounts.organisation(reader, partner_id)
    if found.kind != "partner" or (whose is not None and partner_id not in whose):
        raise NotFound()
    return found


def order_preparation(session: Session, partner_id: UUID, month: date, actor: Actor, operation: Operation) -> UUID:
    """Have a partner's month prepared now. Raises NotFound and MonthNotOver."""
    if (done := operations.begin(session, operation, "settlement.prepare")) is not None:
        return done
    partner(session, actor.partners, partner_id)
    key = preparing.begin(session, partner_id, month)
    trail.note(session, actor.id, actor.role, "settlement.prepare", "statement", key, {"month": f"{month:%Y-%m}"})
    operations.finish(session, operation, key)
    return key
