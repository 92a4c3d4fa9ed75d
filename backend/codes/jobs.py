"""What the codes owe each day."""

from __future__ import annotations

from datetime import date

from backend.codes import service
from backend.kit import db
from backend.kit.jobs import Job

AT_ONCE = 1000
MOST_ROUNDS = 1000


def care_for_keys(day: date) -> str:
    """Rotate keys of half a year, erase the secrets of retired keys, delete keys that ended long ago."""
    with db.transaction() as session:
        done = service.tend_keys(session)
    return ", ".join(f"{count} {what}" for what, count in done.items())


def free_statuses(day: date) -> str:
    """Free the places of codes that ended a week ago, in small transactions."""
    freed = 0
    for _ in range(MOST_ROUNDS):
        with db.transaction() as session:
            count = service.purge_statuses(session, AT_ONCE)
        freed += count
        if count < AT_ONCE:
            break
    return f"{freed} places freed"


JOBS = (
    Job("codes.tend-keys", "轮换与清理签名密钥", care_for_keys),
    Job("codes.purge-statuses", "回收已过期二维码的撤销列表位置", free_statuses),
)
