"""The reference offline verifier against the shared vectors, which the scanner page is held to as well."""

from __future__ import annotations

import json
import struct
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.admissions.offline import OfflineVerifier, Since, _base45
from tests.admissions import make_offline_vectors as made

VECTORS: dict[str, Any] = json.loads(made.FILE.read_text("utf-8"))
VERIFIERS = {name: OfflineVerifier(pack) for name, pack in VECTORS["packs"].items()}

pytestmark = pytest.mark.once


def test_the_vectors_are_what_their_maker_writes() -> None:
    assert made.FILE.read_text("utf-8") == made.written()


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_verifier_says_what_the_vectors_say(case: dict[str, Any]) -> None:
    since = Since(
        {int(status): count for status, count in case["since"]["by_status"].items()}, case["since"]["by_offer"]
    )
    found = VERIFIERS[case["pack"]].judge(case["code"], datetime.fromisoformat(case["now"]), since)
    assert {"verdict": found.verdict, "reason": found.reason, "uses_left": found.uses_left} == case["expect"]


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: "XY1:" + made.base45.b45encode(raw).decode()))
def test_whatever_is_scanned_gets_a_verdict_and_never_a_yes(text: str) -> None:
    assert VERIFIERS["good"].judge(text, made.NOW).verdict == "refused"


@given(st.binary(max_size=200).map(made.base45.b45encode) | st.text("0AZ $%*+-./:~a", max_size=12).map(str.encode))
def test_base45_is_read_as_its_library_reads_it(text: bytes) -> None:
    outcomes = []
    for read in (_base45, made.base45.b45decode):
        try:
            outcomes.append(read(text))
        except (ValueError, struct.error):
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]


@given(st.integers(0, 1000), st.integers(1, 255))
def test_no_changed_byte_passes(place: int, change: int) -> None:
    raw = bytearray(made.base45.b45decode(made.code()[4:]))
    raw[place % len(raw)] ^= change
    text = "XY1:" + made.base45.b45encode(bytes(raw)).decode()
    assert VERIFIERS["good"].judge(text, made.NOW).verdict == "refused"


def test_what_is_counted_is_not_admitted_again() -> None:
    verifier, since = VERIFIERS["good"], Since()
    for left in (3, 2, 1):
        found = verifier.judge(made.code(2, made.FAMILY), made.NOW, since)
        assert found.uses_left == left
        since.count(found)
    assert verifier.judge(made.code(2, made.FAMILY), made.NOW, since).reason == "already-used"
    assert verifier.judge(made.code(7, made.FAMILY), made.NOW, since).reason == "offline-limit"
