"""A database without room: nothing is lost, nothing is made, and whoever is refused is told why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import event, text

from backend.codes import service as codes
from backend.kit import db
from backend.ledger import service as ledger
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories.perks import give_points, shop
from tests.support.databases import bound_to_own

pytestmark = pytest.mark.once
V1 = "/api/v1"
KEYS = 80


@pytest.fixture
def own(app: Flask, city_contents: dict[str, dict[str, Any]]) -> Iterator[db.Database]:
    with bound_to_own("sqlite", city_contents) as mine:
        yield mine


def fill(database: db.Database) -> None:
    """Let the file grow no further: every connection from now on knows the most pages."""
    with database.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()

    @event.listens_for(database.engine, "checkout")
    def limit(raw: Any, _record: Any, _proxy: Any) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages}")

    database.filled = lambda: event.remove(database.engine, "checkout", limit)  # type: ignore[attr-defined]


def empty(database: db.Database) -> None:
    database.filled()  # type: ignore[attr-defined]

    @event.listens_for(database.engine, "checkout")
    def widen(raw: Any, _record: Any, _proxy: Any) -> None:
        raw.execute("PRAGMA max_page_count = 4294967294")


def counts(database: db.Database) -> dict[str, int]:
    names = ("ledger_transfers", "ledger_allocations", "perks_coupons", "operations")
    with db.reading() as reader:
        return {name: reader.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}  # noqa: S608


def test_a_full_database_refuses_with_its_reason_and_the_same_keys_go_through_once_there_is_room(
    app: Flask, own: db.Database
) -> None:
    client = CheckedClient(app)
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
        sold = shop(session, price_points=1, stock_total=10_000)
        who = people.resident(session)
        give_points(session, who.resident_id, 5_000)
        token = people.resident_token(session, who)
    path, keys = f"{V1}/perks/offers/{sold.offer_id}/redemptions", [str(uuid4()) for _ in range(KEYS)]
    fill(own)
    answers = [client.post(path, token=token, headers={"Idempotency-Key": key}) for key in keys]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert refused, "it never became full: that proves nothing"
    for answer in refused:
        assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/storage-full")
        assert answer.headers["Retry-After"] == "60"
    assert client.get(f"{V1}/me/wallet", token=token).get_json()["balance_points"] == 5_000 - KEYS + len(refused)
    at_full = counts(own)
    assert at_full["perks_coupons"] == at_full["operations"] == KEYS - len(refused)
    with db.reading() as reader:
        assert ledger.audit(reader).agrees
    empty(own)
    again = [client.post(path, token=token, headers={"Idempotency-Key": key}) for key in keys]
    assert {answer.status_code for answer in again} == {201}
    assert counts(own)["perks_coupons"] == KEYS
    for first, second in zip(answers, again, strict=True):
        assert first.status_code != 201 or first.get_json()["id"] == second.get_json()["id"]
    with db.reading() as reader:
        assert ledger.audit(reader).agrees
    assert client.get(f"{V1}/me/wallet", token=token).get_json()["balance_points"] == 5_000 - KEYS
