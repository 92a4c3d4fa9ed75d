"""The work on batches: beside everything else a worker does, one piece at a time, resumed wherever it broke off.

A batch is taken for as long as a lease lasts and no longer: each piece's transaction first makes sure that the batch
is still this worker's and stands where the piece begins. What a piece files, its figures, its findings and the place
where the next begins are one transaction, so that whatever is killed, nothing is lost and nothing done twice.
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from backend.batches import pieces, uploads
from backend.batches.models import batches
from backend.batches.pieces import Prepared
from backend.catalogue import service as catalogue
from backend.catalogue.rules import Item
from backend.intake.errors import FileRefused
from backend.intake.scanning import XLSX
from backend.intake.tables import CsvTable, Position, Table
from backend.intake.workbooks import workbook_table
from backend.kit import clock, db
from backend.kit.errors import NotFound
from backend.kit.ids import new_id
from backend.kit.vault import Vault
from backend.records import service as records

LEASE = timedelta(seconds=180)
PIECE_BYTES = {"postgresql": 8 * 1024 * 1024, "sqlite": 1024 * 1024}
"""Of a piece: some ten thousand rows on PostgreSQL; SQLite's one writer is kept for a few thousand."""
WITHDRAWN_AT_ONCE = {"postgresql": 5_000, "sqlite": 1_000}
MOST_TRIES = 5
DEADLOCK_TRIES = 6
log = structlog.get_logger("batches")
Stopped = Callable[[], bool]
T = TypeVar("T")


class _Lost(Exception):
    """Another worker has the batch now."""


def work_once(stopped: Stopped = lambda: False) -> bool:
    """Take the oldest batch that waits and work on it until it is done or we are told to stop. False: none waits."""
    batch = _claim()
    if batch is None:
        return False
    try:
        if batch.status == "withdrawing":
            _take_back(batch, stopped)
        else:
            _work(batch, stopped)
    except _Lost:
        log.warning("batch.taken_over", batch_id=str(batch.id))
    except FileRefused as refused:
        _fail(batch, {"reason": refused.reason, "problems": refused.problems})
    except NotFound:
        problem = f"目录中已经没有条目 {batch.item_code}"
        _fail(batch, {"reason": "item-gone", "problems": [problem]})
    return True


def _claim() -> Any:
    """Take a batch under a lease. One that has failed its workers too often is given up."""
    instant, mine = clock.now(), new_id()
    free = batches.c.lease_until.is_(None) | (batches.c.lease_until < instant)
    waiting = batches.c.status.in_(("received", "working", "withdrawing"))
    oldest = select(batches).where(waiting, free).order_by(batches.c.received_at).limit(1)
    with db.reading() as reader:  # so that whoever has nothing to do opens no transaction
        if reader.execute(oldest).first() is None:
            return None
    with db.transaction() as session:
        batch = session.execute(oldest.with_for_update(skip_locked=True)).first()
        if batch is None:
            return None
        told: dict[str, Any] = dict(lease_id=mine, lease_until=instant + LEASE, tries=batch.tries + 1)
        if batch.status == "received":
            told |= {"status": "working", "started_at": instant, "catalogue_version": catalogue.version(session)}
        session.execute(update(batches).where(batches.c.id == batch.id).values(**told))
        taken = session.execute(select(batches).where(batches.c.id == batch.id)).one()
    if taken.tries > MOST_TRIES:
        log.error("batch.given_up", batch_id=str(taken.id))
        _fail(taken, {"reason": "internal", "problems": ["处理多次中断，已放弃；已处理的行保留，请联系项目办公室"]})
        return None
    return taken


def _held(session: Session, batch: Any) -> Any:
    """The batch as it stands, locked. Raises _Lost when it is not ours any more."""
    now = session.execute(db.for_update(select(batches).where(batches.c.id == batch.id))).one()
    if now.lease_id != batch.lease_id or now.status != batch.status:
        raise _Lost()
    return now


def _settle(session: Session, batch: Any, **values: Any) -> None:
    session.execute(update(batches).where(batches.c.id == batch.id).values(**values))


def _fail(batch: Any, problem: dict[str, Any]) -> None:
    """What was filed stays filed; the problem says what is wrong with the rest."""
    with db.transaction() as session:
        try:
            _held(session, batch)
        except _Lost:
            return
        _settle(session, batch, status="failed", problem=problem, finished_at=clock.now(), lease_id=None,
                lease_until=None)  # fmt: skip
    log.info("batch.failed", batch_id=str(batch.id), reason=problem["reason"])


# --- judging and filing ----------------------------------------------------------------------------------------------


def open_table(batch: Any, item: Item) -> tuple[Table, Vault]:
    """The file of a batch, to be read piece by piece. Raises FileRefused."""
    vault = uploads.vault_of(batch.id, batch.data_key_sealed)
    if batch.format == XLSX:
        return workbook_table(uploads.read(vault, 0, batch.size_bytes), item), vault

    def read(offset: int, size: int) -> bytes:
        return uploads.read(vault, offset, size)

    return CsvTable(read, batch.size_bytes, batch.encoding, item), vault


def _work(batch: Any, stopped: Stopped) -> None:
    with db.reading() as reader:
        item = catalogue.item(reader, batch.item_code)
    table, vault = open_table(batch, item)
    with db.transaction() as session:
        now = _held(session, batch)
        rows = now.rows_total
        if not now.heads:
            rows = None if rows is None else rows - table.layout.row
            _settle(session, batch, heads=list(table.layout.heads), rows_total=rows)
    at = _At(batch, table, vault, batch.chunks_done)
    start = Position(batch.offset_done, batch.file_row) if batch.chunks_done else None
    most = PIECE_BYTES[db.current().dialect]
    for prepared in _ahead(_judged(at, table.pieces(start, most))):
        if stopped():
            with db.transaction() as session:
                _held(session, batch)
                _settle(session, batch, lease_until=clock.now(), tries=0)
            return
        at = _file(at, prepared)
    _finish(at)


@dataclass(frozen=True)
class _At:
    """Where the work on a batch stands."""

    batch: Any
    table: Table
    vault: Vault
    done: int


def _judged(at: _At, parts: Iterator[Any]) -> Iterator[Prepared]:
    for piece in parts:
        with db.reading() as reader:
            prepared = pieces.prepare(reader, piece, at.table.layout, pieces.rules_of(reader, at.batch))
        yield prepared


def _ahead(source: Iterator[Prepared]) -> Iterator[Prepared]:
    """The same, with the next piece being judged while the database files this one."""
    context = contextvars.copy_context()

    def following() -> Prepared | None:
        return context.run(lambda: next(source, None))

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge") as pool:
        coming = pool.submit(following)
        while (prepared := coming.result()) is not None:
            coming = pool.submit(following)
            yield prepared


def _repeated_on_deadlock(act: Callable[[Session], T]) -> T:
    """Do it in a transaction; a deadlock with another batch about the same subjects is tried again."""
    for attempt in range(1, DEADLOCK_TRIES):
        try:
            with db.transaction() as session:
                return act(session)
        except OperationalError as error:
            if not db.is_deadlock(error):
                raise
            log.info("deadlock.repeated", attempt=attempt)
            time.sleep(0.05 * attempt)
    with db.transaction() as session:
        return act(session)


def _file(at: _At, prepared: Prepared) -> _At:
    """File one piece."""
    _repeated_on_deadlock(lambda session: _file_in(session, at, prepared))
    return _At(at.batch, at.table, at.vault, at.done + 1)


def _file_in(session: Session, at: _At, prepared: Prepared) -> None:
    now = _held(session, at.batch)
    if now.chunks_done != at.done:
        raise _Lost()
    if (version := catalogue.version(session)) != prepared.rules.version:
        prepared = pieces.prepare(session, prepared.piece, at.table.layout, pieces.rules_of(session, now))
    changes = list(now.catalogue_changes)
    if version != (changes[-1]["version"] if changes else now.catalogue_version):
        changes.append({"version": version, "from_row": now.file_row + 1})
    outcome = pieces.apply(session, prepared, now, pieces.load_of(now, prepared.rules.judge.item))
    pieces.keep(session, prepared, outcome, at.table.layout, at.vault, at.done)
    after = prepared.piece.after
    pieces.count(
        session, now.id, outcome.counts, chunks_done=at.done + 1, offset_done=after.offset, file_row=after.row,
        lease_until=clock.now() + LEASE, tries=0, catalogue_changes=changes,
    )  # fmt: skip


def _finish(at: _At) -> None:
    with db.transaction() as session:
        now = _held(session, at.batch)
        if now.rows_judged == 0:
            raise FileRefused("empty", "表头之下没有内容")
        _settle(session, at.batch, status="done", rows_total=now.rows_judged, finished_at=clock.now(), lease_id=None,
                lease_until=None)  # fmt: skip
    log.info("batch.done", batch_id=str(now.id), rows=now.rows_judged, rejected=now.rows_rejected)


# --- taking back -----------------------------------------------------------------------------------------------------


def _take_back(batch: Any, stopped: Stopped) -> None:
    while not stopped():
        if not _repeated_on_deadlock(lambda session: _take_some_back(session, batch)):
            log.info("batch.withdrawn", batch_id=str(batch.id))
            return


def _take_some_back(session: Session, batch: Any) -> int:
    _held(session, batch)
    most = WITHDRAWN_AT_ONCE[db.current().dialect]
    taken = records.withdraw_batch_chunk(session, batch.id, batch.withdrawn_by, batch.withdrawal_reason, most)
    told: dict[str, Any] = dict(lease_until=clock.now() + LEASE, tries=0)
    if not taken:
        told = dict(status="withdrawn", lease_id=None, lease_until=None)
    _settle(session, batch, **told)
    return taken
