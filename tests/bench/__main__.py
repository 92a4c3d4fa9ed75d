"""``make bench``, or ``python -m tests.bench NAME…``: figures as ratios to a floor measured in the same run.

Server, client and database share this machine, so that absolute figures say little; subject and floor take turns.
The table is printed and kept as JSON under ``bench-results/``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from config.settings import ROOT
from tests.bench import batches, expiry, in_process, limits, offline, over_http, promises, scores
from tests.bench.measure import Line, show
from tests.bench.peers import admission, ledger
from tests.bench.peers.venvs import PeerMissing
from tests.suites import postgresql_missing

Run = Callable[[], list[Line]]
ALL: dict[str, tuple[Run, bool]] = {
    "servers": (over_http.servers, True),
    "redemption-postgresql": (partial(over_http.redemption, "postgresql"), True),
    "redemption-sqlite": (partial(over_http.redemption, "sqlite"), False),
    "verification-postgresql": (partial(over_http.verification, "postgresql"), True),
    "verification-sqlite": (partial(over_http.verification, "sqlite"), False),
    "home-postgresql": (partial(over_http.home, "postgresql"), True),
    "home-sqlite": (partial(over_http.home, "sqlite"), False),
    "hot-offer": (over_http.hot_offer, True),
    "ledger-postgresql": (partial(in_process.ledger_hold, "postgresql"), True),
    "ledger-sqlite": (partial(in_process.ledger_hold, "sqlite"), False),
    "reads-postgresql": (partial(over_http.reads, "postgresql"), True),
    "reads-sqlite": (partial(over_http.reads, "sqlite"), False),
    "wallet": (over_http.wallet, True),
    "expiry": (expiry.grows, True),
    "codes": (partial(over_http.codes, "postgresql"), True),
    "batches-postgresql": (batches.postgresql, True),
    "scores-city": (scores.whole_city, True),
    "scores-one": (scores.one_resident, True),
    "scores-reads-postgresql": (partial(scores.reads, "postgresql"), True),
    "scores-reads-sqlite": (partial(scores.reads, "sqlite"), False),
    "ledger-hordak": (ledger.beside_hordak, True),
    "admission-pretix": (admission.beside_pretix, True),
    "offline": (offline.verifying, False),
    "limits": (limits.costs, False),
    "crowd": (promises.crowd, True),
    "kills": (promises.kills, True),
    "rotations": (promises.rotations, True),
    "restores": (promises.restores, True),
}
"""Name → benchmark, and whether it needs PostgreSQL."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(ALL)} (default: all)")
    chosen = parser.parse_args().names or list(ALL)
    if unknown := [name for name in chosen if name not in ALL]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(ALL)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whatever was started is ended, as by Ctrl-C
    missing = postgresql_missing()
    results: list[dict[str, Any]] = []
    shown: list[Line] = []
    for name in chosen:
        run, needs_postgresql = ALL[name]
        if needs_postgresql and missing:
            print(f"SKIPPED: {name}: {missing}", flush=True)
            continue
        started = time.perf_counter()
        try:
            lines = run()
        except PeerMissing as missing_peer:
            print(f"SKIPPED: {name}: {missing_peer}", flush=True)
            continue
        except Exception as error:
            traceback.print_exc()
            lines = [Line(name, f"failed: {type(error).__name__}", "", 0.0, 1.0)]
        seconds = time.perf_counter() - started
        print(f"[{name}: {seconds:.0f} s]  again: python -m tests.bench {name}\n{show(lines)}\n", flush=True)
        results.append({"name": name, "seconds": round(seconds, 1), "lines": [line.as_dict() for line in lines]})
        shown += lines
    print(show(shown))
    _keep(results)
    return 1 if any(line.verdict == "BELOW" for line in shown) else 0


def _keep(results: list[dict[str, Any]]) -> None:
    now = datetime.now(UTC)
    folder = ROOT / "bench-results"
    folder.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "load": os.getloadavg(), "python": platform.python_version(),
               "system": platform.platform()}  # fmt: skip
    kept = {"at": now.isoformat(timespec="seconds"), "command": sys.argv, "machine": machine, "results": results}
    target = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    target.write_text(json.dumps(kept, ensure_ascii=False, indent=1), "utf-8")
    print(f"\nkept in {target.relative_to(ROOT)}")


if __name__ == "__main__":
    raise SystemExit(main())
