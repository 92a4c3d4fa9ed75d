"""``make test``: every suite that this machine can run, and loudly what it cannot.

``XINYI_ALL_SUITES=1`` turns what cannot run into a failure. ``TEST_POSTGRESQL_URL`` and ``TEST_REDIS_URL`` name other
servers than the local ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import redis
from sqlalchemy import create_engine, text

from tests.client import install
from tests.support.nginx import nginx

ROOT = Path(__file__).resolve().parent.parent
POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
LOAD = (
    "keys, backups, restarts, crowds, all forms of setup and PostgreSQL's end under load take minutes;"
    " XINYI_ALL_SUITES=1 runs them"
)


def postgresql_missing() -> str:
    """Why the PostgreSQL suites cannot run; empty when they can."""
    try:
        engine = create_engine(POSTGRESQL, connect_args={"connect_timeout": 3})
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        engine.dispose()
    except Exception as error:
        return f"no PostgreSQL at {POSTGRESQL.rpartition('@')[2]} ({type(error).__name__}); set TEST_POSTGRESQL_URL"
    return ""


def redis_missing() -> str:
    """Why the Redis suite cannot run; empty when it can."""
    try:
        redis.Redis.from_url(REDIS, socket_connect_timeout=3).ping()
    except Exception as error:
        return f"no Redis at {REDIS.rpartition('@')[2]} ({type(error).__name__}); set TEST_REDIS_URL"
    return ""


def browser_missing() -> str:
    """Why the browser suite cannot run; empty when it can."""
    if not chromium():
        return "no Chromium (Debian's package chromium, or set CHROMIUM)"
    if not (ROOT / "backend" / "pages" / "static" / "vendor" / ".ready").exists():
        return "the pages' packages are not installed (make fetches them from npm)"
    return ""


def client_missing() -> str:
    """Why the suite of the mini-program's client cannot run; empty when it can."""
    return install.client_missing()


def chromium() -> str:
    """The browser's path; empty when there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""


def nginx_missing() -> str:
    """Why the suite of the reverse proxy cannot run; empty when it can."""
    return "" if nginx() else "no nginx (Debian's package nginx-light)"


def main() -> int:
    missing = {"postgresql": postgresql_missing(), "redis": redis_missing(), "browser": browser_missing(),
               "client": client_missing(), "nginx": nginx_missing()}  # fmt: skip
    insist = os.environ.get("XINYI_ALL_SUITES") == "1"
    for suite, why in missing.items():
        if why:
            print(f"{'FAILED' if insist else 'SKIPPED'}: the {suite} suite: {why}", flush=True)
    if insist and any(missing.values()):
        return 1
    skip = [f"not {suite}" for suite, why in missing.items() if why]
    if not insist:
        skip.append("not load")
        print(f"LEFT OUT: the load suite: {LOAD}", flush=True)
    rounds = [("SQLite", "", skip)]
    if not missing["postgresql"]:
        rounds.append(("PostgreSQL", POSTGRESQL, [*skip, "not once"]))
    started, status = time.monotonic(), 0
    for name, url, without in rounds:
        print(f"\n== The suite on {name} ==", flush=True)
        status = status or _run(url, without)
    print(f"\nAll suites: {time.monotonic() - started:.0f} s, {'failed' if status else 'passed'}", flush=True)
    for suite, why in missing.items():
        if why:
            print(f"SKIPPED: the {suite} suite: {why}", flush=True)
    if not insist:
        print(f"LEFT OUT: the load suite: {LOAD}", flush=True)
    return status


def _run(url: str, without: list[str]) -> int:
    env = {**os.environ, "TEST_DATABASE_URL": url, "TEST_POSTGRESQL_URL": POSTGRESQL, "TEST_REDIS_URL": REDIS}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes are started: let each find the code compiled
    workers = os.environ.get("XINYI_TEST_WORKERS", "3")
    command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "loadfile", "--no-loadscope-reorder"]
    command += ["--durations", "8"]
    if without:
        command += ["-m", " and ".join(without)]
    return subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
