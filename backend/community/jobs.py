"""What the community room owes each day."""

from __future__ import annotations

from datetime import date

from backend.community import points, submissions
from backend.kit import db
from backend.kit.jobs import Job


def fund_communities(day: date) -> str:
    """Grant each community its budget of the month, once; a submission approved earlier has done so already."""
    with db.transaction() as session:
        return f"{points.fund_all(session, day)} communities funded"


def forget_evidence(day: date) -> str:
    """Delete the texts and photos of submissions decided more than a year ago, in bounded transactions."""
    total = 0
    while True:
        with db.transaction() as session:
            done = submissions.purge(session, day)
        total += done
        if done < submissions.PURGE_AT_ONCE:
            return f"{total} submissions emptied"


JOBS = (
    Job("community.fund", "发放社区月度积分额度", fund_communities),
    Job("community.forget-evidence", "删除一年前的申报材料", forget_evidence),
)
