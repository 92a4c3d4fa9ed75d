"""While maintenance is on, nothing that comes over HTTP writes; reading and verifying go on, clients are told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import event

from backend import worker
from backend.kit import clock, db, jobs, maintenance, outbox
from backend.operating.cli import maintenance_group
from backend.web import api
from config.settings import Settings
from tests.checked_client import CheckedClient
from tests.factories.world import GUARDED, METHOD_OF, World
from tests.house.snapshots import unchanged
from tests.oidc_server import OidcServer
from tests.wechat_server import WechatServer


@pytest.fixture(scope="module")
def world(
    app: Flask, city: dict[str, Any], wechat: WechatServer, identity_provider: OidcServer, settings: Settings
) -> World:
    return World(api.document(app), wechat, identity_provider, settings.public_base_url)


@pytest.fixture
def maintained(app: Flask, city: object) -> Iterator[None]:
    switch("on", "--message", "升级系统")
    yield
    switch("off")


def switch(*arguments: str) -> str:
    from click.testing import CliRunner

    done = CliRunner().invoke(maintenance_group, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


READS = {"verify_code", "upload_admissions", "create_coupon_code", "create_presentation_code", "transfer_coupon"}
"""What is sent with POST and writes nothing; an upload answers `failed` for each row while nothing is kept."""
WRITES = [name for name in GUARDED if METHOD_OF[name] != "GET" and name not in READS]


@pytest.mark.parametrize("name", WRITES)
def test_whatever_would_write_is_refused_and_told_when_to_come_again(
    world: World, client: CheckedClient, name: str
) -> None:
    call, key = world.call(name), uuid4()
    token = world.tokens[call.who] if call.who else None
    until = clock.now() + timedelta(minutes=5)
    with db.transaction() as session:
        maintenance.switch_on(session, until, "升级系统")
    maintenance.forget()
    try:
        with unchanged():
            answer = call.send(client, token, key)
        problem = answer.get_json(force=True)
        assert (answer.status_code, problem["type"]) == (503, "/problems/read-only"), problem
        assert problem["detail"] == "升级系统" and problem["until"].endswith("Z")
        assert 270 <= int(answer.headers["Retry-After"]) <= 300
    finally:
        switch("off")
    assert call.send(client, token, key).status_code < 400, "the same request is carried out afterwards"


def test_reading_goes_on(world: World, client: CheckedClient, maintained: None) -> None:
    for path in ("/api/v1/perks/scenes", "/api/v1/perks/offers", "/", "/healthz", "/readyz", "/.well-known/jwks.json"):
        assert client.get(path).status_code in (200, 503 if path == "/readyz" else 200), path


def test_verifying_goes_on_and_uploads_are_kept_for_later(world: World, client: CheckedClient) -> None:
    verify, upload = world.call("verify_code"), world.call("upload_admissions")
    token = world.tokens["device"]
    switch("on")
    try:
        with unchanged():
            assert verify.send(client, token).status_code == 200
            told = upload.send(client, token)
        rows = told.get_json(force=True)["items"]
        assert {(row["verdict"], row["reason"]) for row in rows} == {("failed", "read-only")}
    finally:
        switch("off")
    rows = upload.send(client, token).get_json(force=True)["items"]
    assert "failed" not in {row["verdict"] for row in rows}


def test_the_hot_path_asks_the_database_at_most_once_a_second(database: db.Database, maintained: None) -> None:
    asked: list[str] = []
    maintenance.forget()

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        for _ in range(1000):
            assert maintenance.noticed() is not None
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    assert len([each for each in asked if "maintenance" in each]) <= 2


def test_another_process_learns_of_it_within_a_second(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process is one that has asked before and was not told to forget."""
    maintenance.forget()
    assert maintenance.noticed() is None
    with db.transaction() as session:
        maintenance.switch_on(session)
    monkeypatch.setattr(maintenance.time, "monotonic", _later(1.01))
    assert maintenance.noticed() is not None
    monkeypatch.undo()
    switch("off")


def _later(seconds: float) -> Any:
    import time

    real = time.monotonic
    return lambda: real() + seconds


def test_a_database_that_is_away_changes_nothing(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with db.transaction() as session:
        maintenance.switch_on(session)
    maintenance.forget()
    assert maintenance.noticed() is not None
    away = db.Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(db, "_bound", away)
    monkeypatch.setattr(maintenance.time, "monotonic", _later(5))
    assert maintenance.noticed() is not None, "the last answer holds"
    monkeypatch.undo()
    switch("off")


def test_the_worker_pauses_and_goes_on(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(jobs, "run_due", lambda: calls.append("jobs") or [])
    monkeypatch.setattr(outbox, "deliver", lambda **_: calls.append("outbox") or 0)
    switch("on")
    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", lambda _: stop.set())
    worker._run_due()
    worker.deliver_until(stop)
    assert calls == []
    switch("off")
    stop.clear()
    worker._run_due()
    worker.deliver_until(stop)
    assert calls == ["jobs", "outbox"]


def test_commands_write_all_the_same(database: db.Database, maintained: None) -> None:
    with db.transaction() as session:
        maintenance.switch_on(session, None, "said anew")
    with db.reading() as reader:
        notice = maintenance.standing(reader)
    assert notice is not None and notice.message == "said anew"


def test_the_commands_tell_how_it_stands(database: db.Database) -> None:
    from click.testing import CliRunner

    runner = CliRunner()
    assert "没有在维护" in runner.invoke(maintenance_group, ["status"]).output
    assert "本来就没有" in switch("off")
    switch("on", "--until", "23:59", "--message", "x" * 300)
    told = runner.invoke(maintenance_group, ["status"])
    assert told.exit_code == 1 and "预计" in told.output and "x" * 200 in told.output and "x" * 201 not in told.output
    assert runner.invoke(maintenance_group, ["on", "--until", "tomorrow"]).exit_code == 2
    switch("off")


@pytest.mark.once
@pytest.mark.parametrize(("minutes", "seconds"), [(-10, 15), (0, 15), (1, 60), (600, 3600), (None, 60)])
def test_how_long_to_wait_stays_within_reason(minutes: int | None, seconds: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    until = None if minutes is None else now + timedelta(minutes=minutes)
    assert maintenance.Notice(now, until, "").retry_seconds(now) == seconds


def test_what_a_stopped_courier_has_not_begun_is_given_back(database: db.Database) -> None:
    topic, heard = f"test.{uuid4().hex}", []
    outbox.after(topic, "listener", heard.append)
    try:
        while outbox.deliver():
            pass
        with db.transaction() as session:
            for number in range(5):
                outbox.tell(session, topic, {"n": number})
        assert outbox.deliver(stopped=lambda: len(heard) >= 2) == 2
        assert outbox.deliver() == 3, "the others need not wait for a lease to end"
        assert sorted(each["n"] for each in heard) == [0, 1, 2, 3, 4]
    finally:
        outbox._after.pop(topic, None)
