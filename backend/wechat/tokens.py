"""The access token: one for all, fetched once, renewed before it ends.

WeChat's stable token (getStableAccessToken) answers the same token to everybody who asks in the normal mode,
renews it in its last five minutes, and keeps the old one good while they overlap. So processes without a
common cache do not push each other out, and asking again never harms. A *forced* renewal does push the
others out, is allowed 20 times a day, and is used only where the normal mode insists on a refused token.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import structlog

from backend.wechat import errors
from backend.wechat.transport import Call, Transport

log = structlog.get_logger("wechat")

STABLE_TOKEN = Call("POST", "/cgi-bin/stable_token", repeatable=True, token_call=True)
FORCED_TOKEN = Call("POST", "/cgi-bin/stable_token", repeatable=False, token_call=True)

RENEW_BEFORE_SECONDS = 200
"""Inside WeChat's last five minutes, in which asking yields a new token while the old one still works."""
BETWEEN_FORCED_SECONDS = 24 * 3600 // 20
"""A fault that persists must not use up the day's 20 forced renewals."""


class TokenCache(Protocol):
    """Where tokens are kept. ``lock`` keeps others who share the cache from fetching at the same time."""

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, value: str, lifetime_seconds: int) -> None: ...

    def drop(self, key: str) -> None: ...

    def lock(self, key: str) -> AbstractContextManager[None]: ...


class MemoryCache:
    """For one process. ``clock`` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._values: dict[str, tuple[str, float]] = {}

    def get(self, key: str) -> str | None:
        value, until = self._values.get(key, ("", 0.0))
        return value if value and self._clock() < until else None

    def put(self, key: str, value: str, lifetime_seconds: int) -> None:
        self._values[key] = (value, self._clock() + lifetime_seconds)

    def drop(self, key: str) -> None:
        self._values.pop(key, None)

    def lock(self, key: str) -> AbstractContextManager[None]:
        """The keeper's own lock is enough within one process."""
        return nullcontext()


class RedisCache:
    """For several processes. Where Redis fails, each process goes on with what it knows itself."""

    LOCK_SECONDS = 30
    WAIT_SECONDS = 1.0
    """For Redis itself: a sign-in must not wait long for a cache."""

    def __init__(self, redis: Any) -> None:
        """``redis`` is a ``redis.Redis`` with short timeouts, such as ``at`` makes."""
        from redis.exceptions import RedisError

        self._redis = redis
        self._failure: type[Exception] = RedisError
        self._own = MemoryCache()

    @classmethod
    def at(cls, url: str) -> RedisCache:
        """A cache at a ``redis://`` address. Nothing is opened before the first use."""
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        wait = cls.WAIT_SECONDS
        retry = Retry(NoBackoff(), 1)
        return cls(Redis.from_url(url, socket_timeout=wait, socket_connect_timeout=wait, retry=retry))

    def get(self, key: str) -> str | None:
        try:
            value = self._redis.get(key)
        except self._failure as error:
            log.warning("wechat.token_cache_away", error=type(error).__name__)
            return self._own.get(key)
        return value.decode("ascii") if isinstance(value, bytes) else value

    def put(self, key: str, value: str, lifetime_seconds: int) -> None:
        self._own.put(key, value, lifetime_seconds)
        try:
            self._redis.set(key, value, ex=lifetime_seconds)
        except self._failure as error:
            log.warning("wechat.token_cache_away", error=type(error).__name__)

    def drop(self, key: str) -> None:
        self._own.drop(key)
        try:
            self._redis.delete(key)
        except self._failure as error:
            log.warning("wechat.token_cache_away", error=type(error).__name__)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Best effort: two fetches at once are a waste, not a fault."""
        lock = self._redis.lock(f"{key}:lock", timeout=self.LOCK_SECONDS, blocking_timeout=self.LOCK_SECONDS)
        try:
            held = lock.acquire()
        except self._failure as error:
            log.warning("wechat.token_cache_away", error=type(error).__name__)
            held = False
        try:
            yield
        finally:
            if held:
                try:
                    lock.release()
                except self._failure as error:
                    log.warning("wechat.token_cache_away", error=type(error).__name__)


class TokenKeeper:
    """Hands out the access token of one mini-program. Safe to share between threads."""

    def __init__(self, transport: Transport, app_id: str, app_secret: str, cache: TokenCache) -> None:
        self._transport = transport
        self._app_id = app_id
        self._app_secret = app_secret
        self._cache = cache
        self._key = f"wechat:token:{app_id}"
        self._forced_key = f"wechat:forced:{app_id}"
        self._lock = threading.Lock()
        self._failed: tuple[float, errors.WechatError] | None = None

    def current(self) -> str:
        """The token to use now. Raises what WeChat answers to the fetch."""
        if token := self._cache.get(self._key):
            return token
        with self._alone():
            if token := self._cache.get(self._key):
                return token
            return self._keep(*self._fetch(STABLE_TOKEN))

    def replace(self, refused: str) -> str:
        """Another token than ``refused``: someone else's newer one, the normal one, or a forced one.

        Raises ``WechatTokenRefused`` where a renewal was forced a short time ago and did not help.
        """
        with self._alone():
            held = self._cache.get(self._key)
            if held and held != refused:
                return held
            self._cache.drop(self._key)
            token, lifetime_seconds = self._fetch(STABLE_TOKEN)
            if token == refused:
                if self._cache.get(self._forced_key):
                    raise errors.WechatTokenRefused()
                self._cache.put(self._forced_key, "1", BETWEEN_FORCED_SECONDS)
                token, lifetime_seconds = self._fetch(FORCED_TOKEN)
            return self._keep(token, lifetime_seconds)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread at a time. Whoever waited while a fetch failed shares its failure."""
        arrived = time.monotonic()
        with self._lock:
            if self._failed and self._failed[0] >= arrived:
                failure = self._failed[1]
                raise type(failure)(errcode=failure.errcode)
            with self._cache.lock(self._key):
                try:
                    yield
                except errors.WechatError as failure:
                    self._failed = (time.monotonic(), failure)
                    raise

    def _fetch(self, call: Call) -> tuple[str, int]:
        body = {
            "grant_type": "client_credential",
            "appid": self._app_id,
            "secret": self._app_secret,
            "force_refresh": call is FORCED_TOKEN,
        }
        document = self._transport.ask(call, {}, body).document
        token, lifetime_seconds = document.get("access_token"), document.get("expires_in")
        if not isinstance(token, str) or not token.isascii() or not token or type(lifetime_seconds) is not int:
            raise errors.WechatUnavailable()
        return token, lifetime_seconds

    def _keep(self, token: str, lifetime_seconds: int) -> str:
        keep_seconds = max(lifetime_seconds - RENEW_BEFORE_SECONDS, lifetime_seconds // 2, 1)
        self._cache.put(self._key, token, keep_seconds)
        return token
