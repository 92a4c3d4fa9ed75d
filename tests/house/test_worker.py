"""The worker is a process of its own: it does what the day owes and ends when asked, by either clock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from config.settings import ROOT, Settings, new_secrets
from tests.support import net

PATIENCE_SECONDS = 60


def environment(folder: Path, redis_url: str) -> dict[str, str]:
    return {
        **os.environ,
        **new_secrets(),
        "XINYI_ENVIRONMENT": "test",
        "DATABASE_URL": f"sqlite:///{folder / 'worker.db'}",
        "XINYI_PUBLIC_BASE_URL": "http://127.0.0.1:8000",
        "XINYI_WECHAT_BASE_URL": "http://127.0.0.1:9",
        "XINYI_WECHAT_APP_ID": "none",
        "XINYI_WECHAT_APP_SECRET": "none",
        "XINYI_INSTANCE_ROOT": str(folder),
        "XINYI_FILES_ROOT": str(folder / "files"),
        "XINYI_REDIS_URL": redis_url,
        "FLASK_APP": "wsgi:app",
    }


def done_jobs(url: str) -> set[str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT job FROM job_runs WHERE done_at IS NOT NULL")).scalars()
        jobs = set(found)
    engine.dispose()
    return jobs


@pytest.mark.once
@pytest.mark.parametrize("clock", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def test_the_worker_does_what_the_day_owes_and_ends_when_asked(tmp_path: Path, clock: str) -> None:
    redis_url = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15") if clock == "redis" else ""
    env = environment(tmp_path, redis_url)
    Settings.from_env(env)
    for command in (
        ["database", "upgrade"],
        ["city", "load", "config/cities/320115"],
        ["codes", "generate", "--issuer", "320115"],
    ):
        subprocess.run([sys.executable, "-m", "flask", *command], cwd=ROOT, env=env, check=True, capture_output=True)
    loud = env | {"XINYI_LOG_LEVEL": "debug"}
    with net.open_for("worker") as said:
        worker = subprocess.Popen([sys.executable, "-m", "backend.worker"], cwd=ROOT, env=loud, stderr=said)
    try:
        limit = time.monotonic() + PATIENCE_SECONDS
        wanted = {"codes.tend-keys", "ledger.audit", "community.fund", "scores.recompute-due"}
        while not (done := done_jobs(env["DATABASE_URL"])) >= wanted:
            assert worker.poll() is None and time.monotonic() < limit, f"done so far: {sorted(done)}"
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
