"""The net under the suite: everything that any process of it logged, searched for what no log may hold.

While a run has a net (``XINYI_TEST_NET`` names its folder; the suite's conftest hangs it up), the factories tell it
what they made, the application's log lines fall into it whatever level is shown, and servers that tests start write
into it. When the run ends it is searched; what is found is told by event and kind, never by value.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import structlog

VARIABLE = "XINYI_TEST_NET"
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "exception": 40, "critical": 50}
_made: dict[str, IO[str]] = {}
_said: dict[str, IO[str]] = {}
_lock = threading.Lock()


def folder() -> Path | None:
    """Where the net of this run hangs; None when there is none."""
    return Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def hang() -> None:
    """Hang a net for this process and those that it starts."""
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="xinyi-net-")


def close() -> None:
    """Close this process's files of the net."""
    for files in (_made, _said):
        for file in files.values():
            file.close()
        files.clear()


def take_down() -> Counter[tuple[str, str]]:
    """Search the net and put it away."""
    where = folder()
    if where is None:
        return Counter()
    close()
    del os.environ[VARIABLE]
    try:
        return search(where)
    finally:
        shutil.rmtree(where, ignore_errors=True)


# --- what falls in -----------------------------------------------------------------------------------------------


def made(kind: str, value: str) -> str:
    """Tell the net of something that no log may hold, and give it back."""
    _write(_made, "made", f"{kind}\t{value}\n")
    return value


def telling(kind: str, make: Callable[..., str]) -> Callable[..., str]:
    """A function that makes such things, telling the net of each."""
    return lambda *args, **kwargs: made(kind, make(*args, **kwargs))


def _write(files: dict[str, IO[str]], what: str, line: str) -> None:
    where = folder()
    if where is None:
        return
    name = f"{what}-{os.getpid()}"
    with _lock:
        if name not in files:
            files[name] = (where / name).open("a", encoding="utf-8", buffering=1)
        files[name].write(line)


def said(line: str) -> None:
    """Let a log line of this process fall into the net."""
    _write(_said, "said", line + "\n")


def catching(configure: Callable[..., None]) -> Callable[..., None]:
    """``configure_logging`` that lets every line fall into the net and shows those of the level that was asked for."""

    def configured(level: str, *, readable: bool) -> None:
        configure("debug", readable=readable)
        least = LEVELS[level]

        def caught(_logger: Any, method: str, line: str) -> str:
            said(line)
            if LEVELS[method] < least:
                raise structlog.DropEvent
            return line

        structlog.get_config()["processors"].append(caught)  # in place: loggers put together meanwhile share the list

    return configured


@contextmanager
def open_for(name: str) -> Iterator[IO[bytes]]:
    """Where a server that a test starts writes what it says. The server has a handle of its own once it runs."""
    where = folder()
    path = Path(os.devnull) if where is None else where / f"said-{name}-{os.getpid()}"
    with path.open("ab") as target:
        yield target


def take(path: Path) -> None:
    """Let what a server wrote elsewhere fall into the net."""
    if (where := folder()) is not None and path.exists():
        with (where / f"said-{os.getpid()}-{path.parent.name}").open("ab") as target:
            target.write(path.read_bytes())


def tell_of_demo(told: dict[str, Any]) -> None:
    """Everything in a demo's hand-over that no log may hold."""
    for one in told["residents"]:
        for kind, name in (("name", "name"), ("id number", "id_number"), ("openid", "openid")):
            made(kind, one[name])
    for one in told["staff"]:
        made("password", one["password"])
        made("one-time secret", one["totp_secret"])
    for one in told["devices"]:
        made("private key", one["private_key_jwk"]["d"])


# --- the search --------------------------------------------------------------------------------------------------

ALWAYS = {
    "id number": re.compile(r"329999\d{11}[\dX]"),
    "phone": re.compile(r"(?<![\w.-])1[3-9]\d{9}(?![\w-])"),
    "openid": re.compile(r"\bo-[0-9a-f]{24}\b"),
    "token": re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.|(?i:bearer) [\w.-]{20,}"),
    "refresh token": re.compile(r"xr1\.[0-9a-f]{32}\."),
    "code": re.compile(r"XY1:"),
    "one-time address": re.compile(r"otpauth://"),
}
"""What is found by its form, whoever made it."""
_WORD = re.compile(r"[\w-]{8,}")
_PLAIN_NAME = re.compile(r"测试(?=(..))")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")


def search(where: Path) -> Counter[tuple[str, str]]:
    """How often each ``(event, kind)`` was found in a net."""
    exact, loose = _known(where)
    found: Counter[tuple[str, str]] = Counter()
    for path in sorted(where.glob("said-*")):
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                found.update((_event(line), kind) for kind in set(_kinds(line, exact, loose)))
    return found


def _known(where: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What was made: as whole words (value: kind), and what is looked for anywhere in a line."""
    exact: dict[str, str] = {}
    loose: dict[str, str] = {}
    for path in where.glob("made-*"):
        for line in path.read_text("utf-8").splitlines():
            kind, _, value = line.partition("\t")
            if kind == "token":
                value = value.rpartition(".")[2]  # its secret end: a word, so that thousands are looked up at once
            if _WORD.fullmatch(value) or (len(value) == 4 and value.startswith("测试")):
                exact[value] = kind
            elif len(value) >= 2:
                loose[value] = kind
    return exact, loose


def _kinds(line: str, exact: dict[str, str], loose: dict[str, str]) -> Iterator[str]:
    line = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), line)
    yield from (kind for kind, form in ALWAYS.items() if form.search(line))
    words: Iterable[str] = _WORD.findall(line)
    yield from (exact[word] for word in words if word in exact)
    yield from (exact[name] for found in _PLAIN_NAME.finditer(line) if (name := "测试" + found[1]) in exact)
    yield from (kind for value, kind in loose.items() if value in line)


def _event(line: str) -> str:
    try:
        return str(json.loads(line)["event"])
    except (ValueError, KeyError, TypeError):
        return "(a line that is no JSON)"
