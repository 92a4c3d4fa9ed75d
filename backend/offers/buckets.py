"""A stock in buckets: rows that each hold a share of it, so that a hot offer does not queue on one row.

Every step is one conditional statement that asks RETURNING; whoever meets a row that another is just changing waits
for the outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from backend.kit import db
from backend.kit.errors import TryAgain
from backend.kit.prepared import Prepared
from backend.offers import rules

MOST_ROUNDS = 50
MOST_BUCKETS = 8

Key = Mapping[str, Any]


class Buckets:
    """The rows of one table that share a key; they hold ``bucket``, ``total``, ``remaining`` and ``overdrawn``.

    ``overdrawn`` counts what was taken beyond a total that was lowered afterwards: that many places given back are
    swallowed before one is there again.
    """

    def __init__(self, table: Any, *names: str) -> None:
        self._table, self._names = table, names
        own = [table.c[name] == bindparam(f"of_{name}") for name in names]
        at = (*own, table.c.bucket == bindparam("shelf"))
        self._with_places = select(table.c.bucket).where(*own, table.c.remaining > 0)
        self._rows = select(*table.c).where(*own).order_by(table.c.bucket)
        self._take = Prepared(
            update(table).where(*at, table.c.remaining > 0)
            .values(remaining=table.c.remaining - 1).returning(table.c.bucket)
        )  # fmt: skip
        self._put = Prepared(
            update(table).where(*at, table.c.remaining < table.c.total)
            .values(remaining=table.c.remaining + 1).returning(table.c.bucket)
        )  # fmt: skip
        self._swallow = Prepared(
            update(table).where(*at, table.c.overdrawn > 0)
            .values(overdrawn=table.c.overdrawn - 1).returning(table.c.bucket)
        )  # fmt: skip

    def take(self, session: Session, key: Key, total: int, resident_id: UUID) -> int | None:
        """Take one place and return its bucket; None when every bucket has been seen empty. Raises TryAgain.

        The resident's own bucket comes first, then each that shows a place. A place that another transaction is about
        to take or give up is waited for.
        """
        own = resident_id.int % rules.bucket_count(total, MOST_BUCKETS)
        if self._changed(session, self._take, key, own):
            return own
        for _ in range(MOST_ROUNDS):
            shown: Iterable[int] = session.execute(self._with_places, _of(key)).scalars()
            buckets = sorted(shown, key=lambda bucket: (bucket - own) % MOST_BUCKETS)
            if not buckets:
                return None
            for bucket in buckets:
                if self._changed(session, self._take, key, bucket):
                    return bucket
        raise TryAgain()

    def put_back(self, session: Session, key: Key, bucket: int) -> None:
        """Give a place back to the bucket that it came from, unless the total was lowered below it meanwhile."""
        rows = session.execute(self._rows, _of(key)).all()
        if any(row.overdrawn > 0 and self._changed(session, self._swallow, key, row.bucket) for row in rows):
            return
        order = sorted((row.bucket for row in rows), key=lambda other: (other != bucket, other))
        any(self._changed(session, self._put, key, candidate) for candidate in order)

    def fill(self, session: Session, key: Key, total: int) -> bool:
        """Make the rows of a stock that nobody has taken from. False when they stand already."""
        shares = rules.spread(total, rules.bucket_count(total, MOST_BUCKETS))
        rows = [
            {**key, "bucket": bucket, "total": share, "remaining": share, "overdrawn": 0}
            for bucket, share in enumerate(shares)
        ]
        statement = db.insert(session, self._table).values(rows).on_conflict_do_nothing()
        return session.execute(statement.returning(self._table.c.bucket)).first() is not None

    def set_total(self, session: Session, key: Key, total: int) -> None:
        """Make ``total`` places in all, of which those already taken stay taken. 0: unlimited, no rows.

        A total below what is taken leaves nothing and notes the difference, so that a cancellation does not sell a
        place that no longer exists.
        """
        rows = session.execute(db.for_update(self._rows), _of(key)).all()
        if total == 0:
            own = (self._table.c[name] == key[name] for name in self._names)
            session.execute(delete(self._table).where(*own))
            return
        if rows and sum(row.total for row in rows) == total:
            return
        taken = {row.bucket: row.total - row.remaining + row.overdrawn for row in rows}
        buckets = max(len(rows), rules.bucket_count(total, MOST_BUCKETS))
        left = rules.spread(max(0, total - sum(taken.values())), buckets)
        over = max(0, sum(taken.values()) - total)
        for bucket in range(buckets):
            overdrawn = min(over, taken.get(bucket, 0))
            over -= overdrawn
            kept = taken.get(bucket, 0) - overdrawn
            row = {"total": kept + left[bucket], "remaining": left[bucket], "overdrawn": overdrawn}
            statement = db.insert(session, self._table).values(**key, bucket=bucket, **row)
            session.execute(statement.on_conflict_do_update(index_elements=[*self._names, "bucket"], set_=row))

    def _changed(self, session: Session, statement: Prepared, key: Key, bucket: int) -> bool:
        return statement.first(session, {**_of(key), "shelf": bucket}) is not None


def _of(key: Key) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in key.items()}
