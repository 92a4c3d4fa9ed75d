"""A penalty file of a million rows, judged and filed by a worker, beside reading it with Polars and COPY into a table.

Each runs in a process of its own, so that its memory is its alone. ``python -m tests.bench.batches work|floor …`` is
such a process.
"""

from __future__ import annotations

import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import psycopg
from sqlalchemy import make_url, text

from backend import app as house
from backend.accounts import service as accounts
from backend.batches import service, uploads, work
from backend.batches.service import NewBatch, Sender
from backend.intake.scanning import PIECE_BYTES, Scanner
from backend.kit import db
from backend.kit.ids import NIL, new_id
from backend.kit.operations import Operation
from backend.kit.vault import Vault
from config.settings import ROOT, Settings
from tests.bench.measure import Line, ratios_of
from tests.support.databases import own_database
from tests.support.prepare import Wanted
from tests.support.real_server import RealServer

ROWS = int(os.environ.get("XINYI_BENCH_ROWS", "1000000"))
ROUNDS = 2
AT_LEAST, MOST_MIB = 0.2, 1024
ITEM, SOURCE = "LE-PEN-01", "区市场监督管理局"
FLOOR_ROWS = 20_000
EMPTIED = ("entity_records", "entities", "entity_aliases")
Told = dict[str, Any]


def postgresql() -> list[Line]:
    """Judging and filing ÷ reading and COPY, in rows a second; and the most memory that the worker took."""
    with own_database("postgresql") as url, tempfile.TemporaryDirectory(prefix="xinyi-bench-") as folder:
        path = Path(folder) / "penalties.csv"
        _in_process("write", str(path), str(ROWS))
        server = RealServer(url, Wanted(residents=1))
        try:
            with server.wechat:
                server.prepare()
                rounds = [_round(server, path) for _ in range(ROUNDS)]
        finally:
            server.close()
    return _lines(path.name, rounds)


def _round(server: RealServer, path: Path) -> tuple[Told, Told]:
    """The floor and the work once each, on tables that are empty before."""
    _empty(server.database)
    floor = _in_process("floor", server.settings.database_url, str(path), env=server.env)
    subject = _in_process("work", str(path), env=server.env)
    return subject, floor


def _empty(database: db.Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(EMPTIED)}"))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))


def _in_process(*words: str, env: dict[str, str] | None = None) -> Told:
    command = [sys.executable, "-m", "tests.bench.batches", *words]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    told: Told = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def _lines(name: str, rounds: list[tuple[Told, Told]]) -> list[Line]:
    ours, floor = ([each[place]["rows"] / each[place]["seconds"] for each in rounds] for place in (0, 1))
    ratio, spread = ratios_of(ours, floor)
    most = max(subject["mib"] for subject, _ in rounds)
    detail = {"subject": [subject for subject, _ in rounds], "floor": [each for _, each in rounds], "file": name}
    speed, bare = f"{statistics.median(ours):,.0f} rows/s", f"{statistics.median(floor):,.0f} rows/s"
    return [
        Line(f"{ROWS:,} penalties judged and filed ÷ read with Polars and COPY", speed, bare, ratio, AT_LEAST, detail,
             spread),
        Line("memory of the worker, most of any round", f"{most:,.0f} MiB", f"{MOST_MIB:,} MiB", MOST_MIB / most, 1.0),
    ]  # fmt: skip


# --- what runs in a process of its own -------------------------------------------------------------------------------


def write(path: str, rows: str) -> Told:
    """A penalty file as the official columns have it; a fifth as many entities as rows."""
    count = int(rows)
    codes = [_code(number) for number in range(max(1, count // 5))]
    number = pl.int_range(0, count, eager=True)
    whose = (number.cast(pl.UInt64) * 7919 % len(codes)).alias("whose")
    day = pl.lit(date(2024, 1, 1)) + pl.duration(days=pl.col("number") % 900)
    authority, authority_code = "区市场监督管理局", _code(9_999_999)
    told = {
        "行政相对人名称": pl.format("合成示范{}号商贸有限公司", pl.col("whose").cast(pl.String).str.zfill(6)),
        "行政相对人类别": pl.lit("法人及非法人组织"), "行政相对人代码_1（统一社会信用代码）": pl.col("code"),
        **dict.fromkeys(
            ("行政相对人代码_2（工商注册号）", "行政相对人代码_3（组织机构代码）", "行政相对人代码_4（税务登记号）",
             "行政相对人代码_5（事业单位证书号）", "行政相对人代码_6（社会组织登记证号）"), pl.lit(None, pl.String)),
        "法定代表人": pl.lit("合成"), "法定代表人证件类型": pl.lit("身份证"),
        "法定代表人证件号码": pl.lit("11010519491231002X"),
        "行政处罚决定书文号": pl.format("合成罚字〔{}〕{}号", day.dt.year(), pl.col("number")),
        "违法行为类型": pl.lit("价格违法"),
        "违法事实": pl.format("部分商品未标明价格，经责令限期改正后仍未改正，合成第{}条。", pl.col("number")),
        "处罚依据": pl.lit("《价格法》第四十二条"), "处罚类别": pl.lit("罚款"), "处罚内容": pl.lit("罚款人民币壹仟元"),
        "罚款金额（万元）": pl.lit("0.1"), "没收违法所得、没收非法财物的金额（万元）": pl.lit(None, pl.String),
        "暂扣或吊销证照名称及编号": pl.lit(None, pl.String), "处罚决定日期": day.dt.to_string("%Y-%m-%d"),
        "处罚有效期": pl.lit("2099-12-31"), "公示截止期": (day + pl.duration(days=365)).dt.to_string("%Y-%m-%d"),
        "失信严重程度": pl.lit("general"), "处罚机关": pl.lit(authority),
        "处罚机关统一社会信用代码": pl.lit(authority_code),
        "数据来源单位": pl.lit(authority), "数据来源单位统一社会信用代码": pl.lit(authority_code),
        "备注": pl.lit(None, pl.String),
    }  # fmt: skip
    frame = pl.DataFrame({"number": number, "whose": whose, "code": pl.Series(codes).gather(whose)})
    frame.select(expression.alias(title) for title, expression in told.items()).write_csv(path)
    return {"rows": count, "mib": Path(path).stat().st_size >> 20}


def _code(number: int) -> str:
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = f"91999999MA{number:07d}"
    return body + alphabet[-sum(alphabet.index(c) * pow(3, place, 31) for place, c in enumerate(body)) % 31]


def floor(url: str, path: str) -> Told:
    """Read with Polars and COPY into one table of the same width, unjudged."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        width = len(pl.read_csv(path, n_rows=1, infer_schema=False).columns)
        connection.execute(f"DROP TABLE IF EXISTS bench_flat; CREATE TABLE bench_flat ({_flat(width)})")  # type: ignore[arg-type]
        connection.commit()
        started = time.perf_counter()
        frame = pl.read_csv(path, infer_schema=False)
        with connection.cursor().copy("COPY bench_flat FROM STDIN (FORMAT csv)") as copy:
            for part in frame.iter_slices(FLOOR_ROWS):
                out = io.BytesIO()
                part.write_csv(out, include_header=False)
                copy.write(out.getbuffer())
        connection.commit()
        told = _told(frame.height, started)
        connection.execute("DROP TABLE bench_flat")
    return told


def _flat(width: int) -> str:
    return ", ".join(f"c{place} text" for place in range(width))


def work_off(path: str) -> Told:
    """Receive the file, which is not measured, and let a worker's hand judge and file it."""
    house.prepare(Settings.from_env())
    batch_id, digest = _received(Path(path))
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    while work.work_once():
        pass
    told = _told(0, started)
    after = resource.getrusage(resource.RUSAGE_SELF)
    with db.reading() as reader:
        batch = service.batch(reader, None, batch_id)
    if (batch.status, batch.rows_added) != ("done", batch.rows_judged):
        raise RuntimeError(f"{batch.status}: {batch.rows_added} of {batch.rows_judged}, {batch.problem}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return told | {"rows": batch.rows_judged, "cpu_seconds": round(cpu, 1), "digest": digest}


def _received(path: Path) -> tuple[UUID, str]:
    scanner, vault = Scanner(), Vault.new(new_id())
    with path.open("rb") as file:
        for number, piece in enumerate(iter(lambda: file.read(PIECE_BYTES), b"")):
            scanner.feed(piece)
            with db.transaction() as session:
                uploads.keep_frame(session, vault, number, piece)
    found, digest = scanner.finish(), vault.row.bytes * 2
    with db.transaction() as session:
        where = accounts.ensure_organisation(session, "bench-department", "department", SOURCE)
        new = NewBatch(
            vault.row, ITEM, "report", "csv", path.name, path.stat().st_size, digest, found.encoding, found.rows
        )
        sender = Sender(NIL, "data-officer", where)
        return service.receive(session, Operation(NIL, new_id(), digest), sender, new, vault), found.encoding


def _told(rows: int, started: float) -> Told:
    seconds = time.perf_counter() - started
    return {
        "rows": rows,
        "seconds": round(seconds, 2),
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


ACTS: dict[str, Callable[..., Told]] = {"write": write, "floor": floor, "work": work_off}

if __name__ == "__main__":
    print(json.dumps(ACTS[sys.argv[1]](*sys.argv[2:])))
