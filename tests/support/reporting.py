"""A department's file and a worker with small pieces and short leases, each in a process of its own.

``python -m tests.support.reporting send ROWS`` keeps a file as an upload does and prints its batch's id;
``… work`` is the worker; ``… token`` prints an access token of a data officer.
"""

from __future__ import annotations

import csv
import hashlib
import io
import sys
from datetime import timedelta

from backend import app as house
from backend import worker
from backend.accounts import service as accounts
from backend.batches import service, uploads, work
from backend.batches.service import NewBatch, Sender
from backend.intake.scanning import PIECE_BYTES, Scanner
from backend.kit import clock, db
from backend.kit.ids import NIL, new_id
from backend.kit.operations import Operation
from backend.kit.vault import Vault
from backend.records import rules
from config.settings import Settings
from tests.factories import accounts as people
from tests.factories.record_calls import SOURCE

ITEM = "LE-HON-02"
HEAD = ["主体名称", "统一社会信用代码", "文号", "决定日期", "认定单位", "示范级别"]
FAULTY_EVERY = 37
SMALL_PIECES, SHORT_LEASE = 24 * 1024, timedelta(seconds=2)


def file_of(rows: int) -> bytes:
    """Every 37th row lacks its last cell; five rows are about one entity."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEAD)
    for number in range(rows):
        level = "" if number % FAULTY_EVERY == 0 else "区级"
        name, code = f"测试公司{number // 5}", _code(number // 5)
        writer.writerow([name, code, f"测试〔2026〕{number}号", str(clock.today()), SOURCE, level])
    return out.getvalue().encode()


def _code(number: int) -> str:
    body = f"91999999MA{number:07d}"
    return next(found for last in "0123456789ABCDEFGHJKLMNPQRTUWXY" if (found := rules.normal_entity_code(body + last)))


def send(rows: int) -> str:
    """Keep the file and note its batch."""
    house.prepare(Settings.from_env())
    content, vault, scanner = file_of(rows), Vault.new(new_id()), Scanner()
    for number, at in enumerate(range(0, len(content), PIECE_BYTES)):
        piece = content[at : at + PIECE_BYTES]
        scanner.feed(piece)
        with db.transaction() as session:
            uploads.keep_frame(session, vault, number, piece)
    found, digest = scanner.finish(), hashlib.sha256(content).digest()
    new = NewBatch(vault.row, ITEM, "report", "csv", "", len(content), digest, found.encoding, found.rows)
    with db.transaction() as session:
        where = accounts.ensure_organisation(session, "test-reporting", "department", SOURCE)
        service.receive(session, Operation(NIL, new_id(), digest), Sender(NIL, "data-officer", where), new, vault)
    return str(vault.row)


def token() -> str:
    """An access token of a data officer of the department."""
    house.prepare(Settings.from_env())
    with db.transaction() as session:
        where = accounts.ensure_organisation(session, "test-reporting", "department", SOURCE)
        who = people.staff(session, "data-officer", where)
        return people.staff_token(session, who)


def work_in_small_pieces() -> None:
    work.PIECE_BYTES = dict.fromkeys(work.PIECE_BYTES, SMALL_PIECES)
    work.LEASE = SHORT_LEASE
    worker.main()


if __name__ == "__main__":
    if sys.argv[1] == "send":
        print(send(int(sys.argv[2])))
    elif sys.argv[1] == "token":
        print(token())
    else:
        work_in_small_pieces()
