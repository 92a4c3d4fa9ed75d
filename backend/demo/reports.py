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
WEEKS = ((63, False, ""), (31, False, "LE-LIC-01"), (7, True, ""))
"""How many days ago, whether everything comes (all items, and the faulty files), and which item comes late."""
LATE_DAYS = 14
WITHOUT_FAULT = ("NP-HON-01", "NP-PEN-02")
"""Whose departments make no mistakes: not every one does."""
SERIES = "P"
SHOWN_SHOPS = 12


def report_past(items: Mapping[str, Mapping[str, Any]], words: Vocabulary, subjects: Subjects, today: date) -> None:
    """Everything that was reported up to ``today``. The shops of the hand-over are left to whoever tries the files."""
    subjects = replace(subjects, shops=subjects.shops[SHOWN_SHOPS:])
    for days, everything, late in WEEKS:
        day = today - timedelta(days=days)
        with clock.at(datetime.combine(day, time(9, 30), clock.SHANGHAI)):
            for one in _files(items, words, subjects, day, late):
                if not one.whole and _comes(one, everything):
                    receive(one)
            while work.work_once():
                pass


def _files(
    items: Mapping[str, Mapping[str, Any]], words: Vocabulary, subjects: Subjects, day: date, late: str
) -> list[DepartmentFile]:
    """The files of a day, but for the one item whose decisions are older."""
    of_today = department_files.files(items, words, subjects, day, SERIES)
    older = department_files.files(items, words, subjects, day - timedelta(days=LATE_DAYS), SERIES) if late else []
    return [one for one in of_today if one.item_code != late] + [one for one in older if one.item_code == late]


def _comes(one: DepartmentFile, everything: bool) -> bool:
    if one.faults:
        return everything and one.item_code not in WITHOUT_FAULT
    return everything or one.item_code in USUAL


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
