"""Statements that the driver runs itself say and refuse what SQLAlchemy's own execution does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.ids import new_id
from backend.kit.operations import OperationRow
from backend.kit.outbox import OutboxRow
from backend.kit.prepared import Batch, Prepared
from tests.support.statements import asked

NEWS: Any = OutboxRow.__table__
ACTS: Any = OperationRow.__table__
WRITE, KEEP = Prepared(insert(NEWS)), Prepared(insert(ACTS))
ONE = select(*NEWS.c).where(NEWS.c.shard_id == bindparam("shard"), NEWS.c.tries < 100)
READ = Prepared(ONE)
COUNT = Prepared(
    update(NEWS)
    .where(NEWS.c.shard_id == bindparam("shard"))
    .values(tries=NEWS.c.tries + bindparam("by"))
    .returning(NEWS.c.tries)
)


def news(**changes: Any) -> dict[str, Any]:
    row = {
        "shard_id": new_id(), "id": new_id(), "topic": "test", "subscriber": "%s $1 :x ?", "state": "waiting",
        "tries": 0, "payload": {"名": ["一", 2, None]}, "due_at": clock.now(), "created_at": clock.now(),
        "last_error": "",
    }  # fmt: skip
    return row | changes


def act() -> dict[str, Any]:
    return {"actor_id": new_id(), "key": uuid4(), "digest": b"\0" * 32, "kind": "t", "result_id": None,
            "created_at": clock.now() - timedelta(days=3)}  # fmt: skip


def test_values_go_in_and_come_out_as_their_columns_say(session: Session) -> None:
    row = news()
    WRITE.run(session, row)
    [found] = READ.rows(session, {"shard": row["shard_id"]})
    assert found._asdict() == row == session.execute(ONE, {"shard": row["shard_id"]}).one()._asdict()
    assert READ.first(session, {"shard": row["shard_id"]}) == found
    assert READ.first(session, {"shard": new_id()}) is None and READ.rows(session, {"shard": new_id()}) == []


def test_returning_tells_what_was_written(session: Session) -> None:
    row = news()
    WRITE.run(session, row)
    assert [COUNT.first(session, {"shard": row["shard_id"], "by": n}).tries for n in (1, 2)] == [1, 3]
    assert COUNT.first(session, {"shard": new_id(), "by": 1}) is None


def test_a_forgotten_value_is_an_error_and_a_list_has_no_place(session: Session) -> None:
    with pytest.raises(KeyError):
        READ.rows(session, {})
    with pytest.raises(ValueError, match="fixed number"):
        Prepared(select(NEWS.c.id).where(NEWS.c.id.in_(bindparam("ids", expanding=True)))).rows(session, {"ids": []})


def test_a_constraint_is_told_by_its_state(session: Session) -> None:
    row = news()
    WRITE.run(session, row)
    with pytest.raises(IntegrityError) as refused, session.begin_nested():
        WRITE.run(session, row)
    assert db.sqlstate(refused.value) == "23505" and "parameters hidden" in str(refused.value)
    with pytest.raises(DBAPIError), session.begin_nested():
        WRITE.run(session, news(id=None))
    assert len(READ.rows(session, {"shard": row["shard_id"]})) == 1


def test_a_batch_is_written_whole_or_not_at_all(session: Session, database: db.Database) -> None:
    first, second, done = news(), news(), act()
    assert READ.first(session, {"shard": first["shard_id"]}) is None
    batch = Batch()
    for statement, values in ((WRITE, first), (KEEP, done), (WRITE, second)):
        batch.add(statement, values)
    with asked(database) as said:
        batch.run(session)
        batch.run(session)  # it is empty
    assert len(said) == (1 if database.dialect == "postgresql" else 3)
    assert [READ.rows(session, {"shard": row["shard_id"]})[0]._asdict() for row in (first, second)] == [first, second]
    other = news()
    batch.add(WRITE, other)
    batch.add(KEEP, done)
    with pytest.raises(IntegrityError), session.begin_nested():
        batch.run(session)
    assert READ.rows(session, {"shard": other["shard_id"]}) == []


def test_a_savepoint_undoes_what_was_written_in_it(session: Session) -> None:
    before, within, after = news(), news(), news()
    WRITE.run(session, before)
    with pytest.raises(LookupError), session.begin_nested():
        WRITE.run(session, within)
        raise LookupError("a refusal")
    WRITE.run(session, after)
    found = [bool(READ.rows(session, {"shard": row["shard_id"]})) for row in (before, within, after)]
    assert found == [True, False, True]


def test_a_connection_that_broke_is_named_so_and_replaced(database: db.Database) -> None:
    with pytest.raises((OperationalError, DBAPIError)):
        with db.transaction() as session:
            session.connection().connection.driver_connection.close()  # type: ignore[union-attr]
            READ.rows(session, {"shard": new_id()})
    with db.transaction() as session:
        assert READ.rows(session, {"shard": new_id()}) == []
