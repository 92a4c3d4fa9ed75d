"""A stand-in per test, whose clock the test moves, and clients that do not really pause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from backend.wechat.service import Limits, MemoryCache, TokenCache, WechatClient
from tests.wechat_server import APP_ID, APP_SECRET, Clock, WechatServer

MakeClient = Callable[..., WechatClient]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[WechatServer]:
    with WechatServer(clock=clock) as server:
        yield server


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that clients made between attempts, in seconds."""
    return []


@pytest.fixture
def make_client(server: WechatServer, clock: Clock, pauses: list[float]) -> Iterator[MakeClient]:
    """Make a client of the stand-in; its token cache goes by the test's clock."""
    with ExitStack() as stack:

        def make(
            *, cache: TokenCache | None = None, base_url: str | None = None, read: float = 5.0, **kw: Any
        ) -> WechatClient:
            client = WechatClient(
                kw.get("app_id", APP_ID),
                kw.get("app_secret", APP_SECRET),
                base_url or server.base_url,
                cache=cache or MemoryCache(clock.now),
                limits=Limits(connect=2.0, read=read, total=kw.get("total", 8.0)),
                sleep=pauses.append,
            )
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> WechatClient:
    return make_client()
