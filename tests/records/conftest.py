"""What this room's tests listen to."""

from __future__ import annotations

from typing import Any

import pytest

from backend.kit import outbox


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    heard: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(outbox, "tell", lambda session, topic, payload, shard=None: heard.append((topic, payload)))
    return heard
