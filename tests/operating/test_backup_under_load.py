"""A backup taken in the midst of redemptions: restored elsewhere, the books agree and every seal opens."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from backend.kit.db import Database
from config.settings import ROOT
from tests.support import books
from tests.support.databases import own_database
from tests.support.load import flood, request
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer, serving

pytestmark = [pytest.mark.load, pytest.mark.once, pytest.mark.timeout(600)]
BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgresql)]
RESIDENTS = 40
WANTED = Wanted(residents=RESIDENTS, points=100_000, offers=[{"price_points": 9, "stock_total": 1_000_000}])


def flask(server: RealServer, *command: object) -> str:
    program = str(Path(sys.executable).with_name("flask"))
    done = subprocess.run(
        [program, *map(str, command)], cwd=ROOT, env=server.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def redeeming(server: RealServer) -> Iterator[list[int]]:
    """Redemptions without a pause for as long as the block lasts; their statuses come out."""
    statuses: list[int] = []
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            raws = [
                request("POST", f"/api/v1/perks/offers/{server.made.offers[0]}/redemptions", one["token"], key=uuid4())
                for one in server.made.residents
            ]
            statuses.extend(answer.status for answer in flood(server.address, raws, 8))

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        while len(statuses) < RESIDENTS:
            stop.wait(0.01)
        yield statuses
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("kind", BOTH)
def test_what_is_restored_from_a_backup_under_load_agrees_to_the_last_point(kind: str, tmp_path: Path) -> None:
    with serving(kind, WANTED) as server, own_database(kind) as empty:
        server.env["XINYI_BACKUP_ROOT"] = str(tmp_path / "backups")
        with redeeming(server) as statuses:
            before = len(statuses)
            flask(server, "backup", "make", "--quiet")
            meanwhile = len(statuses) - before
        assert set(statuses) == {201}, "a backup hinders nobody"
        assert meanwhile > 0, "nothing happened while it was taken: that proves nothing"
        [path] = (tmp_path / "backups").glob("*.xybak")
        said = flask(server, "backup", "restore", path, "--into", empty, "--files", tmp_path / "files", "--quiet")
        assert "恢复完成，全部核对一致" in said
        restored = Database(empty)
        there, here = books.check(restored), books.check(server.database)
        assert there.minted == here.minted and 0 < there.escrow < here.escrow
        assert books.redemptions(restored) < books.redemptions(server.database)
        restored.dispose()
