"""Points that end in one night: a hundred thousand lots beside a million, the memory, and a run cut in its midst."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from datetime import date, timedelta
from typing import Any

import psycopg

from backend.kit import clock, db, migrations
from backend.kit.db import Database
from backend.ledger import expiring, rules
from backend.ledger import service as ledger
from config.settings import ROOT
from tests.bench.city import plain, resident
from tests.bench.measure import Line
from tests.support.databases import own_database

LOTS = int(os.environ.get("XINYI_BENCH_LOTS", "1000000"))
"""``XINYI_BENCH_LOTS=20000`` makes a short trial of it."""
FEWER = LOTS // 10
MOST_BYTES = 2**30
_KEY = "('01900000-0000-7000-8000-' || lpad(to_hex({}), 12, '0'))::uuid"


def grows() -> list[Line]:
    """Seconds for each lot, few ÷ many; the memory of the process that did the many; and what a cut run leaves."""
    few, _, _ = _night(FEWER, cut=False)
    whole, peak, said = _night(LOTS, cut=False)
    _, _, resumed = _night(FEWER, cut=True)
    return [
        Line(f"expiry, seconds a lot: {FEWER:,} ÷ {LOTS:,}, grows less than 1.3",
             f"{whole:.1f} s for {LOTS:,}: {LOTS / whole:,.0f}/s", f"{few:.1f} s for {FEWER:,}",
             (few / FEWER) / (whole / LOTS), 1 / 1.3, {"seconds": [few, whole], "lots": [FEWER, LOTS]}),
        Line(f"1 GiB ÷ memory of the expiry of {LOTS:,} lots", f"{peak / 2**20:.0f} MiB, {said}", "1 GiB",
             MOST_BYTES / peak, 1.0),
        Line("expiry killed in its midst and taken up again: every lot once", resumed, "all",
             1.0 if resumed.startswith("agrees") else 0.0, 1.0),
    ]  # fmt: skip


def _night(lots: int, *, cut: bool) -> tuple[float, int, str]:
    """One database, one night: seconds, the peak of the process's memory in bytes, and what the audit says."""
    with own_database("postgresql") as url:
        database = Database(url, statement_timeout_seconds=3600)
        db.bind(database)
        try:
            migrations.upgrade()
            ends = clock.today() - timedelta(days=1)
            _fill(url, lots, ends)
            if cut:
                _killed(url, clock.today())
            started = time.perf_counter()
            told = _in_a_process(url, clock.today())
            seconds = time.perf_counter() - started
            return seconds, int(told["peak"]), _audited(lots, told["lots"], cut)
        finally:
            database.dispose()


def _audited(lots: int, done: int, cut: bool) -> str:
    with db.reading() as reader:
        report = ledger.audit(reader)
    right = report.agrees and report.wallet_points == 0 and report.lots == lots and (cut or done == lots)
    right = right and report.by_kind().get("expired") == 7 * lots
    part = f", {done:,} of {lots:,} by the second run" if cut else ""
    return f"{'agrees' if right else 'DISAGREES'}{part}"


def _in_a_process(url: str, day: date) -> dict[str, Any]:
    """The job as the worker runs it, in a process of its own, so that its memory is told apart."""
    done = subprocess.run(_command(url, day), cwd=ROOT, capture_output=True, text=True, check=True)
    lots, peak = done.stdout.split()
    return {"lots": int(lots), "peak": int(peak)}


def _killed(url: str, day: date) -> None:
    """Kill such a process when a part of the lots is booked out."""
    running = subprocess.Popen(_command(url, day), cwd=ROOT, stdout=subprocess.DEVNULL)
    with psycopg.connect(plain(url), autocommit=True) as hand:
        while running.poll() is None:
            if hand.execute("SELECT EXISTS (SELECT FROM ledger_transfers WHERE kind = 'expiry')").fetchone() == (True,):
                running.kill()
    running.wait()


def _command(url: str, day: date) -> list[str]:
    return [sys.executable, "-m", "tests.bench.expiry", url, day.isoformat()]


def main(url: str, day: str) -> None:
    db.bind(Database(url, statement_timeout_seconds=3600))
    done = expiring.expire_all(date.fromisoformat(day))
    print(done.lots, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _fill(url: str, lots: int, ends: date) -> None:
    """Two lots of 7 points for each resident, as two awards of one organisation left them."""
    issuer = resident(2**40)
    budget, mint = rules.account_id("budget", issuer), rules.account_id("mint", None)
    told = {"people": lots // 2, "issuer": issuer, "budget": budget, "mint": mint, "ends": ends, "all": 7 * lots,
            "month": clock.today().replace(day=1)}  # fmt: skip
    key, lot, award = _KEY.format("g"), _KEY.format("g + %(people)s * n + 281474976710656 / 2"), _KEY.format(
        "g + %(people)s * n + 281474976710656 / 4")  # fmt: skip
    with psycopg.connect(plain(url), autocommit=True) as hand:
        for statement in (
            "INSERT INTO ledger_accounts VALUES (%(mint)s, 'mint', NULL, ''), (%(budget)s, 'budget', %(issuer)s, '')",
            "INSERT INTO ledger_budgets VALUES (%(issuer)s, %(month)s, %(budget)s, %(all)s, %(all)s)",
            _TRANSFER + "SELECT %(issuer)s, %(issuer)s, 'grant', NULL, %(mint)s, %(budget)s, %(all)s, 'g', '', '',"
            " now() - interval '9 days', now() - interval '9 days', %(month)s, NULL, ''",
            "INSERT INTO ledger_wallets (resident_id, balance_points, entries)"
            f" SELECT {key}, 14, 2 FROM generate_series(1, %(people)s) g",
            "INSERT INTO ledger_lots (resident_id, id, issuer_id, expires_on, remaining_points)"
            f" SELECT {key}, {lot}, %(issuer)s, %(ends)s - n, 7 FROM generate_series(1, %(people)s) g,"
            " generate_series(0, 1) n",
            _TRANSFER + f"SELECT {key}, {award}, 'award', n + 1, %(budget)s, {key}, 7, 'a', '', '',"
            " now() - interval '8 days', now() - interval '8 days', %(month)s, 7 * (n + 1), ''"
            " FROM generate_series(1, %(people)s) g, generate_series(0, 1) n",
            "INSERT INTO ledger_allocations (resident_id, transfer_id, lot_id, delta_points)"
            f" SELECT {key}, {award}, {lot}, 7 FROM generate_series(1, %(people)s) g, generate_series(0, 1) n",
        ):
            hand.execute(statement, told)
        hand.execute("VACUUM ANALYZE")


_TRANSFER = (
    "INSERT INTO ledger_transfers (resident_id, id, kind, entry_number, debit_account_id, credit_account_id,"
    " amount_points, code, title, counterparty, event_at, created_at, budget_month, wallet_balance_after_points,"
    " reason) "
)

if __name__ == "__main__":
    main(*sys.argv[1:])
