"""``kill -9`` in the midst of redemptions and admissions: of the server, and of the database under it.

Afterwards no point is lost or made, every priced coupon has its hold and every hold its coupon, everything that was
answered stands, and whoever asks again with the same key gets the same.

``XINYI_KILLS=10`` kills ten times instead of three (once where not all suites run), and the worker with the server.
"""

from __future__ import annotations

import os
import secrets

import pytest

from tests.support.databases import OwnCluster, initdb
from tests.support.faults import WANTED, Accident
from tests.support.real_server import RealServer, serving

pytestmark = [pytest.mark.once, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("XINYI_KILLS", "3" if os.environ.get("XINYI_ALL_SUITES") == "1" else "1"))
BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.load])]


@pytest.mark.parametrize("kind", BOTH)
def test_a_killed_server_loses_nothing_and_makes_nothing(kind: str) -> None:
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")
    with serving(kind, WANTED, with_worker="XINYI_KILLS" in os.environ) as server:
        accident = Accident(server, seed)
        accident.warm_up()
        for _ in range(KILLS):
            accident.round(server.kill, server.start, {201, 0})
        assert accident.unanswered, "no request was in flight at any kill: that proves nothing"
        accident.nobody_enters_twice()


@pytest.mark.load
def test_a_killed_postgresql_loses_nothing_and_makes_nothing() -> None:
    if not initdb():
        why = "PostgreSQL's initdb is not installed, so that no cluster can be made and killed"
        if os.environ.get("XINYI_ALL_SUITES") == "1":
            pytest.fail(why)
        pytest.skip(why)
    with OwnCluster() as cluster, RealServer(cluster.url, WANTED) as server:
        accident = Accident(server, secrets.randbelow(10**6))
        accident.warm_up()

        def recover() -> None:
            cluster.start()
            server.wait_ready()
            server.database.dispose()  # the test's own connections died with the cluster

        accident.round(cluster.kill, recover, {201, 503, 0})
        assert accident.unanswered, "no request was in flight when the database died"
        accident.nobody_enters_twice()
