"""Redeeming through the real server by many at the same moment, with real commits.

``XINYI_ROUNDS=20`` plays twenty rounds instead of three.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support import books
from tests.support.load import Answer, request, volley
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer, serving

pytestmark = [pytest.mark.load, pytest.mark.once]

ROUNDS = int(os.environ.get("XINYI_ROUNDS", "3"))
CROWD, STOCK, PRICE, CLIENTS = 500, 50, 10, 32
LIMITED = {"price_points": PRICE, "stock_total": STOCK, "per_person": {"limit": 1, "window": "ever"}}


def redeem(server: RealServer, offer: int, resident: int, key: object) -> bytes:
    made = server.made
    path = f"/api/v1/perks/offers/{made.offers[offer]}/redemptions"
    return request("POST", path, made.residents[resident]["token"], key=key)


@pytest.fixture(scope="module")
def postgresql_server() -> Iterator[RealServer]:
    wanted = Wanted(residents=CROWD, points=PRICE * (ROUNDS + 2), offers=[LIMITED] * (ROUNDS + 2))
    with serving("postgresql", wanted) as server:
        yield server


@pytest.fixture(scope="module")
def sqlite_server() -> Iterator[RealServer]:
    with serving("sqlite", Wanted(residents=1, points=PRICE, offers=[LIMITED])) as server:
        yield server


def crowd_round(server: RealServer, offer: int) -> Counter[str]:
    """Everybody redeems the offer at once; how often each answer came."""
    answers = volley(server.address, [redeem(server, offer, n, uuid4()) for n in range(CROWD)])
    return Counter(answer.reason or str(answer.status) for answer in answers)


@pytest.mark.postgresql
def test_five_hundred_redeemers_of_fifty_places_get_exactly_fifty_in_every_round(postgresql_server: RealServer) -> None:
    before = books.check(postgresql_server.database)
    for number in range(ROUNDS):
        assert crowd_round(postgresql_server, number) == {"201": STOCK, "sold-out": CROWD - STOCK}, f"round {number}"
    after = books.check(postgresql_server.database)
    assert after.escrow == before.escrow + ROUNDS * STOCK * PRICE
    assert after.minted == before.minted


@pytest.mark.postgresql
def test_as_many_redeemers_as_places_all_get_one(postgresql_server: RealServer) -> None:
    requests = [redeem(postgresql_server, ROUNDS + 1, n, uuid4()) for n in range(STOCK)]
    assert Counter(answer.status for answer in volley(postgresql_server.address, requests)) == {201: STOCK}
    books.check(postgresql_server.database)


@pytest.mark.postgresql
def test_one_key_from_many_clients_at_once_redeems_once_on_postgresql(postgresql_server: RealServer) -> None:
    assert_one_redemption(postgresql_server, ROUNDS)


def test_one_key_from_many_clients_at_once_redeems_once_on_sqlite(sqlite_server: RealServer) -> None:
    assert_one_redemption(sqlite_server, 0)


def assert_one_redemption(server: RealServer, offer: int) -> None:
    before, key = books.redemptions(server.database), uuid4()
    answers = volley(server.address, [redeem(server, offer, 0, key) for _ in range(CLIENTS)])
    assert Counter(answer.status for answer in answers) == {201: CLIENTS}, _reasons(answers)
    assert len({answer.body for answer in answers}) == 1
    books.check(server.database)
    assert books.redemptions(server.database) - before == {answers[0].json()["id"]}


def _reasons(answers: list[Answer]) -> Counter[str]:
    return Counter(answer.reason for answer in answers)
