"""The server ends and begins anew under load, and no request is lost: each is answered, or was never begun."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from config.settings import ROOT
from tests.support import books
from tests.support.databases import own_database
from tests.support.load import Answer, flood, request
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer

pytestmark = [pytest.mark.load, pytest.mark.once, pytest.mark.timeout(600)]
BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgresql)]
RESIDENTS, EACH = 40, 25
WANTED = Wanted(residents=RESIDENTS, points=100_000, offers=[{"price_points": 9, "stock_total": 1_000_000}])


def redemptions(server: RealServer) -> list[bytes]:
    path = f"/api/v1/perks/offers/{server.made.offers[0]}/redemptions"
    return [request("POST", path, one["token"], key=uuid4()) for one in server.made.residents for _ in range(EACH)]


def during(server: RealServer, happen: Callable[[], None], after: int = 60) -> tuple[list[bytes], dict[int, Answer]]:
    """Flood the server; after so many answers something happens to it, in a thread beside the load."""
    raws, heard = redemptions(server), {}
    happening: list[threading.Thread] = []

    def note(place: int, answer: Answer) -> None:
        heard[place] = answer
        if len(heard) == after:
            happening.append(threading.Thread(target=happen))
            happening[0].start()

    flood(server.address, raws, 16, heard=note)
    happening[0].join()
    return raws, heard


@pytest.mark.parametrize("kind", BOTH)
def test_whoever_was_let_in_before_the_end_is_answered(kind: str) -> None:
    """What was done was answered, and what was not answered was not done: no reply is lost between the two."""
    with own_database(kind) as url, RealServer(url, WANTED) as server:
        web = server.processes["web"]

        def end() -> None:
            web.terminate()
            assert web.wait(timeout=30) == 0

        raws, heard = during(server, end)
        statuses = Counter(answer.status for answer in heard.values())
        assert set(statuses) <= {201, 0}, statuses
        answered = {answer.json()["id"] for answer in heard.values() if answer.status == 201}
        assert answered == books.redemptions(server.database), statuses
        books.check(server.database)
        server.processes.clear()
        server.start()
        again = flood(server.address, raws, 16)
        assert {answer.status for answer in again} == {201}
        assert len(books.redemptions(server.database)) == len(raws)


def test_new_code_comes_in_without_a_request_refused() -> None:
    """SIGUSR1 to ``backend.serve``: every web process is replaced, the worker too, and nobody notices."""
    with own_database("sqlite") as url:
        server = RealServer(url, WANTED)
        server.wechat.__enter__()
        try:
            server.prepare()
            server.env["XINYI_WORKERS"] = "1"
            server.commands["web"] = ["backend.serve"]
            with (server.folder / "log").open("ab") as log:
                serve = subprocess.Popen(
                    [sys.executable, "-m", "backend.serve"], cwd=ROOT, env=server.env, stdout=log, stderr=log
                )
            server.processes["web"] = serve
            server.wait_ready()
            before = {name: descendants(serve.pid, name) for name in ("granian", "backend.worker")}
            path = f"/api/v1/perks/offers/{server.made.offers[0]}/redemptions"
            tokens = [one["token"] for one in server.made.residents]
            statuses: Counter[int] = Counter()
            serve.send_signal(signal.SIGUSR1)
            limit = time.monotonic() + 60
            while time.monotonic() < limit and not replaced(serve.pid, before):
                raws = [request("POST", path, token, key=uuid4()) for token in tokens]
                statuses.update(answer.status for answer in flood(server.address, raws, 8))
            assert replaced(serve.pid, before), server.said()[-2000:]
            assert statuses[201] > 0 and set(statuses) <= {201, 0}
            assert statuses[0] <= 16, "only a connection that lay open to a process that ended may end with it"
            assert len(books.redemptions(server.database)) == statuses[201]
            serve.terminate()
            assert serve.wait(timeout=40) == 0
        finally:
            server.stop()
            server.wechat.__exit__(None, None, None)
            server.close()


def descendants(parent: int, word: str) -> set[int]:
    """The processes below ``parent`` whose command line holds ``word``."""
    found: set[int] = set()
    todo = [parent]
    while todo:
        pid = todo.pop()
        try:
            children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            continue
        todo += children
        found |= {child for child in children if word in _command(child)}
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def replaced(parent: int, before: dict[str, set[int]]) -> bool:
    """Whether all workers of the web server (not its main process) and the worker are others than before."""
    main = min(before["granian"])
    web = descendants(parent, "granian") - {main}
    worker = descendants(parent, "backend.worker")
    return bool(worker) and not worker & before["backend.worker"] and len(web) == 1 and not web & before["granian"]


def test_the_worker_finishes_the_row_at_hand() -> None:
    """SIGTERM in the middle of a delivery: the row is done afterwards, and those behind it wait for the next worker."""
    program = (
        "import sys, time, threading\n"
        "from backend.app import prepare\nfrom config.settings import Settings\n"
        "from backend.kit import db, outbox\nfrom backend import worker\n"
        "def slow(payload):\n    print('begun', flush=True)\n    time.sleep(2)\n"
        "settings = Settings.from_env()\nprepare(settings)\noutbox.after('test.slow', 'listener', slow)\n"
        "with db.transaction() as session:\n"
        "    for n in range(3): outbox.tell(session, 'test.slow', {'n': n})\n"
        "worker.run(settings)\n"
    )
    with own_database("sqlite") as url:
        server = RealServer(url, WANTED)
        server.wechat.__enter__()
        try:
            server.prepare()
            process = subprocess.Popen(
                [sys.executable, "-c", program],
                cwd=ROOT,
                env=server.env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            assert process.stdout is not None and process.stderr is not None
            assert process.stdout.readline() == b"begun\n"
            process.terminate()
            said = process.communicate(timeout=30)[1]
            assert process.returncode == 0, said
            with server.database.engine.connect() as connection:
                states = connection.exec_driver_sql(
                    "SELECT state, tries FROM outbox WHERE topic = 'test.slow'"
                ).fetchall()
            assert sorted(map(tuple, states)) == [("done", 1), ("waiting", 0), ("waiting", 0)]
        finally:
            server.wechat.__exit__(None, None, None)
            server.close()
