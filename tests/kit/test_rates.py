"""A meter: so much at once, then at a steady pace; the same in memory and in Redis."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis as redis_client
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisAway

from backend.kit import rates
from backend.kit.rates import Guarded, Memory, Rate, Shared, Spent

pytestmark = pytest.mark.once
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
PACE = Rate(5, 10)


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def redis() -> Iterator[Any]:
    connection = redis_client.Redis.from_url(REDIS)
    yield connection
    connection.close()


def spend(store: Any, rate: Rate = PACE, key: str = "k") -> Spent:
    return Spent.of(store.spend(key, rate), rate)


def test_so_many_pass_at_once_and_the_next_is_told_how_long_to_wait(hand: Hand) -> None:
    store = Memory(hand)
    assert [spend(store).left for _ in range(5)] == [4, 3, 2, 1, 0]
    assert spend(store) == Spent(False, 0, 2.0)
    hand.seconds += 1.999
    assert not spend(store).allowed
    hand.seconds += 0.001
    assert spend(store) == Spent(True, 0, 10.0)


def test_a_refusal_costs_nothing(hand: Hand) -> None:
    store = Memory(hand)
    for _ in range(500):
        spend(store)
    hand.seconds += 2
    assert spend(store).allowed


def test_nothing_is_gained_at_the_edge_of_a_window(hand: Hand) -> None:
    store = Memory(hand)
    hand.seconds += 9.9
    passed = sum(spend(store).allowed for _ in range(20))
    hand.seconds += 0.2
    assert passed == 5 and sum(spend(store).allowed for _ in range(20)) == 0


def test_all_of_it_is_there_again_after_the_window(hand: Hand) -> None:
    store = Memory(hand)
    for _ in range(9):
        spend(store)
    hand.seconds += 10
    assert sum(spend(store).allowed for _ in range(9)) == 5


def test_keys_do_not_share(hand: Hand) -> None:
    store = Memory(hand)
    for _ in range(6):
        spend(store)
    assert spend(store, key="other").left == 4


@given(st.integers(1, 500), st.integers(1, 100), st.lists(st.floats(0, 5), max_size=200))
def test_no_window_ever_holds_more_than_twice_the_amount(most: int, seconds: int, pauses: list[float]) -> None:
    hand, rate = Hand(), Rate(most, seconds)
    store, passed = Memory(hand), []
    for pause in pauses:
        hand.seconds += pause
        if spend(store, rate).allowed:
            passed.append(hand.seconds)
    for at in passed:
        assert sum(at - seconds < other <= at for other in passed) <= 2 * most + 1


def test_threads_together_get_what_one_would(hand: Hand) -> None:
    store, start, passed = Memory(hand), threading.Barrier(8), []

    def run() -> None:
        start.wait()
        passed.extend(1 for _ in range(200) if spend(store, Rate(100, 60)).allowed)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 100


def test_memory_forgets_and_never_grows_past_its_bound(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_KEPT", 100)
    store = Memory(hand)
    for number in range(1000):
        hand.seconds += 0.1
        store.spend(f"k{number}", PACE)
    assert len(store._empty_at) <= 100
    for number in range(1000):
        store.spend(f"m{number}", PACE)
    assert len(store._empty_at) <= 100


# --- shared ------------------------------------------------------------------------------------------------------


@pytest.fixture
def key(redis: Any) -> Iterator[str]:
    name = f"xinyi:test:{uuid4()}"
    yield name
    redis.delete(name)


@pytest.mark.redis
def test_redis_decides_as_memory_does(redis: Any, key: str) -> None:
    store = Shared(redis)
    told = [spend(store, Rate(5, 3600), key) for _ in range(6)]
    assert [each.left for each in told] == [4, 3, 2, 1, 0, 0] and [each.allowed for each in told] == [True] * 5 + [
        False
    ]
    assert 719 < told[-1].seconds <= 720 and 3599 < told[4].seconds <= 3600
    assert 3_590_000 < redis.pttl(key) <= 3_600_000


@pytest.mark.redis
def test_processes_share_one_meter(redis: Any, key: str) -> None:
    one, two = Shared.at(REDIS), Shared.at(REDIS)
    assert sum(spend(store, Rate(10, 3600), key).allowed for _ in range(10) for store in (one, two)) == 10


@pytest.mark.redis
def test_a_flushed_redis_only_starts_anew(redis: Any, key: str) -> None:
    store = Shared(redis)
    for _ in range(6):
        spend(store, Rate(5, 3600), key)
    redis.delete(key)
    redis.script_flush()
    assert spend(store, Rate(5, 3600), key).left == 4


@pytest.mark.redis
@pytest.mark.parametrize("stored", [b"99999999999999999", b"not a number", b"-1", b""])
def test_a_clock_set_back_or_a_spoiled_value_locks_nobody_out(redis: Any, key: str, stored: bytes) -> None:
    redis.set(key, stored)
    assert spend(Shared(redis), Rate(5, 3600), key).left == 4


@pytest.mark.redis
def test_one_act_is_one_round_trip(redis: Any, key: str) -> None:
    store = Shared(redis)
    spend(store, PACE, key)
    sent: list[Any] = []
    execute = redis.execute_command
    redis.execute_command = lambda *args, **kw: (sent.append(args[0]), execute(*args, **kw))[1]
    spend(store, PACE, key)
    assert sent == ["EVALSHA"]


class Broken:
    """A Redis that fails until it is mended."""

    def __init__(self, store: Any) -> None:
        self.store, self.asked, self.away = store, 0, True

    def spend(self, key: str, rate: Rate) -> int:
        self.asked += 1
        if self.away:
            raise RedisAway()
        return int(self.store.spend(key, rate))


def test_without_redis_each_process_counts_for_itself_and_asks_again_later(hand: Hand) -> None:
    failures: list[Exception] = []
    broken = Broken(Memory(hand))
    store = Guarded(broken, failures.append, hand)
    assert [spend(store).allowed for _ in range(6)] == [True] * 5 + [False]
    assert (broken.asked, len(failures)) == (1, 1)
    hand.seconds += Guarded.REST_SECONDS
    assert not spend(store).allowed or broken.asked == 2
    broken.away = False
    hand.seconds += Guarded.REST_SECONDS
    assert spend(store).left == 4 and len(failures) == 2


def test_a_redis_that_is_not_there_delays_one_request_and_not_all(hand: Hand) -> None:
    failures: list[Exception] = []
    store = Guarded(Shared.at("redis://127.0.0.1:1/0"), failures.append, hand)
    assert [spend(store).allowed for _ in range(6)] == [True] * 5 + [False] and len(failures) == 1


def test_rates_are_whole_microseconds() -> None:
    assert Rate(1200, 60).step == 50_000 and Rate(10**9, 1).step == 1
