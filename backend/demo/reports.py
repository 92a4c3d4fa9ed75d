"""What the demo's departments have reported before it begins, the way a file comes in: received, judged, filed.

Some weeks of it, each on its day, one of them late and the last with faulty files, so that quality and publicity
have something to show and the office has something to decide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from backend.accounts import service as accounts
from backend.batches import pushing, uploads, work
from backend.batches import service as batches
from backend.batches.service import NewBatch, Sender
from backend.demo import department_files
from backend.demo.department_files import DepartmentFile
from backend.demo.department_formats import SUFFIX
from backend.demo.department_rows import Subjects
from backend.demo.vocabulary import Vocabulary
from backend.intake.scanning import CSV, JSON, PIECE_BYTES, Scanner
from backend.kit import clock, db
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from backend.kit.vault import Vault

USUAL = ("LE-PEN-01", "LE-LIC-01", "NP-PRO-01")
WEEKS = ((63, 63, False), (35, 21, False), (7, 7, True))
"""Days ago of the decisions, days ago of the report, and whether everything comes: all items, the faulty files too."""
SERIES = "P"
SHOWN_SHOPS = 12


def report_past(items: Mapping[str, Mapping[str, Any]], words: Vocabulary, subjects: Subjects, today: date) -> None:
    """Everything that was reported up to ``today``. The shops of the hand-over are left to whoever tries the files."""
    subjects = replace(subjects, shops=subjects.shops[SHOWN_SHOPS:])
    for decided, reported, everything in WEEKS:
        made = department_files.files(items, words, subjects, today - timedelta(days=decided), SERIES)
        instant = datetime.combine(today - timedelta(days=reported), time(9, 30), clock.SHANGHAI)
        with clock.at(instant):
            for one in made:
                if not one.whole and (everything or (one.item_code in USUAL and not one.faults)):
                    receive(one)
            while work.work_once():
                pass


def receive(one: DepartmentFile) -> UUID:
    """Have a file come in from its department's data officer."""
    content = one.encoded()
    vault, form = Vault.new(new_id()), SUFFIX[one.form]
    encoding, rows = "", None
    if form == CSV:
        scanner = Scanner()
        for piece in _pieces(content):
            scanner.feed(piece)
        found = scanner.finish()
        encoding, rows = found.encoding, found.rows
    digest = hashlib.sha256(content).digest()
    new = NewBatch(vault.row, one.item_code, "report", form, one.name, len(content), digest, encoding, rows)
    with db.transaction() as session:
        officer = accounts.credentials(session, username=one.department.officer)
        department = accounts.organisation_by_slug(session, one.department.slug)
        assert officer is not None
        sender = Sender(officer.staff_id, "data-officer", department.id)
        operation = Operation(officer.staff_id, uuid4(), digest)
        if form == JSON:
            return pushing.push(session, operation, sender, new, json.loads(content)["rows"], content)
        for number, piece in enumerate(_pieces(content)):
            uploads.keep_frame(session, vault, number, piece)
        return batches.receive(session, operation, sender, new, vault)


def _pieces(content: bytes) -> Iterator[bytes]:
    return (content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES))
