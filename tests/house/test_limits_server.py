"""Limits on the real server: several workers count together through Redis, and go on alone when it dies."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from config.settings import Settings
from tests.support.databases import own_database
from tests.support.load import Address
from tests.support.ports import free_port
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer

pytestmark = [pytest.mark.once, pytest.mark.redis]
STAFF_SIGN_IN = 30
"""A minute's amount of staff sign-ins from one address, all of which may come at once."""


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A Redis of this test's own, which it may kill."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server on this machine")
    port = free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            continue
    client.close()
    yield port, process
    process.kill()
    process.wait()


@pytest.fixture
def server(own_redis: tuple[int, subprocess.Popen[bytes]]) -> Iterator[RealServer]:
    with own_database("sqlite") as url:
        limited = RealServer(url, Wanted())
        limited.env |= {"XINYI_LIMITS": "on", "XINYI_REDIS_URL": f"redis://127.0.0.1:{own_redis[0]}/0"}
        limited.settings = Settings.from_env(limited.env)
        assert limited.settings.workers > 1
        with limited:
            yield limited


def guess(address: Address, username: str) -> tuple[int, dict[str, str]]:
    """One wrong sign-in on a connection of its own, so that any worker may get it."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    body = json.dumps({"username": username, "password": "wrong-password-here", "otp": "000000"})
    try:
        connection.request("POST", "/api/v1/auth/staff", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, dict(answer.getheaders())
    finally:
        connection.close()


def test_workers_count_together_and_go_on_alone_when_redis_dies(
    server: RealServer, own_redis: tuple[int, subprocess.Popen[bytes]]
) -> None:
    told = [guess(server.address, f"guess-{uuid4().hex[:8]}") for _ in range(STAFF_SIGN_IN + 15)]
    passed = sum(status == 401 for status, _ in told)
    assert STAFF_SIGN_IN <= passed <= STAFF_SIGN_IN + 10, "one more comes free every two seconds"
    status, headers = told[-1]
    lowered = {name.lower(): value for name, value in headers.items()}
    assert status == 429 and 1 <= int(lowered["retry-after"]) <= 2
    assert lowered["ratelimit"].startswith('"staff-sign-in";r=0;t=')
    own_redis[1].kill()
    own_redis[1].wait()
    begun = time.monotonic()
    alone = [guess(server.address, f"guess-{uuid4().hex[:8]}")[0] for _ in range(10)]
    assert alone == [401] * 10, "nobody is turned away because Redis is"
    assert time.monotonic() - begun < 15
    assert "limits.redis_away" in server.said()
