"""Every kind of key is rotated under load: no request fails, nobody is met as a stranger, no seal breaks.

``XINYI_ROTATIONS=1`` does it on SQLite too.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle

import pytest

from tests.factories import accounts as people
from tests.support import books
from tests.support.http_caller import Caller
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer, serving

pytestmark = [pytest.mark.load, pytest.mark.once, pytest.mark.timeout(300)]
KINDS = [pytest.param("postgresql", marks=pytest.mark.postgresql)]
KINDS += [pytest.param("sqlite")] if "XINYI_ROTATIONS" in os.environ else []
API = "/api/v1"
WANTED = Wanted(
    residents=12, points=100_000, devices=2, offers=[{"price_points": 3, "stock_total": 1_000_000}],
    staff=["counter-clerk"],
)  # fmt: skip


class Life:
    """What goes on meanwhile, each in a thread of its own."""

    def __init__(self, server: RealServer) -> None:
        self.server, self.made = server, server.made
        self.ends = threading.Event()
        self.callers: list[Caller] = []
        self.broken: list[BaseException] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._keep, args=(act,)) for act in (self.shop, self.stay, self.join)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.ends.set()
            for thread in threads:
                thread.join(60)
        assert not self.broken, self.broken
        wrong = [answer for caller in self.callers for answer in caller.wrong]
        assert not wrong, wrong[:5]
        assert all(caller.sent > 20 for caller in self.callers), [caller.sent for caller in self.callers]

    def _keep(self, act: Callable[[Caller], Iterator[None]]) -> None:
        caller = Caller(self.server.address)
        self.callers.append(caller)
        try:
            steps = act(caller)
            while not self.ends.is_set():
                next(steps)
        except BaseException as error:  # told by the test, not by a thread that nobody hears
            self.broken.append(error)
        finally:
            caller.close()

    def shop(self, caller: Caller) -> Iterator[None]:
        """Redeem, show, verify and admit: code keys, under the master key."""
        for resident, device in zip(cycle(self.made.residents), cycle(self.made.devices), strict=False):
            offer = f"{API}/perks/offers/{self.made.offers[0]}/redemptions"
            bought = caller.call("POST", offer, resident["token"], expect={201})
            shown = f"{API}/me/coupons/{bought['coupon']['id']}/codes"
            code = caller.call("POST", shown, resident["token"], expect={201})["code"]
            judged = caller.call("POST", f"{API}/venue/verifications", device["token"], {"code": code})
            if judged["verdict"] != "valid":
                caller.wrong.append(("verification", 200, str(judged)))
            caller.call("POST", f"{API}/venue/admissions", device["token"], {"code": code}, {201})
            yield

    def stay(self, caller: Caller) -> Iterator[None]:
        """Sign in by WeChat, refresh, and read one's own sealed name: session keys and the master key."""
        while True:
            code = self.server.wechat.world.make_code("login", people.openid())
            tokens = caller.call("POST", f"{API}/auth/wechat", body={"code": code})
            for _ in range(5):
                tokens = caller.call("POST", f"{API}/auth/refresh", body={"refresh_token": tokens["refresh_token"]})
                caller.call("GET", f"{API}/me", tokens["access_token"])
                for resident in self.made.residents:
                    caller.call("GET", f"{API}/me", resident["token"])
                yield

    def join(self, caller: Caller) -> Iterator[None]:
        """Become somebody, and be refused as somebody who is there already: hash keys."""
        while True:
            who = {"name": people.name(), "id_number": people.id_number()}
            for expect in ({200}, {403}):
                login = self.server.wechat.world.make_code("login", people.openid())
                token = caller.call("POST", f"{API}/auth/wechat", body={"code": login})["access_token"]
                vouched = caller.call("POST", f"{API}/identity/counter-codes", self.made.staff[0], who, {201})
                proof = {"kind": "counter_code", "value": vouched["code"]}
                caller.call("PUT", f"{API}/me/identity", token, {**who, "proof": proof}, expect)
                yield


@pytest.mark.parametrize("kind", KINDS)
def test_keys_rotate_under_load_and_no_request_fails(kind: str) -> None:
    with serving(kind, WANTED) as server:
        life = Life(server)
        secrets = server.folder / "secrets"
        first = dict.fromkeys(("master", "hash", "session"), "")
        for each in first:
            first[each] = getattr(server.settings, f"{each}_keys").copy().popitem()[0]
        with life.going_on():
            server.flask("codes", "rotate", "--lead-hours", "0.001")
            for each, options in (("session", ()), ("hash", ("--shangmi",)), ("master", ("--shangmi",))):
                server.flask("keys", "rotate", each, *options)
            past = time.time() - 7200  # as after the time of rest
            for each in ("hash", "master"):
                os.utime(secrets, (past, past))
                server.flask("keys", "drop", each, first[each])
        told = server.flask("keys", "status")
        assert first["master"] not in told and first["hash"] not in told and first["session"] in told
        books.check(server.database)
