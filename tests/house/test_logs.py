"""What is logged is what the schema says, and what no log may hold is found where it is logged all the same."""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from backend.web import frame
from config.settings import ROOT, Settings
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.support import net

SCHEMA: dict[str, Any] = json.loads((ROOT / "config" / "log-schema.json").read_text("utf-8"))
EVENTS: dict[str, Any] = SCHEMA["$defs"]
METHODS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
COMMON = {"event", "level", "timestamp", "request_id", "trace_id", "trace"}
LOGGERS = {"log", "_lines"}
Call = tuple[str, str, frozenset[str], str]


def calls() -> Iterator[Call]:
    """Every ``log.<level>(event, …)`` in the code: event, level, names of its fields, and where it stands."""
    for path in sorted((ROOT / "backend").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            value = node.func.value
            if not (isinstance(value, ast.Name) and value.id in LOGGERS and node.func.attr in METHODS):
                continue
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            assert len(node.args) == 1, f"{where}: an event is one word; what it is about goes into named fields"
            assert isinstance(node.args[0], ast.Constant), f"{where}: an event is written out"
            names = frozenset(str(word.arg) for word in node.keywords) - {"exc_info"}
            yield str(node.args[0].value), METHODS[node.func.attr], names, where


def levels_of(event: str) -> set[str]:
    level = EVENTS[event]["properties"]["level"]
    return set(level.get("enum", [level.get("const")]))


def fields_of(event: str) -> set[str]:
    return set(EVENTS[event]["properties"]) - COMMON


@pytest.mark.once
def test_every_event_of_the_code_is_in_the_schema_with_its_level_and_its_fields() -> None:
    for event, level, names, where in calls():
        assert event in EVENTS, f"{where}: {event} is not in config/log-schema.json"
        assert level in levels_of(event), f"{where}: {event} at {level}"
        assert names == fields_of(event) == set(EVENTS[event]["required"]) - COMMON, f"{where}: {event}"


@pytest.mark.once
def test_the_schema_holds_no_event_that_the_code_has_not() -> None:
    assert set(EVENTS) == {event for event, *_ in calls()} | {"library"}
    assert SCHEMA["properties"]["event"]["enum"] == sorted(EVENTS)
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.once
def test_nothing_in_the_code_logs_past_the_house() -> None:
    """Only ``log`` logs: no other name for a logger, no logging module, no bare print of what goes on."""
    for path in sorted((ROOT / "backend").rglob("*.py")):
        text = path.read_text("utf-8")
        for line in text.splitlines():
            if "get_logger(" in line and path.name != "frame.py":
                assert line.startswith("log = structlog.get_logger("), f"{path}: {line}"
            assert "logging.getLogger(__name__)" not in line, path


@pytest.fixture
def everything_logged(settings: Settings) -> Iterator[None]:
    frame.configure_logging("debug", readable=False)
    yield
    frame.configure_logging(settings.log_level, readable=False)


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]


def test_the_lines_are_as_the_schema_says(
    client: CheckedClient, everything_logged: None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/api/v1/communities")
    client.get("/api/v1/me")
    monkeypatch.setitem(client.application.view_functions, "check_health", lambda: 1 / 0)
    assert client.application.test_client().get("/healthz").status_code == 500
    logging.getLogger("some.library").warning("a word about %s", "张三")
    try:
        raise OSError("张三")
    except OSError:
        logging.getLogger("some.library").exception("it broke for %s", "张三")
    told = lines(capfd)
    assert {line["event"] for line in told} == {"request", "request.failed", "library"}
    for line in told:
        Draft202012Validator(SCHEMA).validate(line)
    *_, word, broke = told
    assert word["words"] == "a word about %s" and word["level"] == "warning" and "trace" not in word
    assert broke["level"] == "error" and broke["trace"][0].startswith("OSError") and "张三" not in json.dumps(told)


def test_a_line_with_a_field_of_its_own_is_not_as_the_schema_says() -> None:
    good = {"event": "deadlock.repeated", "level": "info", "timestamp": "2026-01-01T00:00:00Z", "attempt": 1}
    validator = Draft202012Validator(SCHEMA)
    assert validator.is_valid(good)
    lacking = {name: value for name, value in good.items() if name != "attempt"}
    for change in ({"name": "x"}, {"event": "other"}, {"level": "error"}, {"attempt": "1"}, None):
        wrong = lacking if change is None else {**good, **change}
        assert not validator.is_valid(wrong), wrong


# --- the net -----------------------------------------------------------------------------------------------------


@pytest.fixture
def own_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A net of the test's own, apart from the run's."""
    monkeypatch.setenv(net.VARIABLE, str(tmp_path))
    monkeypatch.setattr(net, "_made", {})
    monkeypatch.setattr(net, "_said", {})
    yield tmp_path
    for file in (*net._made.values(), *net._said.values()):
        file.close()


def line(**fields: Any) -> str:
    return json.dumps({"event": "test.event", **fields}, ensure_ascii=False)


def test_what_was_made_is_found_in_any_form_and_told_without_its_value(own_net: Path) -> None:
    name, token = make.name(), net.made("token", "tok_" + uuid4().hex)
    shown = {
        "id number": f"/x/{make.id_number()}?y", "name": f"您好{name}。", "phone": "电话 19900001234 !",
        "openid": f"path={make.openid()}", "token": f"[{token}]", "code": "XY1:ABC",
        "refresh token": f"xr1.{'0' * 32}.",
        "password": f"p={net.made('password', 'correct horse battery staple')}", "one-time address": "otpauth://totp/x",
        "one-time secret": net.made("one-time secret", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
        "private key": net.made("private key", "d" * 43),
    }  # fmt: skip
    for text in shown.values():
        net.said(line(what=text))
    net.said(json.dumps({"event": "escaped", "what": name}))
    net.said("Traceback: " + name)
    found = net.search(own_net)
    assert {kind for event, kind in found if event == "test.event"} == set(shown)
    assert found["escaped", "name"] == 1 and found["(a line that is no JSON)", "name"] == 1
    assert not any(text in str(found) for text in (*shown.values(), name, token))


def test_a_clean_log_is_clean(own_net: Path) -> None:
    make.name(), make.id_number(), make.openid(), make.phone()
    net.said(line(request_id=str(uuid4()), milliseconds=13.812345678, route="/api/v1/me", account_id=str(uuid4())))
    net.said(line(what="测试工作人员 测试场馆", at="2026-11-24T18:21:34.123456Z", ns=1795544494123456789))
    assert net.search(own_net) == {}


def test_what_other_processes_say_falls_into_the_same_net(own_net: Path, tmp_path: Path) -> None:
    number = make.id_number()
    with net.open_for("server") as server:
        server.write(line(what=number).encode() + b"\n")
    (tmp_path / "elsewhere").mkdir()
    log = tmp_path / "elsewhere" / "log"
    log.write_text(line(what=number) + "\n")
    net.take(log)
    assert net.search(own_net) == {("test.event", "id number"): 2}


def test_the_application_of_the_suite_logs_into_the_net(client: CheckedClient, own_net: Path) -> None:
    client.get("/healthz")
    said = "".join(path.read_text() for path in own_net.glob("said-*"))
    assert '"event": "request"' in said and '"route": "/healthz"' in said
