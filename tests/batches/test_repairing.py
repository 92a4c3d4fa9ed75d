"""From a faulty file to a clean archive, with what the API says and the returned file alone."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from backend.demo.department_files import DepartmentFile
from backend.intake.layouts import ADDED
from tests.batches.conftest import API, Desk, Officer
from tests.batches.test_departments import files
from tests.checked_client import CheckedClient
from tests.support.repairs import repaired, returned_rows

ITEMS = ("LE-PEN-01", "LE-LIC-01", "NP-QUA-01")
"""A workbook, a CSV with a BOM and one in GB18030; of entities and of people."""


def of(item_code: str, series: str) -> list[DepartmentFile]:
    """The clean file of an item and the faulty one."""
    return [one for one in files(series) if one.item_code == item_code and not one.whole]


def decide_all(client: CheckedClient, office: Officer, batch_id: str, decision: str) -> None:
    """The office decides every row that waits."""
    waiting = client.get(f"{API}/batches/{batch_id}/quarantine", token=office.token).get_json()["items"]
    for row in waiting:
        path = f"{API}/batches/{batch_id}/quarantine/{row['row_number']}/decision"
        body = {"decision": decision, "reason": "按证照核对"}
        assert client.post(path, json=body, token=office.token, key=uuid4()).status_code == 201


@pytest.mark.parametrize("item_code", ITEMS)
def test_what_comes_back_is_mended_by_its_reasons_until_nothing_comes_back(
    desk: Desk, client: CheckedClient, office: Officer, officer_of: Callable[[str], Officer], item_code: str
) -> None:
    clean, faulty = of(item_code, f"R{ITEMS.index(item_code)}")
    officer = officer_of(clean.department.name)
    desk.done(officer, item_code, clean.encoded(), clean.media_type)
    first = desk.done(officer, item_code, faulty.encoded(), faulty.media_type)
    decide_all(client, office, first["id"], "reject")
    again = desk.done(officer, item_code, repaired(desk.returned(officer, first["id"]), faulty))
    assert again["rows_rejected"] == again["rows_quarantined"] == 0, again["findings"]
    documents = {row["document_no"] for row in faulty.documents}
    assert first["rows_added"] + again["rows_added"] == len(documents)  # each document once, nothing lost
    whole = desk.done(officer, item_code, repaired_whole(faulty), mode="report")
    assert (whole["rows_added"], whole["rows_unchanged"]) == (0, len(faulty.documents))  # and nothing changes twice


def repaired_whole(sent: DepartmentFile) -> bytes:
    """The whole file as its documents say."""
    copy = DepartmentFile(sent.name, sent.item, sent.department, "csv", sent.columns, sent.documents)
    return copy.encoded()


def test_a_returned_file_sent_back_unmended_comes_back_the_same(
    desk: Desk, officer_of: Callable[[str], Officer]
) -> None:
    clean, faulty = of("LE-PEN-01", "U")
    officer = officer_of(faulty.department.name)
    desk.done(officer, "LE-PEN-01", clean.encoded(), clean.media_type)  # who its shops are is known then
    first = desk.done(officer, "LE-PEN-01", faulty.encoded(), faulty.media_type)
    back = desk.returned(officer, first["id"])
    second = desk.done(officer, "LE-PEN-01", back)
    once, twice = (returned_rows(content) for content in (back, desk.returned(officer, second["id"])))
    assert [cells(row) for row in once] == [cells(row) for row in twice]


def cells(row: dict[str, str]) -> list[str]:
    """A returned row without what was added to it."""
    return [text for head, text in row.items() if head not in ADDED]
