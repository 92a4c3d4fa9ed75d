"""What the room owes: a root for every closed day."""

from __future__ import annotations

from datetime import date

from backend.kit import jobs
from backend.proofs import service

PUBLISH_EVERY_SECONDS = 900


def publish(_day: date | None = None) -> str:
    """Sign what is closed and not signed."""
    return f"{len(service.publish_all())} roots signed"


def register() -> None:
    jobs.register(jobs.Job("proofs.publish", "公布积分账每日的根", publish))
    jobs.often(jobs.Step("proofs.publish-often", PUBLISH_EVERY_SECONDS, publish))
