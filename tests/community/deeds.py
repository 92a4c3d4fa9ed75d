"""What the tests of this room do again and again: hand in, approve, spend."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from backend.community import desk, points, service, submissions
from backend.community.submissions import NewSubmission, SubmissionView
from backend.kit import clock, files
from backend.ledger import service as ledger
from backend.ledger.errors import BudgetExhausted
from tests.community.conftest import act
from tests.community.pictures import picture


def photo(session: Session, resident_id: UUID) -> UUID:
    return files.save_image(session, resident_id, picture(), max_bytes=10**6, max_pixels=10**6)


def hand_in(
    session: Session, resident_id: UUID, behaviour: str = "elder-care", days_ago: int = 0, **more: Any
) -> SubmissionView:
    happened_at = clock.now() - timedelta(days=days_ago)
    new = NewSubmission(**{"behaviour": behaviour, "happened_at": happened_at, "text": "陪邻居去医院", **more})
    return submissions.submit(session, resident_id, new, act(resident_id))


def approve(session: Session, worker: desk.Worker, submission_id: UUID, reason: str = "属实") -> desk.DecisionView:
    return desk.review(session, worker, submission_id, "approve", reason, act(worker.account_id))


def balance(session: Session, resident_id: UUID) -> int:
    return ledger.balance(session, resident_id, clock.today())


def spend_budget_down_to(session: Session, community_id: UUID, left: int) -> None:
    """Leave ``left`` points of this month's budget."""
    organisation_id = points.fund(session, community_id, clock.today(), service.policy(session)).organisation_id

    def take(amount: int) -> None:
        ledger.award(session, uuid4(), organisation_id, amount, "test", clock.now(), None, "用去额度", None)

    with pytest.raises(BudgetExhausted) as refused:
        take(10**6)
    take(refused.value.members["available_points"] - left)


def shown_code(session: Session, activity_id: UUID) -> str:
    organisation = service.activity(session, activity_id).organisation_id
    return service.check_in_code(session, {organisation}, activity_id).text
