"""Short forms for the ledger's tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.kit import clock
from backend.kit.db import Reader
from backend.ledger import service
from backend.ledger.models import lots

NOON = datetime(2026, 3, 5, 4, tzinfo=UTC)
TODAY = date(2026, 3, 5)


def day(offset: int) -> date:
    return TODAY + timedelta(days=offset)


def issuer(session: Session, points: int = 1_000) -> UUID:
    """An organisation with a budget for the month of the clock."""
    organisation_id = uuid4()
    service.grant_budget(session, organisation_id, clock.today(), points, None)
    return organisation_id


def award(
    session: Session, resident_id: UUID, issuer_id: UUID, points: int, ends: date | None = None
) -> service.Transfer:
    return service.award(session, resident_id, issuer_id, points, "test.award", clock.now(), None, "发放", ends)


def hold(
    session: Session, resident_id: UUID, points: int, partner: UUID | None = None, issuers: set[UUID] | None = None
) -> service.Transfer:
    owner = partner or uuid4()
    return service.hold(session, resident_id, points, owner, "test.hold", uuid4(), "兑换", "某场馆", issuers)


def release(
    session: Session,
    held: service.Transfer,
    points: int | None = None,
    late: service.LateReturn = service.EXPIRE_AT_ONCE,
) -> service.Transfer:
    return service.release(session, held.resident_id, held.id, "test.release", "退回", points, late)


def settle(session: Session, held: service.Transfer, points: int | None = None) -> service.Transfer:
    return service.settle(session, held.resident_id, held.id, uuid4(), "test.settle", "结算", points)


def statement(reader: Reader, resident_id: UUID) -> list[tuple[str, int, int]]:
    """Code, signed points and balance after, oldest first."""
    rows = service.entries(reader, resident_id, 100)
    return [(row.code, row.amount_points, row.balance_after_points) for row in reversed(rows)]


def booked_lots(reader: Reader, resident_id: UUID) -> dict[tuple[UUID, date], int]:
    """Points by issuer and end, due ones included, empty lots left out."""
    rows = reader.execute(
        select(lots.c.issuer_id, lots.c.expires_on, lots.c.remaining_points).where(
            lots.c.resident_id == resident_id, lots.c.remaining_points > 0
        )
    )
    return {(row[0], row[1]): row[2] for row in rows}
