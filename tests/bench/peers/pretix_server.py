"""pretix as its handbook runs it, for one measurement: gunicorn, PostgreSQL, Redis as cache and as Celery's broker.

Its database, its Redis and its data folder are made here and gone afterwards. What stays, beside its environment, is
the text of an empty schema: pretix's migrations take minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from tests.bench.peers.venvs import FOLDER, PeerMissing, python_of
from tests.support.databases import own_database
from tests.support.load import Address, flood, request
from tests.support.ports import free_port

SCHEMA = FOLDER / "pretix" / "schema.sql"
SEED = Path(__file__).with_name("pretix_seed.py")
READY_SECONDS, STOP_SECONDS = 120, 20
CONFIG = """[pretix]
instance_name=bench
url=http://127.0.0.1:{port}
datadir={folder}
[database]
backend=postgresql
name={at.database}
user={at.username}
password={password}
host={at.host}
port={db_port}
[redis]
location={redis_url}/1
[celery]
broker={redis_url}/2
backend={redis_url}/3
"""


@dataclass
class Pretix:
    """A pretix that answers: where, its main process, and what was sown in it."""

    address: Address
    pid: int
    database_url: str
    seed: dict[str, Any]

    def redeem(self, secret: str, nonce: object) -> bytes:
        """The request of a scanner that lets the holder of a ticket in."""
        path = f"/api/v1/organizers/{self.seed['organizer']}/checkinrpc/redeem/"
        body = {"secret": secret, "lists": [self.seed["list"]], "type": "entry", "nonce": str(nonce)}
        return _as_device(request("POST", path, self.seed["token"], body=body))


@contextmanager
def redis_of_its_own() -> Iterator[str]:
    """``redis://…`` of a Redis on loopback that keeps nothing. Raises PeerMissing."""
    command = shutil.which("redis-server")
    if not command:
        raise PeerMissing("no redis-server (Debian's package redis-server)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="xinyi-redis-") as folder:
        options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder)
        with _running([command, *options], dict(os.environ), Path(folder)):
            yield f"redis://127.0.0.1:{port}"


@contextmanager
def serving(tickets: int, workers: int, redis_url: str) -> Iterator[Pretix]:
    """pretix with so many unused tickets. Raises PeerMissing."""
    python = python_of("pretix")
    with own_database("postgresql") as url, tempfile.TemporaryDirectory(prefix="xinyi-pretix-") as made:
        folder, port = Path(made), free_port()
        at = make_url(url)
        config = CONFIG.format(port=port, folder=folder, at=at, password=at.password or "", db_port=at.port or 5432,
                               redis_url=redis_url)  # fmt: skip
        (folder / "pretix.cfg").write_text(config, "utf-8")
        env = {**os.environ, "PRETIX_CONFIG_FILE": str(folder / "pretix.cfg")}
        _schema(python, env, url, folder)
        print(f"pretix: sowing {tickets:,} tickets", flush=True)
        seed = json.loads(_run([str(python), str(SEED), str(tickets)], env, folder))
        _run(["psql", "-qX", "-c", "VACUUM ANALYZE"], _libpq(url), folder)
        # Its handbook's form: plain workers, a connection for each request.
        command = [str(python.with_name("gunicorn")), "pretix.wsgi", "--workers", str(workers), "--bind",
                   f"127.0.0.1:{port}", "--log-level", "error"]  # fmt: skip
        with _running(command, env, folder) as process:
            peer = Pretix(("127.0.0.1", port), process.pid, url, seed)
            _wait_ready(peer, process, folder)
            yield peer


def _schema(python: Path, env: dict[str, str], url: str, folder: Path) -> None:
    """The empty schema: from the text that is kept, else by pretix's migrations, whose outcome is kept."""
    if SCHEMA.exists():
        _run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-f", str(SCHEMA)], _libpq(url), folder)
        return
    print("pretix: its migrations run (once; some minutes)", flush=True)
    _run([str(python), "-m", "pretix", "migrate"], env, folder)
    half = SCHEMA.with_suffix(".half")
    _run(["pg_dump", "--no-owner", "-f", str(half)], _libpq(url), folder)
    half.rename(SCHEMA)


def _libpq(url: str) -> dict[str, str]:
    at = make_url(url)
    return {**os.environ, "PGHOST": at.host or "", "PGPORT": str(at.port or 5432), "PGUSER": at.username or "",
            "PGPASSWORD": str(at.password or ""), "PGDATABASE": at.database or ""}  # fmt: skip


def _run(command: list[str], env: dict[str, str], folder: Path) -> str:
    try:
        done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        raise PeerMissing(f"no {command[0]} (Debian's package postgresql-client)") from missing
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{done.stderr[-3000:]}")
    return done.stdout


@contextmanager
def _running(command: list[str], env: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(peer: Pretix, process: subprocess.Popen[bytes], folder: Path) -> None:
    asked = _as_device(request("GET", f"/api/v1/organizers/{peer.seed['organizer']}/", peer.seed["token"]))
    limit = time.monotonic() + READY_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        try:
            if flood(peer.address, [asked], 1)[0].status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"pretix did not become ready:\n{(folder / 'log').read_text('utf-8', 'replace')[-3000:]}")


def _as_device(raw: bytes) -> bytes:
    """pretix's word for whom a token belongs to."""
    return raw.replace(b"Authorization: Bearer ", b"Authorization: Device ", 1)
