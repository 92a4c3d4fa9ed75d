"""A session with 江宁's policies and signing keys, for the tests of perks."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.kit import city as cities
from backend.kit import clock, db
from backend.offers import policy
from tests.checked_client import CheckedClient


@pytest.fixture(scope="session")
def ready(app: Flask, city: dict[str, dict[str, Any]]) -> None:
    """江宁 loaded, its offers on the shelf, every purpose able to sign."""
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
        content = city["perks"]
        policy.apply(session, cities.Policy("perks", content["version"], clock.today(), content))


@pytest.fixture
def session(ready: None, session: Session) -> Session:
    return session


@pytest.fixture
def client(ready: None, client: CheckedClient) -> CheckedClient:
    return client
