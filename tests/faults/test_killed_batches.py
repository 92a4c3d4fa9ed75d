"""``kill -9`` of the worker amidst a batch: every row is judged once, filed once or given back once."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import distinct, func, select

from backend.batches.models import batches, findings, returns
from backend.records.models import entities, entity_records
from config.settings import ROOT
from tests.faults.test_kill import BOTH
from tests.support.databases import own_database
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer
from tests.support.reporting import FAULTY_EVERY

pytestmark = [pytest.mark.once, pytest.mark.timeout(600)]

KILLS = int(os.environ.get("XINYI_KILLS", "2" if os.environ.get("XINYI_ALL_SUITES") == "1" else "1"))
ROWS = 6_000
PATIENCE_SECONDS = 240
WORKER = [sys.executable, "-m", "tests.support.reporting"]


class Reporting:
    """A batch in a database of its own, and the worker that works on it."""

    def __init__(self, server: RealServer) -> None:
        self.server = server
        sent = subprocess.run(
            [*WORKER, "send", str(ROWS)], cwd=ROOT, env=server.env, capture_output=True, text=True, check=True
        )
        self.batch_id = UUID(sent.stdout.split()[-1])
        self.log = server.folder / "worker-log"

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen([*WORKER, "work"], cwd=ROOT, env=self.server.env, stdout=log, stderr=log)

    def one(self, query: Any) -> Any:
        with self.server.database.read() as reader:
            return reader.execute(query).one()

    def batch(self) -> Any:
        return self.one(select(batches).where(batches.c.id == self.batch_id))

    def until(self, reached: Any) -> Any:
        """The batch once ``reached`` says so."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while not reached(batch := self.batch()):
            assert time.monotonic() < limit, (batch.status, batch.chunks_done, self.log.read_text()[-3000:])
            time.sleep(0.01)
        return batch


@pytest.mark.parametrize("kind", BOTH)
def test_a_killed_worker_loses_no_row_and_files_none_twice(kind: str) -> None:
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with own_database(kind) as url:
        server = RealServer(url, Wanted(residents=1))
        try:
            with server.wechat:
                server.prepare()
                _kill_and_go_on(Reporting(server), chance)
        finally:
            server.close()


def _kill_and_go_on(reporting: Reporting, chance: random.Random) -> None:
    for _ in range(KILLS):
        worker = reporting.start()
        try:
            begun = reporting.batch().chunks_done
            wanted = begun + chance.randrange(1, 4)
            reporting.until(lambda batch, wanted=wanted: batch.chunks_done >= wanted or batch.status == "done")
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
    assert reporting.batch().status == "working", "the batch was done before every kill: that proves nothing"
    worker = reporting.start()
    try:
        batch = reporting.until(lambda batch: batch.status not in ("received", "working"))
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=30)
    _all_there(reporting, batch)


def _all_there(reporting: Reporting, batch: Any) -> None:
    faulty = len(range(0, ROWS, FAULTY_EVERY))
    assert (batch.status, batch.rows_judged, batch.rows_total) == ("done", ROWS, ROWS), batch.problem
    assert (batch.rows_added, batch.rows_rejected, batch.rows_unchanged) == (ROWS - faulty, faulty, 0)
    mine = entity_records.c.batch_id == batch.id
    filed = select(func.count(), func.count(distinct(entity_records.c.document_no))).where(mine)
    assert tuple(reporting.one(filed)) == (ROWS - faulty, ROWS - faulty)
    assert reporting.one(select(func.count()).select_from(entities))[0] == ROWS // 5
    for table, rows in ((returns, func.sum(returns.c.rows)), (findings, func.sum(findings.c.rows))):
        assert reporting.one(select(rows).where(table.c.batch_id == batch.id))[0] == faulty
