"""A small application whose routes do what no route should, to see what leaves the house then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from backend.web import frame, problems

PERSONAL = "测试甲乙 329999199001020017 19900001234"
"""What nobody may ever read in a log or an answer."""


@pytest.fixture
def failing() -> Callable[[BaseException], FlaskClient]:
    """A client of an application whose one route, ``/x``, raises."""

    def client_of(error: BaseException) -> FlaskClient:
        small = Flask("small")
        small.config["PROPAGATE_EXCEPTIONS"] = False
        problems.install(small)
        frame.install(small, frame.Figures(CollectorRegistry()))

        @small.get("/x")
        def fail() -> Any:
            raise error

        return small.test_client()

    return client_of
