"""Departments with data officers, and a way to send a file and have it worked off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.accounts import service as accounts
from backend.batches import work
from backend.kit import db
from tests.checked_client import CheckedClient
from tests.factories import accounts as people

API, SOURCE = "/api/v1", "区发展和改革委员会"


@dataclass(frozen=True)
class Officer:
    """A data officer of a department and her token."""

    staff: people.Staff
    token: str

    @property
    def organisation_id(self) -> UUID:
        return self.staff.organisation_id


@pytest.fixture
def officer_of(client: CheckedClient) -> Callable[[str], Officer]:
    """A data officer of the department that the catalogue calls so."""

    def make(department: str) -> Officer:
        with db.transaction() as session:
            found = [one for one in accounts.organisations(session, kind="department") if one.name == department]
            where = found[0].id if found else people.organisation(session, "department", department)
            staff = people.staff(session, "data-officer", where)
            return Officer(staff, people.staff_token(session, staff))

    return make


@pytest.fixture
def office(client: CheckedClient) -> Officer:
    with db.transaction() as session:
        staff = people.staff(session, "office")
        return Officer(staff, people.staff_token(session, staff))


class Desk:
    """Sends, works off, and reads what came of it."""

    def __init__(self, client: CheckedClient) -> None:
        self.client = client

    def send(
        self, officer: Officer, item_code: str, content: bytes, media_type: str = "text/csv", mode: str = "report",
        key: object = None, **query: str,
    ) -> Any:  # fmt: skip
        return self.client.post(
            f"{API}/batches", token=officer.token, key=key or uuid4(), data=content,
            headers={"Content-Type": media_type}, query_string={"item_code": item_code, "mode": mode, **query},
        )  # fmt: skip

    def done(self, officer: Officer, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """A file that was sent and worked off."""
        answer = self.send(officer, *args, **kwargs)
        assert answer.status_code == 201, answer.get_data(as_text=True)
        work_off()
        return self.read(officer, answer.get_json()["id"])

    def read(self, officer: Officer, batch_id: str) -> dict[str, Any]:
        answer = self.client.get(f"{API}/batches/{batch_id}", token=officer.token)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.get_json()
        return found

    def returned(self, officer: Officer, batch_id: str, form: str = "csv") -> bytes:
        answer = self.client.get(f"{API}/batches/{batch_id}/rejected.{form}", token=officer.token)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_data()


def work_off() -> None:
    """Work until nothing waits."""
    while work.work_once():
        pass


@pytest.fixture
def desk(client: CheckedClient) -> Desk:
    return Desk(client)


@pytest.fixture
def officer(officer_of: Callable[[str], Officer]) -> Officer:
    return officer_of(SOURCE)
