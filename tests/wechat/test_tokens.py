"""The access token: fetched once, renewed in time, replaced when refused."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.wechat import errors
from backend.wechat.service import RedisCache, TextScene, WechatClient
from tests.wechat.conftest import MakeClient
from tests.wechat_server import Clock, WechatServer
from tests.wechat_server.world import Fault

pytestmark = pytest.mark.once

TOKEN = "/cgi-bin/stable_token"
CHECK = "/wxa/msg_sec_check"
PHONE = "/wxa/business/getuserphonenumber"


def check(client: WechatClient) -> None:
    assert client.check_text("o-1", "你好", TextScene.COMMENT).suggestion == "pass"


def at_once(count: int, work: Callable[[], None]) -> list[Exception]:
    """Do ``work`` in ``count`` threads that start together; answers what they raised."""
    barrier = threading.Barrier(count)
    raised: list[Exception] = []

    def run() -> None:
        barrier.wait()
        try:
            work()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_many_threads_fetch_one_token(server: WechatServer, client: WechatClient) -> None:
    server.world.faults.append(Fault(TOKEN, delay=0.2))
    assert at_once(20, lambda: check(client)) == []
    assert server.world.calls == {TOKEN: 1, CHECK: 20}


def test_a_token_is_kept_until_shortly_before_its_end(server: WechatServer, client: WechatClient, clock: Clock) -> None:
    check(client)
    first = server.world.stable_token(force=False)[0]
    clock.forward(6990)
    check(client)
    assert server.world.calls[TOKEN] == 1
    clock.forward(20)
    check(client)
    assert server.world.calls[TOKEN] == 2
    assert server.world.stable_token(force=False)[0] != first
    server.world.check_token(first)  # whoever still holds the old one is served


def test_a_token_pushed_out_by_others_is_replaced_without_force(
    server: WechatServer, client: WechatClient, clock: Clock
) -> None:
    check(client)
    server.world.stable_token(force=True)
    check(client)
    assert server.world.calls == {TOKEN: 2, CHECK: 3}
    assert b'"force_refresh": false' in server.world.bodies[TOKEN]


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_token_refused_though_it_is_the_normal_one_is_forced_once(
    server: WechatServer, client: WechatClient, errcode: int
) -> None:
    check(client)
    first = server.world.stable_token(force=False)[0]
    server.world.faults.append(Fault(CHECK, errcode=errcode))
    check(client)
    assert server.world.stable_token(force=False)[0] != first
    assert server.world.calls == {TOKEN: 3, CHECK: 3}
    assert b'"force_refresh": true' in server.world.bodies[TOKEN]


def test_a_fault_that_persists_forces_once_and_is_reported(
    server: WechatServer, client: WechatClient, clock: Clock
) -> None:
    server.world.faults.append(Fault(CHECK, times=1000, errcode=40001))
    forced = []
    for _ in range(10):
        with pytest.raises(errors.WechatTokenRefused):
            check(client)
        forced.append(len(server.world._forced))
        clock.forward(60)
    assert forced[-1] == 1
    server.world.faults.clear()
    check(client)


def test_a_refused_token_does_not_cost_the_phone_code(server: WechatServer, client: WechatClient) -> None:
    check(client)
    server.world.stable_token(force=True)
    code = server.world.make_code("phone", "o-1")
    assert client.exchange_phone_code(code, "o-1").country_code == "86"
    assert server.world.calls[PHONE] == 2


def test_many_threads_with_a_refused_token_replace_it_once(server: WechatServer, client: WechatClient) -> None:
    check(client)
    server.world.stable_token(force=True)
    server.world.calls.clear()
    server.world.faults.append(Fault(TOKEN, delay=0.2))
    assert at_once(20, lambda: check(client)) == []
    assert server.world.calls[TOKEN] == 1


def test_threads_that_waited_for_a_failed_fetch_share_its_failure(server: WechatServer, client: WechatClient) -> None:
    server.world.faults.append(Fault(TOKEN, delay=0.5, errcode=40164))
    raised = at_once(20, lambda: check(client))
    assert [type(error) for error in raised] == [errors.WechatNotConfigured] * 20
    assert server.world.calls == {TOKEN: 1}
    check(client)  # and the failure is not remembered


def test_a_wrong_secret_is_not_taken_for_a_refused_token(server: WechatServer, client: WechatClient) -> None:
    server.world.faults.append(Fault(TOKEN, errcode=40001))
    with pytest.raises(errors.WechatNotConfigured):
        check(client)
    assert server.world.calls == {TOKEN: 1}


@pytest.mark.parametrize("fault", [{"errcode": -1}, {"drop": True}, {"http_status": 500}])
def test_a_fetch_that_fails_for_a_moment_is_repeated(
    server: WechatServer, client: WechatClient, pauses: list[float], fault: dict[str, object]
) -> None:
    server.world.faults.append(Fault(TOKEN, times=2, **fault))  # type: ignore[arg-type]
    check(client)
    assert pauses == [0.2, 0.6]


@pytest.mark.parametrize(
    "body",
    [
        '{"access_token": "t"}',
        '{"access_token": 5, "expires_in": 7200}',
        '{"access_token": "", "expires_in": 7200}',
        '{"access_token": "t", "expires_in": true}',
        '{"access_token": "令牌", "expires_in": 7200}',
    ],
)
def test_a_token_that_makes_no_sense_is_not_used(server: WechatServer, client: WechatClient, body: str) -> None:
    server.world.faults.append(Fault(TOKEN, body=body))
    with pytest.raises(errors.WechatUnavailable):
        check(client)
    assert CHECK not in server.world.calls


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of this test's own, on a socket."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    socket = tmp_path / "redis.sock"
    command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "ready to accept connections" in line.lower():
                break
        connection = Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0))
        try:
            yield connection
        finally:
            connection.close()
            process.terminate()


def test_processes_that_share_redis_fetch_one_token(
    server: WechatServer, make_client: MakeClient, redis: Redis
) -> None:
    clients = [make_client(cache=RedisCache(redis)) for _ in range(4)]
    server.world.faults.append(Fault(TOKEN, delay=0.2))
    working = iter(clients * 2)
    assert at_once(8, lambda: check(next(working))) == []
    assert server.world.calls[TOKEN] == 1
    lifetime = redis.ttl("wechat:token:" + clients[0].app_id)
    assert 6900 < lifetime <= 7000


def test_a_token_replaced_by_one_process_serves_the_other(
    server: WechatServer, make_client: MakeClient, redis: Redis
) -> None:
    one, other = make_client(cache=RedisCache(redis)), make_client(cache=RedisCache(redis))
    check(one)
    server.world.stable_token(force=True)
    check(one)
    check(other)
    assert server.world.calls[TOKEN] == 2


def test_without_redis_each_process_goes_on_by_itself(
    server: WechatServer, make_client: MakeClient, tmp_path: Path
) -> None:
    client = make_client(cache=RedisCache.at(f"unix://{tmp_path / 'nothing.sock'}"))
    check(client)
    check(client)
    assert server.world.calls == {TOKEN: 1, CHECK: 2}


def test_redis_may_fail_between_two_calls(server: WechatServer, make_client: MakeClient, redis: Redis) -> None:
    client = make_client(cache=RedisCache.at("unix://" + redis.connection_pool.connection_kwargs["path"]))
    check(client)
    redis.shutdown(nosave=True)
    check(client)
    assert server.world.calls == {TOKEN: 1, CHECK: 2}
