"""How much of something within how long: a meter per key, kept by one process or shared through Redis.

The rule is GCRA (the leaky bucket as the ATM Forum wrote it): one number per key says when the bucket will be empty.
``most`` may come at once, then one every ``seconds / most``; nothing is counted per window, so nothing is gained by
waiting for a window's edge. The whole decision is one integer (microseconds): positive is the time to wait,
otherwise its magnitude is what is left.

Of the kept libraries, ``limits`` needs a round trip for the decision and another for what is left; here both are one
script. Time is Redis' own, or this process' monotonic clock: a jump of the machine's clock neither opens nor shuts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

MICROSECONDS = 1_000_000
MOST_KEPT = 200_000
"""Keys that one process remembers, about 30 MB."""


class Rate(NamedTuple):
    """``most`` at once, and as many again within ``seconds``."""

    most: int
    seconds: int

    @property
    def window(self) -> int:
        """Microseconds."""
        return self.seconds * MICROSECONDS

    @property
    def step(self) -> int:
        """Microseconds for which one act fills the bucket."""
        return max(1, self.window // self.most)


class Spent(NamedTuple):
    """What came of one act: allowed or not, how many are left, and seconds to the next (refused) or until all of them
    are there again (allowed)."""

    allowed: bool
    left: int
    seconds: float

    @classmethod
    def of(cls, over: int, rate: Rate) -> Spent:
        if over > 0:
            return cls(False, 0, over / MICROSECONDS)
        return cls(True, -over // rate.step, (over + rate.window) / MICROSECONDS)


class Store(Protocol):
    """Where meters are kept."""

    def spend(self, key: str, rate: Rate) -> int:
        """Spend one of ``key``. Microseconds: positive is the time to wait and nothing was spent."""


class Memory:
    """Within one process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._empty_at: dict[str, int] = {}

    def spend(self, key: str, rate: Rate) -> int:
        now = int(self._now() * MICROSECONDS)
        with self._lock:
            after = max(self._empty_at.get(key, 0), now) + rate.step
            over = after - now - rate.window
            if over <= 0:
                if len(self._empty_at) >= MOST_KEPT and key not in self._empty_at:
                    self._sweep(now)
                self._empty_at[key] = after
        return over

    def _sweep(self, now: int) -> None:
        """Forget the empty ones; were none empty, everybody starts anew rather than the process growing."""
        self._empty_at = {key: at for key, at in self._empty_at.items() if at > now}
        if len(self._empty_at) >= MOST_KEPT:
            self._empty_at.clear()


SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window, step = tonumber(ARGV[1]), tonumber(ARGV[2])
local empty_at = tonumber(redis.call('GET', KEYS[1]) or now) or now
if empty_at < now or empty_at > now + window then empty_at = now end
local after = empty_at + step
local over = after - now - window
if over <= 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
end
return over
"""
"""A number beyond the window cannot be ours: Redis' clock was set back, and that must not lock anybody out."""


class Shared:
    """Through Redis, for several processes. One round trip; a flushed script is sent again."""

    WAIT_SECONDS = 0.25
    """For Redis: longer than any healthy answer, short enough that nobody notices the one request that waits."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._script = redis.register_script(SCRIPT)

    @classmethod
    def at(cls, url: str) -> Shared:
        """Meters at a ``redis://`` address. Nothing is opened before the first use."""
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        wait = cls.WAIT_SECONDS
        return cls(Redis.from_url(url, socket_timeout=wait, socket_connect_timeout=wait, retry=Retry(NoBackoff(), 1)))

    def spend(self, key: str, rate: Rate) -> int:
        return int(self._script(keys=(key,), args=(rate.window, rate.step)))


class Guarded:
    """A shared store with this process's own memory behind it.

    Where Redis is away each process counts for itself: for a while somebody may do as many times more as there are
    processes, and nobody is turned away because a cache is down. What can be guessed is counted in the database and
    does not pass here. Redis is asked again after ``REST_SECONDS``, so that its silence delays one request and not all.
    """

    REST_SECONDS = 5.0

    def __init__(
        self, shared: Store, failure: Callable[[Exception], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._shared, self._own, self._failed, self._now = shared, Memory(now), failure, now
        self._rests_until = 0.0

    def spend(self, key: str, rate: Rate) -> int:
        from redis.exceptions import RedisError

        if self._now() >= self._rests_until:
            try:
                return self._shared.spend(key, rate)
            except (RedisError, OSError) as error:
                self._rests_until = self._now() + self.REST_SECONDS
                self._failed(error)
        return self._own.spend(key, rate)
