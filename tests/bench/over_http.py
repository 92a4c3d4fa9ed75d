"""Benchmarks over HTTP: the real server beside its floor, on one database."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

from tests.bench.measure import Line, Slices, cpu_seconds, in_turns, ratio_of
from tests.support.load import Address, flood, request
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer, serving

SLICE_SECONDS, ROUNDS = 2.0, 6
CLIENTS = 16
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


def _rates(subject: Slices, floor: Slices) -> tuple[str, str, float]:
    said = f"{subject.rate:,.0f}/s ({subject.cpu:.2f} ms cpu)"
    return said, f"{floor.rate:,.0f}/s ({floor.cpu:.2f} ms cpu)", ratio_of(subject.rates, floor.rates)


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
            Line(f"Granian ÷ gunicorn gthread, {title}", *_rates(bench.slices[name], bench.slices[name + "'"]))
            for name, title in (("light", "/healthz"), ("redeem", "redemption"))
        ]


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
        at_least = 0.75 if kind == "postgresql" else 0.6
        subject = bench.slices["api"]
        detail = {"p50_ms": subject.percentile(50), "p99_ms": subject.percentile(99)}
        rates = _rates(subject, bench.slices["floor"])
        return [Line(f"redemption ÷ by hand in a bare view, {kind}", *rates, at_least, detail)]


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
        rates = _rates(bench.slices["hot"], bench.slices["spread"])
        return [Line("one hot offer ÷ spread over 1,000 offers, 16 clients", *rates, 0.8)]


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
            _latency(f"{name}, {kind}", bench.slices[name],
                     bench.slices["public row" if name == "badge as JSON" else "own row"])
            for name in [*mine, "badge as JSON"]
        ]  # fmt: skip


def _latency(name: str, subject: Slices, floor: Slices) -> Line:
    said = [f"p50 {each.percentile(50):.2f} p99 {each.percentile(99):.2f} ms" for each in (subject, floor)]
    detail = {"rate": subject.rate, "cpu_ms": subject.cpu}
    return Line(name, said[0], said[1], ratio_of(subject.rates, floor.rates), None, detail)


def codes(kind: str) -> list[Line]:
    """A coupon's code with its QR, and its verification at the door."""
    with serving(kind, Wanted(residents=1, points=1000, devices=1, offers=[OPEN])) as server:
        bench = Bench(server)
        floor = server.start_beside("floor", target="tests.bench.floor:app")
        token, device = server.made.residents[0]["token"], server.made.devices[0]["token"]
        [made] = flood(server.address, list(itertools.islice(bench.redemptions(server.made.offers), 1)))
        path = f"/api/v1/me/coupons/{made.json()['coupon']['id']}/codes"
        [code] = flood(server.address, [request("POST", path, token)])
        scan = request("POST", "/api/v1/venue/verifications", device, body={"code": code.json()["code"]})
        wanted = {
            "code without QR": (itertools.repeat(request("POST", path, token)), 201),
            "code with QR as SVG": (itertools.repeat(request("POST", f"{path}?qr=svg", token)), 201),
            "verification at the door": (itertools.repeat(scan), 200),
        }
        acts = {
            name: bench.slice(name, "web", server.address, requests, clients=READ_CLIENTS, expect=expect)
            for name, (requests, expect) in wanted.items()
        }
        acts["own row"] = bench.slice("own row", "floor", floor, bench.reads("/row"), clients=READ_CLIENTS, expect=200)
        in_turns(acts, 4)
        return [_latency(f"{name}, {kind}", bench.slices[name], bench.slices["own row"]) for name in wanted]
