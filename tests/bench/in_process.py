"""The ledger alone, in this process: a hold beside the six statements of a transfer written by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from backend import app as house
from backend.kit import db
from backend.kit.ids import new_id
from backend.ledger import service as ledger
from tests.bench import by_hand
from tests.bench.measure import Line, Slices, compared, in_turns
from tests.support.databases import own_database
from tests.support.load import Answer
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer

RESIDENTS, SLICE_SECONDS, ROUNDS = 64, 1.5, 6


def ledger_hold(kind: str) -> list[Line]:
    """One process, one thread, one committed transfer after another."""
    with own_database(kind) as url:
        server = RealServer(url, Wanted(residents=RESIDENTS, points=5_000_000))
        try:
            with server.wechat:
                server.prepare()
                house.prepare(server.settings)
                lines = _measure(kind, server)
        finally:
            db.current().dispose()
            by_hand.close()
            server.close()
    return lines


def _measure(kind: str, server: RealServer) -> list[Line]:
    residents = [UUID(each["id"]) for each in server.made.residents]
    partner = UUID(server.made.partner_id)

    def house_way(resident_id: UUID) -> None:
        with db.transaction() as session:
            ledger.hold(session, resident_id, 7, partner, "perks.redeemed", new_id(), "兑换：测试门票", "测试")

    def by_hand_way(resident_id: UUID) -> None:
        hand = by_hand.Hand()
        with hand.lock():
            hand.begin()
            by_hand.hold(hand, resident_id, 7, partner, new_id(), datetime.now(UTC), "兑换：测试门票")
            hand.commit()

    ours, floor = Slices(), Slices()
    in_turns({"ledger": _slice(house_way, residents, ours), "hand": _slice(by_hand_way, residents, floor)}, ROUNDS)
    return [compared(f"ledger.hold ÷ six statements by hand, {kind}", ours, floor)]


def _slice(act: Callable[[UUID], None], residents: list[UUID], slices: Slices) -> Callable[[], None]:
    def run() -> None:
        answers: list[Answer] = []
        started, cpu = time.perf_counter(), time.process_time()
        while (before := time.perf_counter()) - started < SLICE_SECONDS:
            act(residents[len(answers) % len(residents)])
            answers.append(Answer(200, b"", time.perf_counter() - before))
        slices.add(answers, time.perf_counter() - started, time.process_time() - cpu)

    return run
