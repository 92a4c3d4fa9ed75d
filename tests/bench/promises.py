"""The promises that are kept or broken, at their full size: the tests of races and faults with more rounds."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from config.settings import ROOT
from tests.bench.measure import Line


def crowd() -> list[Line]:
    """500 redeemers of 50 places, 20 rounds; one key from 32 clients on both databases."""
    return [
        _suite(
            "500 redeemers of 50 places × 20, one key × 32", "tests/races/test_http_redemptions.py", XINYI_ROUNDS="20"
        )
    ]


def kills() -> list[Line]:
    """``kill -9`` of the server ten times on each database, and of PostgreSQL."""
    return [_suite("kill -9 × 10 on both databases, and of PostgreSQL", "tests/faults/test_kill.py", XINYI_KILLS="10")]


def rotations() -> list[Line]:
    """Every kind of key is rotated under load, on both databases, and the old ones are dropped."""
    return [_suite("keys rotated under load, no failed request", "tests/faults/test_rotation.py", XINYI_ROTATIONS="1")]


def restores() -> list[Line]:
    """A backup taken under load comes back whole: the books agree and every seal opens."""
    return [_suite("a backup taken under load, restored and proved", "tests/operating/test_backup_under_load.py")]


def _suite(name: str, path: str, **env: str) -> Line:
    started = time.perf_counter()
    command = [sys.executable, "-m", "pytest", path, "--tb", "short"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    said = done.stdout.strip().splitlines()
    if done.returncode:
        print(done.stdout[-4000:])
    outcome = f"{said[-1] if said else ''}; {time.perf_counter() - started:.0f} s"
    return Line(name, outcome, "all pass", 1.0 if done.returncode == 0 else 0.0, 1.0)
