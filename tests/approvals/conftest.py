"""An office of two, and what they send."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.kit import clock, db
from backend.ledger import service as ledger
from tests.checked_client import CheckedClient
from tests.factories import accounts as people


@dataclass
class Office:
    """Two colleagues of one office, an auditor, and a resident."""

    client: CheckedClient
    organisation_id: UUID
    first: str
    second: str
    auditor: str
    resident: people.Resident

    def send(self, path: str, token: str, body: Any = None, key: Any = None) -> Any:
        return self.client.post(f"/api/v1{path}", json=body, token=token, key=key or uuid4())

    def read(self, path: str, token: str = "", **query: str) -> Any:
        return self.client.get(f"/api/v1{path}", token=token or self.first, query_string=query)

    def decide(self, made: Any, token: str = "", decision: str = "approve", digest: str = "") -> Any:
        body = {"decision": decision, "reason": "已核对", "digest": digest or made["digest"]}
        return self.send(f"/approvals/{made['id']}/decisions", token or self.second, body)


@pytest.fixture
def office(client: CheckedClient, database: db.Database) -> Iterator[Office]:
    with db.transaction() as session:
        where = people.organisation(session, "office")
        tokens = [people.staff_token(session, people.staff(session, role, where))
                  for role in ("office", "office", "auditor")]  # fmt: skip
        ledger.grant_budget(session, where, clock.today(), 100, None)
        resident = people.resident(session)
    yield Office(client, where, *tokens, resident)
    with db.reading() as reader:
        assert ledger.audit(reader).agrees


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True).get("type", "")).removeprefix("/problems/")
