"""The reference offline verifier beside a bare Ed25519 verify of the same bytes.

Both have the key read beforehand. The verifier also reads base45 and the frame, puts together what was signed, reads
the claims and asks the pack's offers, uses and status list; the floor verifies signatures over bytes that lie ready.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

import base45
import cbor2

from backend.admissions.offline import FRAME, PREFIX, OfflineVerifier
from tests.admissions import make_offline_vectors as made
from tests.bench.measure import Line, Slices, compared, in_turns
from tests.support.load import Answer

AT_LEAST = 0.5
SLICE_SECONDS, ROUNDS, CHUNK = 0.5, 10, 100
STATUSES = [number for number in range(made.LIST_BITS) if number not in (*made.REVOKED, 20)]


def verifying() -> list[Line]:
    """One thread, good codes in turn, every verdict read."""
    codes = [made.code(status) for status in STATUSES]
    verifier = OfflineVerifier(made.pack(made.status_list()))
    signed = [_signed(code) for code in codes]
    key = made.KEYS["cA1"].public_key()

    def judge(code: str) -> None:
        if verifier.judge(code, made.NOW).verdict != "valid":
            raise RuntimeError("a good code was refused")

    def verify(one: tuple[bytes, bytes]) -> None:
        key.verify(*one)

    subject, floor = Slices(), Slices()
    in_turns({"verifier": _slice(judge, codes, subject), "floor": _slice(verify, signed, floor)}, ROUNDS)
    return [compared("offline verification ÷ bare Ed25519 verify of the same bytes", subject, floor, AT_LEAST)]


def _signed(code: str) -> tuple[bytes, bytes]:
    """A code's signature, and the bytes that it is over."""
    found = FRAME.fullmatch(base45.b45decode(code.removeprefix(PREFIX)))
    assert found is not None
    return found[5], cbor2.dumps(["Signature1", found[1], b"", found[4]])


def _slice(act: Callable[[Any], None], things: list[Any], slices: Slices) -> Callable[[], None]:
    turns = cycle(things)

    def run() -> None:
        answers: list[Answer] = []
        started, cpu = time.perf_counter(), time.process_time()
        while (before := time.perf_counter()) - started < SLICE_SECONDS:
            for one in islice(turns, CHUNK):
                act(one)
            answers += [Answer(200, b"", (time.perf_counter() - before) / CHUNK)] * CHUNK
        slices.add(answers, time.perf_counter() - started, time.process_time() - cpu)

    return run
