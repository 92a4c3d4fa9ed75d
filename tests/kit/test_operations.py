"""An act named beforehand happens once."""

from __future__ import annotations

import threading
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from backend.kit import db, operations
from backend.kit.errors import IdempotencyConflict
from backend.kit.ids import new_id
from backend.kit.operations import Operation

DIGEST = b"d" * 32


def test_begin_answers_nothing_the_first_time_and_the_result_afterwards(session: Session) -> None:
    operation = Operation(uuid4(), uuid4(), DIGEST)
    made = new_id()
    assert operations.begin(session, operation, "redeem") is None
    operations.finish(session, operation, made)
    assert operations.begin(session, operation, "redeem") == made


@pytest.mark.parametrize("other", [{"digest": b"e" * 32}, {"kind": "cancel"}])
def test_begin_refuses_the_key_of_another_request(session: Session, other: dict[str, object]) -> None:
    operation = Operation(uuid4(), uuid4(), DIGEST)
    operations.begin(session, operation, "redeem")
    operations.finish(session, operation, new_id())
    changed = operation._replace(**{k: v for k, v in other.items() if k != "kind"})
    with pytest.raises(IdempotencyConflict):
        operations.begin(session, changed, str(other.get("kind", "redeem")))


def test_keys_of_different_actors_do_not_meet(session: Session) -> None:
    key = uuid4()
    assert operations.begin(session, Operation(uuid4(), key, DIGEST), "redeem") is None
    assert operations.begin(session, Operation(uuid4(), key, DIGEST), "redeem") is None


def test_equal_requests_at_the_same_time_make_one_thing(database: db.Database) -> None:
    operation = Operation(uuid4(), uuid4(), DIGEST)
    barrier = threading.Barrier(8)
    made: list[UUID] = []
    seen: list[UUID] = []

    def act() -> None:
        barrier.wait()
        with db.transaction() as session:
            if (done := operations.begin(session, operation, "redeem")) is None:
                done = new_id()
                made.append(done)
                operations.finish(session, operation, done)
            seen.append(done)

    threads = [threading.Thread(target=act) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert seen == made * 8


def test_a_refusal_that_is_raised_is_not_remembered(database: db.Database) -> None:
    operation = Operation(uuid4(), uuid4(), DIGEST)
    with pytest.raises(ValueError), db.transaction() as session:
        operations.begin(session, operation, "redeem")
        raise ValueError("refused")
    with db.transaction() as session:
        assert operations.begin(session, operation, "redeem") is None
        operations.finish(session, operation, new_id())
