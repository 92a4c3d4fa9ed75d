"""Benchmarks over HTTP: the real server beside its floor, on one database."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from backend.kit import db
from backend.ledger import service as ledger
from tests.bench.measure import Line, Slices, compared, cpu_seconds, in_turns
from tests.support import real_server
from tests.support.load import Address, flood, request
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer

SLICE_SECONDS, ROUNDS = 1.0, 10
CLIENTS = 16
DOOR_CLIENTS = 8
RESIDENTS = 128
OPEN = {"price_points": 7, "stock_total": 8_000_000}
Requests = Iterator[bytes]


class Bench:
    """One server under measurement, with others beside it."""

    def __init__(self, server: RealServer) -> None:
        self.server = server
        self.slices: dict[str, Slices] = {}

    def slice(
        self, name: str, process: str, address: Address, requests: Requests, *, clients: int = CLIENTS, expect: int
    ) -> Callable[[], None]:
        """An act that puts one slice of load on a server and notes what came of it."""
        slices = self.slices.setdefault(name, Slices())

        def act() -> None:
            batch = list(itertools.islice(requests, 20_000))
            pid = self.server.processes[process].pid
            cpu, started = cpu_seconds(pid), time.perf_counter()
            answers = flood(address, batch, clients, seconds=SLICE_SECONDS)
            seconds = time.perf_counter() - started
            wrong = {answer.status: answer.body[:300] for answer in answers if answer.status != expect}
            if wrong:
                raise RuntimeError(f"{name}: {wrong}\n{self.server.said()[-3000:]}")
            slices.add(answers, seconds, cpu_seconds(pid) - cpu)

        return act

    def tokens(self) -> Iterator[str]:
        return itertools.cycle(each["token"] for each in self.server.made.residents)

    def redemptions(self, offers: Sequence[str], path: str = "/api/v1/perks/offers/{}/redemptions") -> Requests:
        """Endless redemptions: residents and offers in turn, a new key each."""
        for token, offer in zip(self.tokens(), itertools.cycle(offers), strict=False):
            yield request("POST", path.format(offer), token, key=uuid4())

    def reads(self, path: str, *, signed_in: bool = True) -> Requests:
        """Endless reads of one path."""
        return itertools.cycle([request("GET", path, token if signed_in else "") for token in
                                itertools.islice(self.tokens(), RESIDENTS)])  # fmt: skip


def serving(kind: str, wanted: Wanted) -> AbstractContextManager[RealServer]:
    """The server as in production: its own commands, and a line in the log for every request."""
    return real_server.serving(kind, wanted, log_level="info")


def servers() -> list[Line]:
    """Granian beside gunicorn: a light endpoint and a redemption, on PostgreSQL."""
    gunicorn = Path(sys.executable).with_name("gunicorn")
    if not gunicorn.exists():
        return [Line("Granian ÷ gunicorn", "not measured: gunicorn is not installed", "", None)]
    command = [str(gunicorn), "wsgi:app", "-w", "2", "-k", "gthread", "--threads", "16", "--keep-alive", "60",
               "-b", "127.0.0.1:PORT", "--log-level", "error"]  # fmt: skip
    with serving("postgresql", Wanted(residents=RESIDENTS, points=1_000_000, offers=[OPEN])) as server:
        bench = Bench(server)
        other = server.start_beside("gunicorn", command)
        offers = server.made.offers
        acts = {
            "light": bench.slice("light", "web", server.address, bench.reads("/healthz", signed_in=False), expect=200),
            "light'": bench.slice("light'", "gunicorn", other, bench.reads("/healthz", signed_in=False), expect=200),
            "redeem": bench.slice("redeem", "web", server.address, bench.redemptions(offers), expect=201),
            "redeem'": bench.slice("redeem'", "gunicorn", other, bench.redemptions(offers), expect=201),
        }
        in_turns(acts, 4)
        return [
            compared(f"Granian ÷ gunicorn gthread, {title}", bench.slices[name], bench.slices[name + "'"])
            for name, title in (("light", "/healthz"), ("redeem", "redemption"))
        ]


AT_LEAST = {
    "redemption": {"postgresql": 0.75, "sqlite": 0.6},
    "verification": {"postgresql": 0.6, "sqlite": 0.6},
    "home": {"postgresql": 0.5, "sqlite": 0.5},
}
"""What a route must reach of its floor: a bare view with the same checks and hand-written SQL for the same effect."""


def redemption(kind: str) -> list[Line]:
    """A redemption beside a bare view that does the same by hand."""
    with serving(kind, Wanted(residents=RESIDENTS, points=3_000_000, offers=[OPEN])) as server:
        bench = Bench(server)
        floor = server.start_beside("floor", target="tests.bench.floor:app")
        offers = server.made.offers
        by_hand = bench.redemptions(offers, "/redemptions/{}")
        acts = {
            "api": bench.slice("api", "web", server.address, bench.redemptions(offers), expect=201),
            "floor": bench.slice("floor", "floor", floor, by_hand, expect=201),
        }
        in_turns(acts, ROUNDS)
        return [_against_floor(bench, "redemption", kind)]


def verification(kind: str) -> list[Line]:
    """A coupon's code verified at the door, beside a bare view that reads the code and looks the coupon up by hand."""
    with serving(kind, Wanted(residents=RESIDENTS, points=1000, devices=1, offers=[OPEN])) as server:
        bench = Bench(server)
        floor = server.start_beside("floor", target="tests.bench.floor:app")
        scans = _scans(bench)
        acts = {}
        for name, process, address, path in (
            ("api", "web", server.address, "/api/v1/venue/verifications"),
            ("floor", "floor", floor, "/verifications"),
        ):
            requests = itertools.cycle([request("POST", path, device, body=body) for device, body in scans])
            acts[name] = bench.slice(name, process, address, requests, clients=DOOR_CLIENTS, expect=200)
        in_turns(acts, ROUNDS)
        return [_against_floor(bench, "verification", kind)]


def _scans(bench: Bench) -> list[tuple[str, Any]]:
    """The device's token and a body for the code of each resident's coupon."""
    made = bench.server.made
    bought = flood(bench.server.address, list(itertools.islice(bench.redemptions(made.offers), RESIDENTS)))
    wanted = [
        request("POST", f"/api/v1/me/coupons/{answer.json()['coupon']['id']}/codes", who["token"])
        for answer, who in zip(bought, made.residents, strict=True)
    ]
    device = made.devices[0]["token"]
    return [(device, {"code": answer.json()["code"]}) for answer in flood(bench.server.address, wanted)]


def home(kind: str) -> list[Line]:
    """The first screen, beside a bare view that reads the same facts by hand."""
    wanted = Wanted(residents=RESIDENTS, points=1000, offers=[OPEN] * 12, scores=True)
    with serving(kind, wanted) as server:
        bench = Bench(server)
        floor = server.start_beside("floor", target="tests.bench.floor:app")
        flood(server.address, list(itertools.islice(bench.redemptions(server.made.offers), RESIDENTS)))
        ours, by_hand = bench.reads("/api/v1/home"), bench.reads("/home")
        acts = {
            "api": bench.slice("api", "web", server.address, ours, clients=DOOR_CLIENTS, expect=200),
            "floor": bench.slice("floor", "floor", floor, by_hand, clients=DOOR_CLIENTS, expect=200),
        }
        _same_answer(server.address, floor, bench)
        in_turns(acts, ROUNDS)
        return [_against_floor(bench, "home", kind)]


def _same_answer(address: Address, floor: Address, bench: Bench) -> None:
    """The floor of the first screen says the same as the first screen, or it is no floor."""
    [ours] = flood(address, [next(bench.reads("/api/v1/home"))])
    [theirs] = flood(floor, [next(bench.reads("/home"))])
    if ours.json() != theirs.json():
        raise RuntimeError(f"the floor says {theirs.json()} where the house says {ours.json()}")


def _against_floor(bench: Bench, name: str, kind: str) -> Line:
    title = f"{name} ÷ by hand in a bare view, {kind}"
    return compared(title, bench.slices["api"], bench.slices["floor"], AT_LEAST[name][kind])


def hot_offer() -> list[Line]:
    """Everybody wants one offer, beside a thousand offers of the same make."""
    offers = [{**OPEN, "stock_total": 80_000, "title": f"测试门票{n}"} for n in range(1001)]
    with serving("postgresql", Wanted(residents=RESIDENTS, points=1_000_000, offers=offers)) as server:
        bench = Bench(server)
        hot, spread = server.made.offers[:1], server.made.offers[1:]
        acts = {
            "hot": bench.slice("hot", "web", server.address, bench.redemptions(hot), expect=201),
            "spread": bench.slice("spread", "web", server.address, bench.redemptions(spread), expect=201),
        }
        in_turns(acts, ROUNDS)
        title = "one hot offer ÷ spread over 1,000 offers, 16 clients"
        return [compared(title, bench.slices["hot"], bench.slices["spread"], 0.8)]


READ_CLIENTS = 2


def reads(kind: str) -> list[Line]:
    """What phones ask for most, beside a bare view that reads one row."""
    with serving(kind, Wanted(residents=RESIDENTS, points=1000, offers=[OPEN], scores=True, merchants=1)) as server:
        bench = Bench(server)
        floor = server.start_beside("floor", target="tests.bench.floor:app")
        badge = f"/api/v1/merchants/{server.made.merchants[0]}"
        mine = {"GET /me/score": "/api/v1/me/score", "GET /me/wallet": "/api/v1/me/wallet",
                "GET /perks/offers": "/api/v1/perks/offers", "GET /healthz": "/healthz"}  # fmt: skip
        acts = {
            name: bench.slice(name, "web", server.address, bench.reads(path), clients=READ_CLIENTS, expect=200)
            for name, path in mine.items()
        }
        acts["badge as JSON"] = bench.slice(
            "badge as JSON",
            "web",
            server.address,
            bench.reads(badge, signed_in=False),
            clients=READ_CLIENTS,
            expect=200,
        )
        acts["own row"] = bench.slice("own row", "floor", floor, bench.reads("/row"), clients=READ_CLIENTS, expect=200)
        public = bench.reads(f"/public-row/{server.made.offers[0]}", signed_in=False)
        acts["public row"] = bench.slice("public row", "floor", floor, public, clients=READ_CLIENTS, expect=200)
        in_turns(acts, 4)
        return [
            compared(f"{name}, {kind}", bench.slices[name],
                     bench.slices["public row" if name == "badge as JSON" else "own row"])
            for name in [*mine, "badge as JSON"]
        ]  # fmt: skip


def wallet() -> list[Line]:
    """A wallet and the first page of its statement, with 10,000 entries in it beside 20."""
    with serving("postgresql", Wanted(residents=2, points=1_000_000, offers=[OPEN])) as server:
        bench = Bench(server)
        few, many = server.made.residents
        for resident, entries in ((few, 18), (many, 9_998)):  # two of preparing
            _spend(server, resident["id"], entries)
        lines = []
        for path in ("/api/v1/me/wallet", "/api/v1/me/wallet/entries?limit=20"):
            acts = {}
            for name, resident in (("many", many), ("few", few)):
                asked = itertools.repeat(request("GET", path, resident["token"]))
                bench.slices.pop(name, None)
                acts[name] = bench.slice(name, "web", server.address, asked, clients=READ_CLIENTS, expect=200)
            in_turns(acts, ROUNDS)
            title = f"GET {path.removeprefix('/api/v1')} with 10,000 entries ÷ with 20"
            lines.append(compared(title, bench.slices["many"], bench.slices["few"], 0.9))
        return lines


def _spend(server: RealServer, resident_id: str, times: int) -> None:
    """Holds of one point, through the ledger."""
    before = db.bound()
    db.bind(server.database)
    try:
        for at in range(0, times, 100):
            with db.transaction() as session:
                for _ in range(min(100, times - at)):
                    ledger.hold(session, UUID(resident_id), 1, UUID(server.made.partner_id), "test", uuid4(), "", "")
    finally:
        db.bind(before)


def codes(kind: str) -> list[Line]:
    """A coupon's code, without and with its QR."""
    with serving(kind, Wanted(residents=1, points=1000, offers=[OPEN])) as server:
        bench = Bench(server)
        floor = server.start_beside("floor", target="tests.bench.floor:app")
        token = server.made.residents[0]["token"]
        [made] = flood(server.address, list(itertools.islice(bench.redemptions(server.made.offers), 1)))
        path = f"/api/v1/me/coupons/{made.json()['coupon']['id']}/codes"
        wanted = {
            "code without QR": (itertools.repeat(request("POST", path, token)), 201),
            "code with QR as SVG": (itertools.repeat(request("POST", f"{path}?qr=svg", token)), 201),
        }
        acts = {
            name: bench.slice(name, "web", server.address, requests, clients=READ_CLIENTS, expect=expect)
            for name, (requests, expect) in wanted.items()
        }
        acts["own row"] = bench.slice("own row", "floor", floor, bench.reads("/row"), clients=READ_CLIENTS, expect=200)
        in_turns(acts, 4)
        return [compared(f"{name}, {kind}", bench.slices[name], bench.slices["own row"]) for name in wanted]
