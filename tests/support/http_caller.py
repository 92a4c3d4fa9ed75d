"""A caller who keeps a connection to the real server and says which answers are right."""

from __future__ import annotations

import http.client
import json
from collections.abc import Collection
from typing import Any
from uuid import uuid4

from tests.support.load import Address


class Caller:
    """Requests one after the other. ``wrong`` collects every answer that was not among the expected."""

    def __init__(self, address: Address) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=30)
        self.wrong: list[tuple[str, int, str]] = []
        self.sent = 0

    def call(self, method: str, path: str, token: str = "", body: Any = None, expect: Collection[int] = (200,)) -> Any:
        """The answer's JSON; None where it was wrong."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        raw = answer.read()
        self.sent += 1
        if answer.status not in expect:
            self.wrong.append((f"{method} {path}", answer.status, raw.decode("utf-8", "replace")[:300]))
            return None
        return json.loads(raw) if raw else {}

    def close(self) -> None:
        self._connection.close()
