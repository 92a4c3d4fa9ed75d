"""``our_worker RESIDENT_IDS PARTNER_ID``: our ledger's transfers, as ``hordak_worker`` does hordak's.

One is what a redemption does to the ledger: the operation that makes it happen once, the wallet's balance under its
lock, lots oldest first, an allocation and the transfer, committed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from uuid import UUID, uuid4

from backend import app as house
from backend.kit import db, operations
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.ledger import service as ledger
from config.settings import Settings

DIGEST = bytes(32)


def transfer(resident_id: UUID, partner_id: UUID) -> None:
    made = new_id()
    with db.transaction() as session:
        if operations.begin(session, Operation(resident_id, uuid4(), DIGEST), "bench.hold", makes=made) is not None:
            raise RuntimeError("a new key was known already")
        ledger.hold(session, resident_id, 7, partner_id, "perks.redeemed", made, "兑换：测试门票", "测试")


def main() -> None:
    residents, partner_id = [UUID(each) for each in sys.argv[1].split(",")], UUID(sys.argv[2])
    house.prepare(Settings.from_env())
    number = os.getpid()
    print("ready", flush=True)
    for line in sys.stdin:
        seconds, cpu, started = float(line), time.process_time(), time.perf_counter()
        times: list[float] = []
        while (before := time.perf_counter()) - started < seconds:
            number += 1
            transfer(residents[number % len(residents)], partner_id)
            times.append(time.perf_counter() - before)
        told = {"times": times, "seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
        print(json.dumps(told), flush=True)
    db.current().dispose()


if __name__ == "__main__":
    main()
