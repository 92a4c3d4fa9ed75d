"""Two doors and one coupon at the same instant, through the real server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support import books
from tests.support.load import request, volley
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer, serving

pytestmark = [pytest.mark.load, pytest.mark.once, pytest.mark.postgresql]

ROUNDS, PRICE, DOORS = 5, 10, 2


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    offers = [{"price_points": PRICE, "offline": {"mode": "none"}}]
    with serving("postgresql", Wanted(residents=2, points=PRICE * 2 * ROUNDS, devices=DOORS, offers=offers)) as made:
        yield made


def a_code(server: RealServer) -> str:
    token, made = server.made.residents[0]["token"], server.made
    redeemed = volley(
        server.address, [request("POST", f"/api/v1/perks/offers/{made.offers[0]}/redemptions", token, key=uuid4())]
    )[0]
    coupon_id = redeemed.json()["coupon"]["id"]
    shown = volley(server.address, [request("POST", f"/api/v1/me/coupons/{coupon_id}/codes", token)])[0]
    return str(shown.json()["code"])


def test_two_devices_admit_one_coupon_at_the_same_instant_and_one_of_them_does(server: RealServer) -> None:
    before = books.check(server.database)
    for _ in range(ROUNDS):
        body = {"code": a_code(server)}
        tokens = [device["token"] for device in server.made.devices] * 4
        scans = [request("POST", "/api/v1/venue/admissions", token, body=body, key=uuid4()) for token in tokens]
        answers = volley(server.address, scans)
        assert Counter(answer.reason or str(answer.status) for answer in answers) == {"201": 1, "already-used": 7}
    after = books.check(server.database)
    assert after.partners == before.partners + ROUNDS * PRICE


def test_an_undo_at_one_door_and_a_scan_at_the_other_agree(server: RealServer) -> None:
    first, second = (device["token"] for device in server.made.devices)
    for _ in range(ROUNDS):
        before, code = books.check(server.database), a_code(server)
        done = volley(
            server.address, [request("POST", "/api/v1/venue/admissions", first, body={"code": code}, key=uuid4())]
        )[0]
        path = f"/api/v1/venue/admissions/{done.json()['id']}/undo"
        undone, again = volley(
            server.address,
            [
                request("POST", path, first, key=uuid4()),
                request("POST", "/api/v1/venue/admissions", second, body={"code": code}, key=uuid4()),
            ],
        )
        assert undone.status == 200 and (again.status == 201 or again.reason == "already-used")
        after = books.check(server.database)
        assert after.partners == before.partners + (PRICE if again.status == 201 else 0)
