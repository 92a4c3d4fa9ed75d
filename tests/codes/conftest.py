"""A session in which every purpose has its key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.codes import statuses
from backend.codes.models import CodeKey, Revocation, Status, StatusList
from backend.kit import seal

BASE_URL = "https://xinyi.example.cn"


@pytest.fixture
def session(session: Session) -> Session:
    """The rolled-back session, in which nobody has keys, lists or codes yet."""
    for table in (Revocation, Status, StatusList, CodeKey):
        session.execute(delete(table))
    return session


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keys and an address of the tests' own, and nothing kept from test to test."""
    monkeypatch.setattr(seal, "_bound", None)
    monkeypatch.setattr(statuses, "_base_url", None)
    seal.bind(seal.Sealer(master_keys={"m1": b"m" * 32}, current="m1", hash_keys={"h1": b"h" * 32}, current_hash="h1"))
    codes.bind(BASE_URL + "/")
    codes.forget_keys()
    yield
    codes.forget_keys()


@pytest.fixture
def keyed(session: Session, bound: None) -> Session:
    """The rolled-back session, with keys for 320115."""
    codes.ensure_keys(session, "320115")
    return session
