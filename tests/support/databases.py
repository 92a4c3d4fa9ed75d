"""Databases that a test owns: made for it, dropped after it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine, make_url, text

from backend.kit import city, db, migrations
from tests.support.ports import free_port

LOCAL_SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
START_SECONDS = 30


def server_url() -> str:
    """The PostgreSQL server on which databases may be made (``TEST_POSTGRESQL_URL``, else the local one)."""
    return os.environ.get("TEST_POSTGRESQL_URL") or LOCAL_SERVER


class OwnPostgresqlDatabase:
    """A database with a random name on a server, dropped at the end. Entering gives its address."""

    def __init__(self, server: str) -> None:
        self.server = make_url(server)
        self.name = f"xinyi_test_{secrets.token_hex(6)}"

    def _run(self, statement: str) -> None:
        engine = create_engine(self.server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def __enter__(self) -> str:
        self._run(f"CREATE DATABASE \"{self.name}\" TEMPLATE template0 ENCODING 'UTF8'")
        return self.server.set(database=self.name).render_as_string(hide_password=False)

    def __exit__(self, *_: object) -> None:
        self._run(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


@contextmanager
def own_database(kind: str) -> Iterator[str]:
    """The address of an empty ``sqlite`` file or ``postgresql`` database."""
    if kind == "postgresql":
        with OwnPostgresqlDatabase(server_url()) as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="xinyi-test-") as folder:
        yield f"sqlite:///{folder}/xinyi.db"


@contextmanager
def bound_to_own(kind: str, city_contents: dict[str, dict[str, Any]]) -> Iterator[db.Database]:
    """A database with the schema and the city and nothing else, bound in place of the run's: nobody's moved clock and
    nobody's rows are in it."""
    before = db.current()
    with own_database(kind) as url:
        mine = db.Database(url, pool_size=5)
        db.bind(mine)
        try:
            migrations.upgrade()
            with db.transaction() as session:
                city.load(session, city_contents)
            yield mine
        finally:
            db.bind(before)
            mine.dispose()


def initdb() -> str:
    """The path of PostgreSQL's ``initdb``; empty when this machine has none."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return shutil.which("initdb") or (str(newest[-1]) if newest else "")


class OwnCluster:
    """A PostgreSQL cluster of a test's own, on loopback, that may be killed. ``initdb`` refuses root, so that under
    root it belongs to an unprivileged user."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="xinyi-cluster-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._as_user: dict[str, object] = {}
        if os.geteuid() == 0:
            self._as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.folder, "postgres", "postgres")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> OwnCluster:
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        command = [initdb(), "-D", str(self.folder / "data"), *options]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self._as_user)  # type: ignore[call-overload]
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=START_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the cluster and wait until it answers; after a kill its orphans must have gone first."""
        limit = time.monotonic() + START_SECONDS
        while time.monotonic() < limit:
            if self.process is None or self.process.poll() is not None:
                self.process = self._launch()
            try:
                psycopg.connect(make_url(self.url).set(drivername="postgresql").render_as_string()).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise RuntimeError(f"the cluster did not start:\n{(self.folder / 'log').read_text()[-2000:]}")

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [
            str(Path(initdb()).resolve().with_name("postgres")), "-D", str(self.folder / "data"),
            "-k", str(self.folder), "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60",
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._as_user)  # type: ignore[call-overload,no-any-return]

    def kill(self) -> None:
        """``kill -9`` of the postmaster; its children notice and go."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
