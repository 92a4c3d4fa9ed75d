"""The files of the demo's departments, sent as a department sends them: every planted fault meets its verdict."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from backend.demo import department_files, department_rows
from backend.demo.department_faults import ACCEPTED, LATE, QUARANTINED, REJECTED, UNCHANGED
from backend.demo.department_files import DepartmentFile
from backend.demo.vocabulary import Vocabulary
from backend.kit import clock
from config.settings import ROOT
from tests.batches.conftest import Desk, Officer

CITY = ROOT / "config" / "cities" / "320115"
RAW = {item["code"]: item for item in tomllib.loads((CITY / "catalogue.toml").read_text("utf-8"))["items"]}


def files(series: str) -> list[DepartmentFile]:
    words = Vocabulary.read(CITY)
    return department_files.files(RAW, words, department_rows.Subjects.of(words), clock.today(), series)


def verdicts(one: DepartmentFile) -> dict[str, int]:
    found = [one.verdict(number) for number in range(1, len(one.rows) + 1)]
    return {verdict: found.count(verdict) for verdict in (ACCEPTED, LATE, QUARANTINED, REJECTED, UNCHANGED)}


def rejected_rows(desk: Desk, officer: Officer, batch: dict[str, Any]) -> list[dict[str, str]]:
    text = desk.returned(officer, batch["id"]).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("number", range(7))
def test_clean_files_are_filed_and_faulty_ones_go_back_row_by_row(
    desk: Desk, officer_of: Callable[[str], Officer], number: int
) -> None:
    made = files(f"T{number}")
    item_code = list(dict.fromkeys(one.item_code for one in made))[number]
    clean, faulty = [one for one in made if one.item_code == item_code and not one.whole]
    officer = officer_of(clean.department.name)
    batch = desk.done(officer, item_code, clean.encoded(), clean.media_type)
    assert (batch["status"], batch["rows_judged"], batch["rows_rejected"]) == ("done", len(clean.rows), 0), batch
    batch = desk.done(officer, item_code, faulty.encoded(), faulty.media_type)
    wanted = verdicts(faulty)
    assert batch["status"] == "done" and batch["rows_judged"] == len(faulty.rows)
    told = {name: batch[f"rows_{name}"] for name in ("added", "rejected", "quarantined", "unchanged", "late")}
    back = {int(row["行号"]): row for row in rejected_rows(desk, officer, batch)}
    head = {"xlsx": 2, "json": 0}.get(faulty.form, 1)
    expected = {n + head for n in faulty.faults if faulty.verdict(n) == REJECTED}
    assert set(back) == expected, [(n, faulty.faults[n - head].kind.code) for n in expected ^ set(back)]
    assert told == {
        "added": wanted[ACCEPTED] + wanted[LATE], "rejected": wanted[REJECTED], "quarantined": wanted[QUARANTINED],
        "unchanged": wanted[UNCHANGED], "late": wanted[LATE],
    }, json.dumps(batch, ensure_ascii=False, indent=1)  # fmt: skip
    found = {one["fault"]: 0 for one in batch["findings"]}
    for one in batch["findings"]:
        found[one["fault"]] += one["rows"]
    assert found == Counter(fault.kind.told for fault in faulty.faults.values() if fault.kind.told)
    titles = dict(faulty.columns)
    for n, row in back.items():
        fault = faulty.faults[n - head]
        if fault.kind.code != "same-document":
            assert titles[fault.column] in row["问题列"] and row["原因"], (fault, row)


def test_a_file_with_a_column_too_many_or_too_few_or_of_another_is_refused_whole(
    desk: Desk, officer_of: Callable[[str], Officer]
) -> None:
    for one in files("W"):
        if not one.whole:
            continue
        answer = desk.send(officer_of(one.department.name), one.item_code, one.encoded(), one.media_type)
        slug = answer.get_json()["type"].removeprefix("/problems/")
        if one.whole == "anothers-item":
            assert (answer.status_code, slug) == (403, "not-your-item")
        else:
            assert (answer.status_code, slug) == (422, "file-refused")
            assert answer.get_json()["reason"] == one.whole
