"""Uploads to the real server: as they come, in bounded memory, and whoever dawdles keeps no place from others."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from select import select as select_ready
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from backend.batches.models import batches, frames
from backend.web.streaming import AT_ONCE
from config.settings import ROOT
from tests.support.databases import own_database
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer
from tests.support.reporting import HEAD, ITEM, file_of

pytestmark = pytest.mark.once
MIB = 1024 * 1024
LARGE = 48 * MIB


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[RealServer, str]]:
    with own_database("sqlite") as url, RealServer(url, Wanted(residents=1)) as running:
        made = subprocess.run(
            [sys.executable, "-m", "tests.support.reporting", "token"], cwd=ROOT, env=running.env,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        yield running, made.stdout.split()[-1]


def head(server: tuple[RealServer, str], length: int | None) -> bytes:
    running, token = server
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [f"POST /api/v1/batches?item_code={ITEM} HTTP/1.1", f"Host: 127.0.0.1:{running.port}", size,
             f"Authorization: Bearer {token}", f"Idempotency-Key: {uuid4()}", "Content-Type: text/csv",
             "Connection: close", "", ""]  # fmt: skip
    return "\r\n".join(lines).encode()


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    said = b""
    while part := connection.recv(65536):
        said += part
    status, body = int(said.split(b" ", 2)[1]), said.partition(b"\r\n\r\n")[2]
    return status, json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])


def resident_mib(running: RealServer) -> float:
    """Memory of the web server's processes, the largest of them."""
    pid = running.processes["web"].pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = [int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in children]
    return max(pages) * 4096 / MIB


def rows_in(running: RealServer, table: object) -> int:
    with running.database.read() as reader:
        return int(reader.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def connected(running: RealServer) -> socket.socket:
    return socket.create_connection(running.address, timeout=60)


def test_a_large_file_passes_through_without_being_held(server: tuple[RealServer, str]) -> None:
    running, _ = server
    with connected(running) as small:  # so that every library is loaded before
        content = file_of(10)
        small.sendall(head(server, len(content)) + content)
        assert answer(small)[0] == 201
    before, line = resident_mib(running), b"x" * 200 + b"\n"
    with connected(running) as connection:
        connection.sendall(head(server, None))
        first = (",".join(HEAD) + "\r\n").encode()
        for piece in (first, *[line * 5000] * (LARGE // len(line * 5000))):
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        status, said = answer(connection)
    assert (status, said["status"]) == (201, "received")
    assert int(str(said["size_bytes"])) > LARGE - 2 * MIB
    assert resident_mib(running) - before < LARGE / MIB * 0.7


def test_an_upload_that_breaks_off_leaves_nothing(server: tuple[RealServer, str]) -> None:
    running, _ = server
    before = rows_in(running, frames), rows_in(running, batches)
    with connected(running) as connection:
        connection.sendall(head(server, 10 * MIB) + b"a,b\n" * MIB)
    limit = time.monotonic() + 30
    while (now := (rows_in(running, frames), rows_in(running, batches))) != before:
        assert time.monotonic() < limit, now
        time.sleep(0.05)


def test_whoever_dawdles_keeps_no_place_from_others(server: tuple[RealServer, str]) -> None:
    running, _ = server
    content = file_of(10)
    with ExitStack() as open_:
        many = [open_.enter_context(connected(running)) for _ in range(2 * AT_ONCE + 4)]
        for connection in many:
            connection.sendall(head(server, len(content)) + content[:20])
        told: list[socket.socket] = []
        limit = time.monotonic() + 20
        while len(told) < 4 and time.monotonic() < limit:
            told, _, _ = select_ready(many, [], [], 1)
        refused = [answer(connection) for connection in told]
        assert len(refused) >= 4 and {status for status, _ in refused} == {503}
        assert {said["type"] for _, said in refused} == {"/problems/uploads-busy"}
        with connected(running) as other:
            other.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            assert other.recv(64).startswith(b"HTTP/1.1 200")
