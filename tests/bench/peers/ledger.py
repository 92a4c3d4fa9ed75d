"""Our ledger's transfer beside django-hordak's, on one PostgreSQL server, in as many processes, in turns.

Ours carries what hordak's has not: an idempotency key, a stored balance that cannot turn negative, lots with their end
and the proof of which lot paid. Hordak's is ``Account.transfer_to`` in one ``atomic`` block: a transaction and two
legs, whose sum its triggers check. Both run in plain processes, without a web server, one connection each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from config.settings import ROOT
from tests.bench.measure import Line, Slices, compared, in_turns
from tests.bench.peers.venvs import python_of
from tests.support.databases import own_database
from tests.support.load import Answer
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer

RESIDENTS, SLICE_SECONDS, ROUNDS = 64, 1.5, 6
PROCESSES = (1, 2)
AT_LEAST = 1.0
WORKER = Path(__file__).with_name("hordak_worker.py")


def beside_hordak() -> list[Line]:
    """A line for each number of processes."""
    python = str(python_of("hordak"))
    with own_database("postgresql") as mine, own_database("postgresql") as theirs:
        server, env = RealServer(mine, Wanted(residents=RESIDENTS, points=5_000_000)), peer_environment(theirs)
        with server.wechat:
            try:
                server.prepare()
                subprocess.run([python, str(WORKER), "prepare", str(RESIDENTS)], env=env, check=True)
                ids = ",".join(each["id"] for each in server.made.residents)
                ours = [sys.executable, "-m", "tests.bench.peers.our_worker", ids, server.made.partner_id]
                lines = [_measure(many, (ours, server.env), ([python, str(WORKER), "work"], env)) for many in PROCESSES]
                _prove(lines, mine, int(subprocess.check_output([python, str(WORKER), "count"], env=env)))
            finally:
                server.close()
    return lines


def peer_environment(url: str) -> dict[str, str]:
    """Where a peer finds its database, word by word."""
    at = make_url(url)
    return {
        **os.environ, "PEER_HOST": at.host or "", "PEER_PORT": str(at.port or 5432), "PEER_USER": at.username or "",
        "PEER_PASSWORD": str(at.password or ""), "PEER_DATABASE": at.database or "",
    }  # fmt: skip


Started = tuple[list[str], Mapping[str, str]]


def _measure(many: int, ours: Started, theirs: Started) -> Line:
    subject, floor = Slices(), Slices()
    with _workers(many, *ours) as mine, _workers(many, *theirs) as peers:
        in_turns({"ours": _slice(mine, subject), "hordak": _slice(peers, floor)}, ROUNDS)
    words = f"{many} process{'es' if many > 1 else ''}"
    return compared(f"ledger transfer ÷ django-hordak's, {words}", subject, floor, AT_LEAST)


@contextmanager
def _workers(many: int, command: list[str], env: Mapping[str, str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ready; whatever ends the block ends their input and so them."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    command, env=env, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            )
            for _ in range(many)
        ]  # fmt: skip
        for each in started:
            _heard(each)
        yield started


def _heard(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    if not (line := worker.stdout.readline()):
        raise RuntimeError(f"{worker.args} ended: {worker.wait()}")
    return line


def _slice(workers: list[subprocess.Popen[str]], slices: Slices) -> Callable[[], None]:
    def act() -> None:
        for each in workers:
            assert each.stdin is not None
            each.stdin.write(f"{SLICE_SECONDS}\n")
            each.stdin.flush()
        told = [json.loads(_heard(each)) for each in workers]
        answers = [Answer(200, b"", seconds) for one in told for seconds in one["times"]]
        slices.add(answers, max(one["seconds"] for one in told), sum(one["cpu"] for one in told))

    return act


def _prove(lines: list[Line], mine: str, theirs_stand: int) -> None:
    """Every transfer that was counted stands, on both sides."""
    engine = create_engine(mine)
    with engine.connect() as hand:
        ours_stand = hand.execute(text("SELECT count(*) FROM ledger_transfers WHERE kind = 'hold'")).scalar_one()
    engine.dispose()
    for side, stand in (("subject", ours_stand), ("floor", theirs_stand)):
        if (counted := sum(line.detail[side]["count"] for line in lines)) != stand:
            raise RuntimeError(f"{side}: {counted} transfers were counted, {stand} stand")
