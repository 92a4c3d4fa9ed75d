"""Spans arrive at a receiver, a real one on loopback, and hold nothing of anybody."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from backend import app as house
from backend.kit import db
from config import settings as settings_module
from config.settings import Settings, SettingsError
from tests.checked_client import CheckedClient
from tests.factories import accounts as make

V1 = "/api/v1"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Receiver(ThreadingHTTPServer):
    """An OTLP/HTTP receiver that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Kept)
        self.bodies: list[bytes] = []
        self.paths: list[str] = []

    def spans(self) -> list[Any]:
        found = []
        for body in self.bodies:
            message = ExportTraceServiceRequest.FromString(body)
            found += [s for r in message.resource_spans for scope in r.scope_spans for s in scope.spans]
        return found


class Kept(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.server.paths.append(self.path)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def traced(
    app: Flask, city: Any, settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    """The whole application once more, on the same database, with traces."""
    monkeypatch.setattr(house, "prepare", lambda _: None)
    asked = replace(settings, otel_endpoint=f"http://127.0.0.1:{receiver.server_port}", trusted_proxies=1)
    application = house.create_app(asked)
    yield application
    application.extensions["tracing"].shutdown()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_requests_and_their_statements_arrive_and_tell_of_nobody(traced: Flask, receiver: Receiver) -> None:
    with db.transaction() as session:
        who = make.resident(session)
        token = make.resident_token(session, who)
    client = CheckedClient(traced)
    answer = client.get(f"{V1}/me", token=token)
    client.get(f"{V1}/merchants/{who.name}?phone=19900001234", headers={"Referer": who.id_number})
    client.put(f"{V1}/me/identity", json={"name": who.name, "id_number": who.id_number}, token=token)
    assert traced.extensions["tracing"].force_flush()
    spans, raw = receiver.spans(), b"".join(receiver.bodies)
    assert set(receiver.paths) == {"/v1/traces"}
    request = next(span for span in spans if span.name == f"GET {V1}/me")
    told = attributes(request)
    assert (told["http.route"], told["http.response.status_code"]) == (f"{V1}/me", 200)
    assert told["xinyi.request_id"] == answer.headers["X-Request-Id"]
    assert f"GET {V1}/merchants/<string:public_code>" in {span.name for span in spans}
    below = [span for span in spans if span.parent_span_id == request.span_id]
    assert below and all(attributes(span)["db.query.text"].startswith("SELECT") for span in below)
    assert {span.trace_id for span in below} == {request.trace_id}
    for secret in (who.name, who.id_number, who.openid, token, "19900001234", str(who.resident_id),
                   who.resident_id.hex, str(who.account_id)):  # fmt: skip
        assert secret.encode() not in raw
    assert not any(span.events for span in spans)


def test_a_failure_is_marked_without_its_words(
    traced: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("测试甲乙")

    monkeypatch.setitem(traced.view_functions, "check_health", fail)
    assert traced.test_client().get("/healthz").status_code == 500
    assert traced.extensions["tracing"].force_flush()
    [span] = receiver.spans()
    assert span.status.code == 2 and "测试甲乙".encode() not in b"".join(receiver.bodies)


def test_only_a_trusted_proxys_trace_is_carried_on(traced: Flask, receiver: Receiver) -> None:
    given = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    traced.test_client().get("/healthz", headers={**given, "X-Forwarded-For": "203.0.113.7"})
    traced.test_client().get("/healthz", headers=given)
    assert traced.extensions["tracing"].force_flush()
    through, beside = receiver.spans()
    assert through.trace_id.hex() == TRACE and through.parent_span_id.hex() == "00f067aa0ba902b7"
    assert beside.trace_id.hex() != TRACE and not beside.parent_span_id


def test_without_an_endpoint_nothing_is_traced(app: Flask) -> None:
    assert "tracing" not in app.extensions


def test_the_packages_missing_are_a_clear_problem_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    env = {
        **settings_module.new_secrets(), "XINYI_ENVIRONMENT": "test", "DATABASE_URL": "sqlite:////tmp/x.db",
        "XINYI_PUBLIC_BASE_URL": "http://127.0.0.1:8000", "XINYI_WECHAT_APP_ID": "none",
        "XINYI_WECHAT_APP_SECRET": "none", "XINYI_OTEL_ENDPOINT": "http://127.0.0.1:4318",
    }  # fmt: skip
    assert Settings.from_env(env).otel_endpoint == "http://127.0.0.1:4318"

    def absent(_name: str) -> None:
        raise ModuleNotFoundError

    monkeypatch.setattr(settings_module, "find_spec", absent)
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(env)
    assert "XINYI_OTEL_ENDPOINT needs packages" in str(refused.value) and "[otel]" in str(refused.value)
    Settings.from_env({**env, "XINYI_OTEL_ENDPOINT": ""})
