"""Redemptions and admissions in full swing, and an accident in their midst: what was promised before still holds.

Every request is remembered with its key. Whoever got no answer asks again with the same key, as clients must.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID, uuid4

from tests.support import books
from tests.support.load import Answer, flood, request, volley
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer

RESIDENTS, DEVICES, CONNECTIONS = 48, 4, 16
REDEMPTIONS = 600
PRICE = 9
WANTED = Wanted(
    residents=RESIDENTS,
    points=100_000,
    devices=DEVICES,
    offers=[
        {"price_points": PRICE, "stock_total": 1_000_000},
        {"price_points": PRICE, "stock_total": 1_000_000, "uses": 2},
        {"price_points": 0, "stock_total": 0},
    ],
)


class Act(NamedTuple):
    """A request that can be sent again: ``kind`` is redeem or admit, ``resident`` whose coupon it is about."""

    kind: str
    resident: int
    raw: bytes


@dataclass
class Shown:
    """A coupon that waits to be admitted, with its code."""

    resident: int
    code: str


class Accident:
    """Rounds of load on one server, each cut by an accident after a random number of answers."""

    def __init__(self, server: RealServer, seed: int) -> None:
        self.server = server
        self.random = random.Random(seed)
        self.shown: list[Shown] = []
        self.unanswered = 0

    def warm_up(self, count: int = 48) -> None:
        """Redeem some coupons in peace, so that there is something to admit."""
        acts = [self._redeem() for _ in range(count)]
        answers = flood(self.server.address, [act.raw for act in acts], CONNECTIONS)
        assert {answer.status for answer in answers} == {201}
        self._show(acts, answers)

    def round(self, happen: Callable[[], None], recover: Callable[[], None], accepted: set[int]) -> None:
        """One accident. ``accepted``: what may be answered; 0 is no answer."""
        before = books.check(self.server.database)
        acts = [self._redeem() for _ in range(REDEMPTIONS)] + [self._admit(shown) for shown in self.shown]
        self.shown = []
        self.random.shuffle(acts)
        heard = self._flood_until(acts, happen)
        recover()
        statuses = {answer.status for answer in heard.values()}
        assert statuses <= accepted, statuses - accepted
        self.unanswered += sum(answer.status != 201 for answer in heard.values())
        assert books.check(self.server.database).minted == before.minted
        self._promised(acts, heard)
        self._again(acts, heard)
        assert books.check(self.server.database).minted == before.minted

    def _flood_until(self, acts: list[Act], happen: Callable[[], None]) -> dict[int, Answer]:
        heard: dict[int, Answer] = {}
        fatal = self.random.randrange(20, REDEMPTIONS // 3)

        def note(place: int, answer: Answer) -> None:
            heard[place] = answer
            if len(heard) == fatal:
                happen()

        flood(self.server.address, [act.raw for act in acts], CONNECTIONS, heard=note)
        return heard

    def _promised(self, acts: list[Act], heard: dict[int, Answer]) -> None:
        """What was answered is there."""
        for kind, there in (("redeem", books.redemptions), ("admit", books.admissions)):
            said = {a.json()["id"] for place, a in heard.items() if acts[place].kind == kind and a.status == 201}
            assert said <= there(self.server.database), f"{kind}: answered but lost"

    def _again(self, acts: list[Act], heard: dict[int, Answer]) -> None:
        """The same keys once more: what had been answered is answered alike, and the rest happens now, once."""
        places = sorted(heard)
        answers = flood(self.server.address, [acts[place].raw for place in places], CONNECTIONS)
        assert {answer.status for answer in answers} == {201}, {answer.reason for answer in answers}
        for place, answer in zip(places, answers, strict=True):
            if heard[place].status == 201:
                assert answer.json()["id"] == heard[place].json()["id"]
        for kind in ("redeem", "admit"):
            ids = [a.json()["id"] for p, a in zip(places, answers, strict=True) if acts[p].kind == kind]
            assert len(ids) == len(set(ids)), f"{kind}: two keys, one result"
        self._show([acts[place] for place in places], answers)

    def _redeem(self) -> Act:
        resident, offer = self.random.randrange(RESIDENTS), self.random.randrange(len(WANTED.offers))
        path = f"/api/v1/perks/offers/{self.server.made.offers[offer]}/redemptions"
        return Act("redeem", resident, request("POST", path, self._token(resident), key=self._key()))

    def _admit(self, shown: Shown) -> Act:
        token = self.random.choice(self.server.made.devices)["token"]
        body = {"code": shown.code}
        raw = request("POST", "/api/v1/venue/admissions", token, key=self._key(), body=body)
        return Act("admit", shown.resident, raw)

    def _show(self, acts: list[Act], answers: list[Answer], most: int = 60) -> None:
        """Ask for the codes of some of the coupons that were just redeemed."""
        made = [
            (a.resident, r.json()["coupon"]["id"]) for a, r in zip(acts, answers, strict=True) if a.kind == "redeem"
        ]
        chosen = made[:most]
        asked = [
            request("POST", f"/api/v1/me/coupons/{coupon}/codes", self._token(resident)) for resident, coupon in chosen
        ]
        codes = flood(self.server.address, asked, CONNECTIONS)
        assert {code.status for code in codes} == {201}
        self.shown = [Shown(who, code.json()["code"]) for (who, _), code in zip(chosen, codes, strict=True)]

    def nobody_enters_twice(self) -> None:
        """A coupon for one use that was admitted is refused from then on, at every device at once."""
        single = request("POST", f"/api/v1/perks/offers/{self.server.made.offers[0]}/redemptions", self._token(0),
                         key=self._key())  # fmt: skip
        coupon = volley(self.server.address, [single])[0].json()["coupon"]["id"]
        [code] = volley(self.server.address, [request("POST", f"/api/v1/me/coupons/{coupon}/codes", self._token(0))])
        scans = [self._admit(Shown(0, code.json()["code"])).raw for _ in range(8)]
        answers = volley(self.server.address, scans)
        assert Counter(answer.reason or str(answer.status) for answer in answers) == {"201": 1, "already-used": 7}
        books.check(self.server.database)

    def _token(self, resident: int) -> str:
        return self.server.made.residents[resident]["token"]

    def _key(self) -> UUID:
        return uuid4()
