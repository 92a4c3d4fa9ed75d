"""A real demo in a folder of its own, a real browser, and pages that are watched.

``XINYI_TEST_DEMO=/path/to/instance`` uses a demo that is running already (its ``demo.json`` lies there) instead of
starting one: handy while working on a page.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from config.settings import ROOT
from tests.browser.people import Demo
from tests.browser.watching import Watched
from tests.suites import chromium
from tests.support import net

READY_SECONDS = 150
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, seeded and ready."""
    if given := os.environ.get("XINYI_TEST_DEMO"):
        yield Demo(json.loads((Path(given) / "demo.json").read_text("utf-8")), Path(given))
        return
    folder = tmp_path_factory.mktemp("demo")
    env = {**os.environ, "PORT": str(_free_pair()), "XINYI_INSTANCE_ROOT": str(folder), "DATABASE_URL": "",
           "XINYI_LOG_LEVEL": "info"}  # fmt: skip
    log = folder / "demo.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "backend.demonstrate"]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)
        try:
            told = _handover(process, folder, log)
            net.tell_of_demo(told)
            yield Demo(told, folder)
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
            net.take(log)


def _free_pair() -> int:
    """A port that is free together with the next one."""
    for _ in range(50):
        with closing(socket.socket()) as first, closing(socket.socket()) as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return int(port)
    raise AssertionError("no two free ports side by side")


def _handover(process: subprocess.Popen[bytes], folder: Path, log: Path) -> dict[str, Any]:
    limit = time.monotonic() + READY_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        with suppress(OSError, ValueError, httpx.TransportError):
            told: dict[str, Any] = json.loads((folder / "demo.json").read_text("utf-8"))
            if httpx.get(f"{told['base_url']}/readyz", timeout=2).status_code == 200:
                return told
        time.sleep(0.25)
    raise AssertionError(f"the demo did not become ready:\n{log.read_text('utf-8', 'replace')[-3000:]}")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, quiet: it phones nobody."""
    running = playwright.chromium.launch(executable_path=chromium(), args=SWITCHES)
    yield running
    running.close()


@pytest.fixture
def open_page(browser: Browser, demo: Demo) -> Iterator[Callable[..., Watched]]:
    """Open a path in a browser of its own, the size of a phone. What went wrong meanwhile fails the test at its end."""
    contexts: list[BrowserContext] = []
    pages: list[Watched] = []

    def opened(path: str, **options: Any) -> Watched:
        context = browser.new_context(**{"viewport": PHONE, "locale": "zh-CN", "base_url": demo.base_url, **options})
        context.set_default_timeout(15000)
        contexts.append(context)
        page = Watched(context, demo.base_url)
        pages.append(page)
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    for page in pages:
        assert not page.complaints, page.complaints
        assert not page.strangers, f"another host was asked: {page.strangers}"
