"""The real server on loopback: Granian and the worker as ``backend.serve`` starts them, on a database of their own.

Only what was started here is stopped here, by its process id.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType

from backend.kit.db import Database
from backend.serve import commands, shared_figures
from config import secrets_file
from config.settings import ROOT, Settings, new_secrets
from tests.support import net
from tests.support.databases import own_database
from tests.support.load import Address
from tests.support.ports import free_port
from tests.support.prepare import Made, Wanted
from tests.wechat_server import APP_ID, APP_SECRET, WechatServer

READY_SECONDS = 90
STOP_SECONDS = 30
PREPARE_SECONDS = 120


class RealServer:
    """Server, worker and stand-in WeChat for one database. ``made`` is what was prepared in it."""

    def __init__(
        self, database_url: str, wanted: Wanted, *, with_worker: bool = False, log_level: str = "warning",
        redis_url: str = "",
    ) -> None:  # fmt: skip
        self.log_level, self.redis_url = log_level, redis_url
        self._folder = tempfile.TemporaryDirectory(prefix="xinyi-server-")
        self.folder = Path(self._folder.name)
        self.port = free_port()
        self.wechat = WechatServer(port=0)
        self.env = self._environment(database_url)
        self.settings = Settings.from_env(self.env)
        self.env = shared_figures(self.settings, self.env)
        self.wanted, self.with_worker = wanted, with_worker
        self.commands: dict[str, list[str]] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.database = Database(database_url, pool_size=5)
        self.made = Made([], [], [], "", "", [], [])

    def _environment(self, database_url: str) -> dict[str, str]:
        for name, value in new_secrets().items():
            if name != "XINYI_METRICS_TOKEN":
                secrets_file.change(self.folder / "secrets", name, value)
        return {
            **os.environ,
            "XINYI_SECRETS_FILE": str(self.folder / "secrets"),
            "XINYI_METRICS_TOKEN": "",
            "XINYI_ENVIRONMENT": "test",
            "DATABASE_URL": database_url,
            "XINYI_PUBLIC_BASE_URL": f"http://127.0.0.1:{self.port}",
            "XINYI_WECHAT_BASE_URL": self.wechat.base_url,
            "XINYI_WECHAT_APP_ID": APP_ID,
            "XINYI_WECHAT_APP_SECRET": APP_SECRET,
            "XINYI_FILES_ROOT": str(self.folder / "files"),
            "XINYI_INSTANCE_ROOT": str(self.folder),
            "XINYI_REDIS_URL": self.redis_url,
            "XINYI_HOST": "127.0.0.1",
            "XINYI_PORT": str(self.port),
            "XINYI_WORKERS": "2",
            "XINYI_LIMITS": "count",
            "XINYI_LOG_LEVEL": "info" if net.folder() else self.log_level,
            "PYTHONPATH": str(ROOT),
        }

    @property
    def address(self) -> Address:
        return "127.0.0.1", self.port

    def __enter__(self) -> RealServer:
        self.wechat.__enter__()
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None and (said := self.said()):
            print(f"--- the server said ---\n{said[-6000:]}", file=sys.stderr)
        self.stop()
        self.wechat.__exit__(kind, error, at)
        self.close()

    def prepare(self) -> None:
        """Make the schema and what is wanted, by a process of its own."""
        wanted, made = self.folder / "wanted.json", self.folder / "made.json"
        wanted.write_text(json.dumps(asdict(self.wanted)), "utf-8")
        command = [sys.executable, "-m", "tests.support.prepare", str(wanted), str(made)]
        done = subprocess.run(
            command, env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=PREPARE_SECONDS, check=False
        )
        if done.returncode:
            raise RuntimeError(f"preparing the database failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        self.made = Made.read(made)

    def start(self) -> None:
        """Start the processes and wait until they are ready."""
        planned = commands(self.settings)
        if not self.with_worker:
            planned.pop("worker")
        for name, command in planned.items():
            self._launch(name, command)
        self.wait_ready()

    def start_beside(self, name: str, command: Sequence[str] = (), target: str = "wsgi:app") -> Address:
        """Another web server on the same database and settings: Granian with ``target``, or another ``command`` in
        which ``PORT`` stands for its port. Its address."""
        port = free_port()
        if command:
            planned = [part.replace("PORT", str(port)) for part in command]
        else:
            granian = commands(replace(self.settings, port=port))["web"]
            planned = [target if part == "wsgi:app" else part for part in granian]
        self._launch(name, planned)
        self.wait_ready(name, ("127.0.0.1", port))
        return "127.0.0.1", port

    def flask(self, *words: str) -> str:
        """Run a command beside the server, as its operator would, and return what it says."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi:app", *words]
        done = subprocess.run(command, env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(f"flask {' '.join(words)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout

    def _launch(self, name: str, command: list[str]) -> None:
        self.commands[name] = command
        with (self.folder / "log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=self.env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def wait_ready(self, name: str = "web", address: Address | None = None) -> None:
        """Wait until ``/readyz`` answers 200."""
        limit = time.monotonic() + READY_SECONDS
        while time.monotonic() < limit:
            if dead := [name for name, process in self.processes.items() if process.poll() is not None]:
                raise RuntimeError(f"{dead} ended:\n{self.said()[-4000:]}")
            if self._all_workers_up(name) and _asked_ready(address or self.address):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the server did not become ready:\n{self.said()[-4000:]}")

    def _all_workers_up(self, name: str) -> bool:
        """Whether each of Granian's workers has started its threads: one that comes late would not share the load."""
        if Path(self.commands[name][0]).name != "granian":
            return True
        main = self.processes[name].pid
        children = Path(f"/proc/{main}/task/{main}/children")
        if not children.exists():
            return True
        workers = [Path(f"/proc/{pid}/task") for pid in children.read_text().split()]
        up = [path for path in workers if path.exists() and len(list(path.iterdir())) > 1]
        return len(up) >= self.settings.workers

    def kill(self) -> None:
        """``kill -9`` of everything at once: the server with all its workers, and the worker."""
        for process in self.processes.values():
            os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes.values():
            process.wait()
        self.processes.clear()

    def stop(self) -> None:
        """End what was started, gently and then not."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes.clear()

    def close(self) -> None:
        """Give back what is held beside the processes."""
        net.take(self.folder / "log")
        self.database.dispose()
        self._folder.cleanup()

    def said(self) -> str:
        """What the processes wrote: warnings and errors."""
        log = self.folder / "log"
        return log.read_text("utf-8", "replace") if log.exists() else ""


def _asked_ready(address: Address) -> bool:
    connection = http.client.HTTPConnection(*address, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def serving(
    kind: str, wanted: Wanted, *, with_worker: bool = False, log_level: str = "warning", redis_url: str = ""
) -> Iterator[RealServer]:
    """A real server on a new ``sqlite`` or ``postgresql`` database with what is wanted in it."""
    with own_database(kind) as url:
        with RealServer(url, wanted, with_worker=with_worker, log_level=log_level, redis_url=redis_url) as server:
            yield server
