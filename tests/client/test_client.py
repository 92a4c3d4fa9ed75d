"""The mini-program's client: generated from the document, compiled strictly, and driven against the real server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.settings import ROOT
from tests.client.install import CLIENT, node_command
from tests.client.proxy import Proxy, Trick, proxying
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer, serving

pytestmark = [pytest.mark.client, pytest.mark.once]
SECONDS = 120


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=CLIENT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def tool(package: str, script: str, *arguments: str) -> str:
    return run(*node_command(), str(CLIENT / "node_modules" / package / script), *arguments)


def test_the_committed_types_are_what_the_document_says(tmp_path: Path) -> None:
    fresh = tmp_path / "schema.d.ts"
    tool("openapi-typescript", "bin/cli.js", str(ROOT / "openapi" / "openapi.json"), "-o", str(fresh))
    current = (CLIENT / "schema.d.ts").read_text("utf-8")
    assert fresh.read_text("utf-8") == current, "run `make openapi` and read the difference"


def test_client_and_example_compile_strictly() -> None:
    tool("typescript", "bin/tsc", "--noEmit", "-p", ".")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (("balance_points: number", "balance_points: string"), "TS2322"),
        (('"/api/v1/me/wallet": {', '"/api/v1/me/purse": {'), "TS2345"),
    ],
)
def test_a_change_of_the_document_that_breaks_callers_does_not_compile(
    tmp_path: Path, spoil: tuple[str, str], says: str
) -> None:
    for name in ("client.ts", "wechat.ts", "typing.ts", "tsconfig.json", "schema.d.ts"):
        (tmp_path / name).write_text((CLIENT / name).read_text("utf-8"), "utf-8")
    (tmp_path / "node_modules").symlink_to(CLIENT / "node_modules")
    schema = tmp_path / "schema.d.ts"
    text = schema.read_text("utf-8")
    assert spoil[0] in text
    schema.write_text(text.replace(*spoil), "utf-8")
    tsc = str(CLIENT / "node_modules" / "typescript" / "bin" / "tsc")
    done = subprocess.run(
        [*node_command(), tsc, "--noEmit", "-p", str(tmp_path)], capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode and says in done.stdout, done.stdout[-2000:]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client as JavaScript."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "package.json").write_text('{"type": "module"}')
    tool("typescript", "bin/tsc", "-p", ".", "--outDir", str(folder))
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    with serving("sqlite", Wanted(residents=1, points=300, offers=[{"price_points": 7}], merchants=1)) as server:
        yield server


@pytest.fixture
def proxy(server: RealServer) -> Iterator[Proxy]:
    with proxying(server.address) as proxy:
        yield proxy


@pytest.fixture
def drive(server: RealServer, proxy: Proxy, compiled: Path) -> Callable[..., Any]:
    """Run one step of ``drive.mjs`` through the proxy, with the tricks that it plays."""

    def go(step: str, *tricks: Trick) -> Any:
        proxy.tricks += tricks
        facts = {"openid": server.made.residents[0]["openid"], "offer": server.made.offers[0],
                 "merchant": server.made.merchants[0], "printed": server.settings.public_base_url}  # fmt: skip
        script = str(ROOT / "tests" / "client" / "drive.mjs")
        said = run(
            *node_command(), script, str(compiled), proxy.base_url, server.wechat.base_url, step, json.dumps(facts)
        )
        return json.loads(said)

    return go


def test_a_resident_signs_in_by_wechat(drive: Callable[..., Any]) -> None:
    assert drive("signIn") == {"kind": "resident", "bound": True, "logins": 1}


def test_thirty_calls_with_a_stale_token_refresh_once_and_ten_run_at_a_time(
    drive: Callable[..., Any], proxy: Proxy
) -> None:
    told = drive("refresh")
    assert told["answers"] == 30 and told["logins"] == 1 and told["most"] == 10
    assert proxy.count("/auth/refresh") == 1


def test_a_lost_refresh_leads_to_a_new_sign_in_and_never_to_a_second_use(
    drive: Callable[..., Any], proxy: Proxy
) -> None:
    assert drive("refreshLost", Trick("/auth/refresh")) == {"kind": "resident", "logins": 2}
    assert proxy.count("/auth/refresh") == 1


def test_a_session_that_has_ended_is_begun_anew(drive: Callable[..., Any]) -> None:
    assert drive("refreshRefused") == {"kind": "resident", "logins": 2}


def test_a_redemption_whose_answer_is_lost_is_repeated_and_makes_nothing_twice(
    drive: Callable[..., Any], proxy: Proxy
) -> None:
    told = drive("redeem", Trick("/redemptions", times=2))
    sent = [key for _, path, key in proxy.seen if path.endswith("/redemptions")]
    assert len(sent) == 3 and len(set(sent)) == 1
    assert told["spent"] == 7 and told["coupon"] and not told["kept"]


def test_an_app_that_was_closed_goes_on_with_the_same_key(drive: Callable[..., Any], proxy: Proxy) -> None:
    told = drive("resume", Trick("/redemptions"))
    sent = [key for _, path, key in proxy.seen if path.endswith("/redemptions")]
    assert told["first"]["error"] == "UnreachableError" and sent == [told["key"]] * 2
    assert told["spent"] == 7 and told["coupon"] and not told["kept"] and told["none"] is None


def test_a_refusal_is_an_end_and_is_not_repeated(drive: Callable[..., Any], proxy: Proxy) -> None:
    told = drive("refused")
    assert told["refused"]["slug"] == "not-found" and told["refused"]["status"] == 404 and not told["kept"]
    assert proxy.count("/redemptions") == 1


LIMITED = json.dumps({"type": "/problems/rate-limited", "title": "太频繁", "status": 429, "instance": "x"}).encode()


def test_retry_after_is_waited_for(drive: Callable[..., Any]) -> None:
    told = drive("waits", Trick("/api/v1/me", status=429, headers={"Retry-After": "2"}, body=LIMITED, skip=1))
    assert told["kind"] == "resident" and told["seconds"] >= 2


def test_a_long_wait_is_left_to_the_person(drive: Callable[..., Any]) -> None:
    told = drive("tooLong", Trick("/api/v1/me", status=429, headers={"Retry-After": "3600"}, body=LIMITED, skip=1))
    assert told == {"error": "ProblemError", "slug": "rate-limited", "status": 429, "after": 3600}


def test_a_write_without_a_key_is_not_repeated(drive: Callable[..., Any], proxy: Proxy) -> None:
    assert drive("unkeyed", Trick("/presentation-codes"))["error"] == "UnreachableError"
    assert proxy.count("/presentation-codes") == 1


def test_a_proxys_own_page_is_a_problem_of_its_status(drive: Callable[..., Any]) -> None:
    page = Trick("/api/v1/me", status=403, headers={"Content-Type": "text/html"}, body=b"<h1>no</h1>", skip=1)
    assert drive("tooLong", page) == {"error": "ProblemError", "slug": "about:blank", "status": 403, "after": None}


def test_a_scanned_code_opens_its_badge_and_nothing_else_does(drive: Callable[..., Any], server: RealServer) -> None:
    told = drive("badge")
    assert told["code"] == told["withTail"] == server.made.merchants[0] and told["name"].startswith("测试商户")
    assert told["none"] == [None] * 9


def test_keys_are_uuids_and_distinct(drive: Callable[..., Any]) -> None:
    assert drive("keys") == {"distinct": 1000, "formed": True}
