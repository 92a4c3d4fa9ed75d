"""An entitlement asked by plate, beside the verification of a coupon: whole requests, in this process."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask.testing import FlaskClient

from backend.app import create_app
from backend.kit import city, db
from backend.perks import coupons
from backend.perks import service as perks
from config.settings import ROOT
from tests.bench.measure import Line, Slices, compared, in_turns
from tests.factories import perks as shops
from tests.parking import conftest as parking
from tests.support.databases import own_database
from tests.support.load import Answer
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer

DRIVERS, SLICE_SECONDS, ROUNDS = 64, 1.0, 6
PROMISED_MS = 50
V1 = "/api/v1"


def entitlements(kind: str) -> list[Line]:
    """Signed questions about plates with a benefit, one after another, beside ``/venue/verifications``."""
    with own_database(kind) as url:
        server = RealServer(url, Wanted(residents=1, points=1))
        try:
            with server.wechat:
                server.prepare()
                lines = _measure(kind, create_app(server.settings).test_client())
        finally:
            db.current().dispose()
            server.close()
    return lines


def _measure(kind: str, client: FlaskClient) -> list[Line]:
    with db.transaction() as session:
        city.load(session, city.read_folder(Path(ROOT) / "config" / "cities" / "320115"))
    with db.transaction() as session:
        park = parking.car_park(session)
        known = [parking.driver(session, park) for _ in range(DRIVERS)]
        held = [perks.redeem(session, one.id, park.offer_id, shops.act(one.id)).coupon.id for one in known]
        codes = [coupons.coupon_code(session, *pair).text for pair in zip((k.id for k in known), held, strict=True)]
    bearer = {"Authorization": f"Bearer {park.token}", "Content-Type": "application/json"}

    def ask(n: int) -> Any:
        key, where = uuid4(), f"{V1}/operator/entitlements"
        body = json.dumps({"plate": known[n % DRIVERS].plate}).encode()
        signed = parking.signature(park.device, "POST", where, key, body)
        return client.post(where, data=body, headers={**bearer, **signed, "Idempotency-Key": str(key)})

    def verify(n: int) -> Any:
        body = json.dumps({"code": codes[n % DRIVERS], "offer_id": str(park.offer_id)})
        return client.post(f"{V1}/venue/verifications", data=body, headers=bearer)

    ours, floor, times = Slices(), Slices(), list[float]()
    in_turns({"ask": _slice(ask, ours, times), "verify": _slice(verify, floor, [])}, ROUNDS)
    p50, p99 = (1000 * each for each in (statistics.median(times), statistics.quantiles(times, n=100)[98]))
    return [
        compared(f"entitlement by plate ÷ verification, {kind}", ours, floor),
        Line(
            f"entitlement by plate, {kind}", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms", f"{PROMISED_MS} ms at p50",
            PROMISED_MS / p50, 1.0,
        ),
    ]  # fmt: skip


def _slice(act: Callable[[int], Any], slices: Slices, times: list[float]) -> Callable[[], None]:
    def run() -> None:
        answers: list[Answer] = []
        started, cpu = time.perf_counter(), time.process_time()
        while (before := time.perf_counter()) - started < SLICE_SECONDS:
            answer = act(len(answers))
            took = time.perf_counter() - before
            if answer.status_code != 200 or answer.get_json().get("verdict", "valid") != "valid":
                raise RuntimeError(answer.get_data(as_text=True))
            answers.append(Answer(200, b"", took))
            times.append(took)
        slices.add(answers, time.perf_counter() - started, time.process_time() - cpu)

    return run
