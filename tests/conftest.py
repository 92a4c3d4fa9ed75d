"""What every test may ask for: a database of its own, a session that is rolled back, a client that checks answers.

``TEST_DATABASE_URL`` names a PostgreSQL server on which each worker makes and drops a database of its own; without
it the suite runs on an SQLite file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy.orm import Session

from backend.app import create_app
from backend.kit import city as cities
from backend.kit import db, migrations
from backend.web import frame
from backend.wechat import service as wechat_client
from config.settings import ROOT, Settings, new_secrets
from tests.checked_client import CheckedClient
from tests.oidc_server import CLIENT_ID, CLIENT_SECRET, OidcServer
from tests.support import net
from tests.support.databases import OwnPostgresqlDatabase
from tests.wechat_server import APP_ID, APP_SECRET, WechatServer
from tests.wechat_server.world import World

SERVERS = ("browser", "faults", "journey", "operating")
FOUND = pytest.StashKey[list[str]]()
hypothesis_settings.register_profile(
    "suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
hypothesis_settings.load_profile("suite")

frame.configure_logging = net.catching(frame.configure_logging)
frame.configure_logging("warning", readable=False)
World.make_code = net.telling("WeChat code", World.make_code)  # type: ignore[method-assign]


def pytest_configure(config: pytest.Config) -> None:
    """Hang the net; the workers of the run inherit it."""
    if not hasattr(config, "workerinput"):
        net.hang()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search everything that the run logged, when all workers have ended: what no log may hold fails the run."""
    if hasattr(session.config, "workerinput"):
        net.close()
        return
    if found := net.take_down():
        lines = [f"  {event}: {kind}, {count} lines" for (event, kind), count in sorted(found.items())]
        session.config.stash[FOUND] = ["what no log may hold was logged:", *lines]
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(FOUND, []):
        terminalreporter.write_line(line, red=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What does not ask for the run's database is the same on each: one run is enough. What starts whole servers goes
    first, so that none of it is left over for one process at the end."""
    for item in items:
        if "database_url" not in getattr(item, "fixturenames", ()):
            item.add_marker("once")
    items.sort(key=lambda item: _room(item.nodeid) not in SERVERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests stay in one process; those of the browser share one too, and with it one demo and one browser."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "browser" if _room(nodeid) == "browser" else str(super()._split_scope(nodeid))

    return Scheduling(config, log)


def _room(nodeid: str) -> str:
    return nodeid.removeprefix("tests/").partition("/")[0]


SERVER_URL = os.environ.get("TEST_DATABASE_URL", "")


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty database that this worker owns."""
    if not SERVER_URL:
        yield f"sqlite:///{tmp_path_factory.mktemp('db') / 'xinyi.db'}"
        return
    with OwnPostgresqlDatabase(SERVER_URL) as url:
        yield url


@pytest.fixture(scope="session")
def wechat() -> Iterator[WechatServer]:
    """The stand-in WeChat: a real HTTP server on loopback."""
    with WechatServer(port=0) as server:
        yield server


@pytest.fixture(scope="session")
def identity_provider() -> Iterator[OidcServer]:
    """The office's identity provider: a real HTTP server on loopback."""
    with OidcServer() as server:
        yield server


@pytest.fixture(scope="session")
def settings(
    database_url: str, wechat: WechatServer, identity_provider: OidcServer, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings of a test installation, with fresh secrets."""
    return Settings.from_env(
        {
            **new_secrets(),
            "XINYI_METRICS_TOKEN": "",
            "XINYI_ENVIRONMENT": "test",
            "DATABASE_URL": database_url,
            "XINYI_PUBLIC_BASE_URL": "http://127.0.0.1:8000",
            "XINYI_WECHAT_BASE_URL": wechat.base_url,
            "XINYI_WECHAT_APP_ID": APP_ID,
            "XINYI_WECHAT_APP_SECRET": APP_SECRET,
            "XINYI_FILES_ROOT": str(tmp_path_factory.mktemp("files")),
            "XINYI_LIMITS": "count",
            "XINYI_WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
            "XINYI_LOG_LEVEL": "warning",
            "XINYI_OIDC_ISSUER": identity_provider.issuer,
            "XINYI_OIDC_CLIENT_ID": CLIENT_ID,
            "XINYI_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        }
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    """The application on an empty, current schema."""
    application = create_app(settings)
    migrations.upgrade()
    yield application
    wechat_client.current().close()
    db.current().dispose()


@pytest.fixture
def database(app: Flask) -> db.Database:
    """The bound database."""
    return db.current()


@pytest.fixture(scope="session")
def city_contents() -> dict[str, dict[str, Any]]:
    """The city files of 江宁 by kind."""
    return cities.read_folder(Path(ROOT) / "config" / "cities" / "320115")


@pytest.fixture(scope="session")
def city(app: Flask, city_contents: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """江宁, loaded and committed."""
    with db.transaction() as session:
        cities.load(session, city_contents)
    return city_contents


@pytest.fixture
def session(database: db.Database) -> Iterator[Session]:
    """A session inside a transaction that is rolled back when the test ends."""
    with database.engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as own:
            yield own
        outer.rollback()


@pytest.fixture
def client(app: Flask, city: dict[str, dict[str, Any]]) -> CheckedClient:
    """A client whose every answer is held against the OpenAPI document."""
    return CheckedClient(app)
