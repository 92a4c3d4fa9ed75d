"""Who may say what a request is called."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from backend.operating.proxy import Site, render
from backend.web import frame, naming, problems

ID = "6f1f0c1d2b3a49588877665544332211"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
THROUGH = {"X-Forwarded-For": "203.0.113.7"}


def client_of(trusted_proxies: int) -> FlaskClient:
    small = Flask("small")
    problems.install(small)
    frame.install(small, frame.Figures(CollectorRegistry()), trusted_proxies)
    small.add_url_rule("/x", view_func=lambda: "x")
    return small.test_client()


def called(trusted_proxies: int, **headers: str) -> str:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return client_of(trusted_proxies).get("/x", headers=given).headers["X-Request-Id"]


def test_a_trusted_proxy_names_the_request_and_the_answer_carries_the_name() -> None:
    assert called(1, X_Request_Id=ID, **THROUGH) == str(UUID(ID))
    assert called(1, X_Request_Id=str(UUID(ID)).upper(), **THROUGH) == str(UUID(ID))


def test_a_caller_names_nothing() -> None:
    assert called(0, X_Request_Id=ID, **THROUGH) != str(UUID(ID))
    assert called(1, X_Request_Id=ID) != str(UUID(ID)), "it did not come through the proxy"
    assert called(2, X_Request_Id=ID, **THROUGH) != str(UUID(ID)), "it came through one of two"


@pytest.mark.parametrize("given", ["", "x", ID + "0", ID[:-1], ID + "\n", "../../etc", "😀", "a" * 5000, ID[:-1] + "g"])
def test_a_name_that_is_no_id_is_replaced(given: str) -> None:
    made = called(1, X_Request_Id=given.encode("utf-8", "ignore").decode("latin-1").replace("\n", " "), **THROUGH)
    assert UUID(made).version == 4 and made != str(UUID(ID))


@pytest.fixture
def everything_logged() -> Iterator[None]:
    frame.configure_logging("debug", readable=False)
    yield
    frame.configure_logging("warning", readable=False)


def test_the_trace_of_a_trusted_proxy_stands_in_the_log(
    everything_logged: None, capfd: pytest.CaptureFixture[str]
) -> None:
    client = client_of(1)
    client.get("/x", headers={**THROUGH, "traceparent": PARENT})
    client.get("/x", headers={**THROUGH, "traceparent": "00-" + "0" * 32 + "-00f067aa0ba902b7-01"})
    client.get("/x", headers={"traceparent": PARENT})
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert [line.get("trace_id") for line in told] == [TRACE, None, None]


@pytest.mark.parametrize(
    "header", ["", "x", PARENT[:-1], PARENT.upper(), "ff" + PARENT[2:], PARENT + "x", "00-" + PARENT]
)
def test_a_broken_traceparent_is_none(header: str) -> None:
    assert naming.trace_of(header) is None


def test_the_proxy_example_sets_both_itself() -> None:
    """For all locations at once: one that set a header of its own would inherit none of them."""
    *_, serving = render(Site("https://xinyi.example.cn", "127.0.0.1:8000")).split("\nserver {")
    above, *locations = serving.split("\n    location ")
    assert sum("proxy_pass " in one for one in locations) >= 3
    assert not any("proxy_set_header" in one for one in locations)
    assert above.count("proxy_set_header X-Request-Id $request_id;") == 1
    assert above.count('proxy_set_header traceparent "";') == 1
