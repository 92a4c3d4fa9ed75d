"""What is kept of a batch, who sees it, and when it is gone."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from backend.app import bind_keys
from backend.batches import jobs, uploads
from backend.batches.models import batches, frames, returns
from backend.intake.tables import CsvTable
from backend.kit import clock, db, rotation, seal
from backend.records import service as records
from tests.batches.conftest import API, Desk, Officer
from tests.batches.test_batches import HEAD, ITEM, counts, csv_of, entity, line
from tests.checked_client import CheckedClient


def test_uploads_are_sealed_and_gone_after_thirty_days(
    desk: Desk, client: CheckedClient, officer: Officer, office: Officer
) -> None:
    name, code = entity()
    batch = desk.done(officer, ITEM, csv_of(line(name, code), line(name, code, level="")))
    with db.reading() as reader:
        row = reader.execute(select(batches).where(batches.c.id == UUID(batch["id"]))).one()
        (kept,) = reader.execute(select(frames.c.content).where(frames.c.batch_id == row.id)).scalars()
        assert code.encode() not in kept and name.encode() not in kept
    vault = uploads.vault_of(row.id, row.data_key_sealed)
    table = CsvTable(lambda at, size: uploads.read(vault, at, size), row.size_bytes, "utf-8", _item())
    assert table.layout.heads == tuple(HEAD)
    with clock.shifted(timedelta(days=29)):
        jobs.forget_uploads(clock.today())
    assert desk.read(officer, batch["id"])["upload_kept"]
    with clock.shifted(timedelta(days=31)):
        jobs.forget_uploads(clock.today())
    assert not desk.read(officer, batch["id"])["upload_kept"]
    answer = client.get(f"{API}/batches/{batch['id']}/rejected.csv", token=officer.token)
    assert (answer.status_code, answer.get_json()["type"]) == (410, "/problems/upload-forgotten")
    with db.reading() as reader:
        for table_ in (frames, returns):
            left = select(func.count()).select_from(table_).where(table_.c.batch_id == row.id)
            assert reader.execute(left).scalar_one() == 0


def _item() -> Any:
    with db.reading() as reader:
        return records.items(reader)[ITEM]


def test_others_see_neither_the_batch_nor_what_goes_back(
    desk: Desk, client: CheckedClient, officer: Officer, office: Officer, officer_of: Callable[[str], Officer]
) -> None:
    batch = desk.done(officer, ITEM, csv_of(line(*entity(), level="")))
    stranger = officer_of("区行政审批局")
    where = f"{API}/batches/{batch['id']}"
    assert client.get(where, token=stranger.token).status_code == 404
    assert client.get(where + "/rejected.csv", token=stranger.token).status_code == 404
    assert client.get(where + "/rejected.csv", token=office.token).status_code == 403
    assert client.get(where, token=office.token).get_json()["rows_rejected"] == 1
    mine = client.get(f"{API}/batches", token=officer.token, query_string={"item_code": ITEM, "limit": "1"}).get_json()
    assert mine["items"][0]["id"] == batch["id"]
    everybodys = client.get(
        f"{API}/batches", token=office.token, query_string={"organisation_id": str(officer.organisation_id)}
    )
    assert batch["id"] in {one["id"] for one in everybodys.get_json()["items"]}
    assert batch["id"] not in client.get(f"{API}/batches", token=stranger.token).get_data(as_text=True)


def test_a_rotated_master_key_opens_uploads_that_stood_under_the_old_one(
    desk: Desk, officer: Officer, app: Any, settings: Any
) -> None:
    name, code = entity()
    batch = desk.done(officer, ITEM, csv_of(line(name, code, level="")))
    old = settings.master_keys
    bind_keys(replace(settings, master_keys={"m9": os.urandom(32), **old}))
    try:
        (mine,) = [each for each in rotation.registered("master") if "batches.data_key_sealed" in each.columns]
        assert rotation.run(mine) >= 1 and rotation.run(mine) == 0
        assert name in desk.returned(officer, batch["id"]).decode("utf-8-sig")
    finally:
        bind_keys(replace(settings, master_keys={**old, "m9": _newest()}))
        rotation.run(mine)
        bind_keys(settings)
    assert name in desk.returned(officer, batch["id"]).decode("utf-8-sig")


def _newest() -> bytes:
    return seal.current().master_keys["m9"]


def test_a_row_that_nobody_decides_about_is_given_back_after_ninety_days(desk: Desk, officer: Officer) -> None:
    name, code = entity()
    desk.done(officer, ITEM, csv_of(line(name, code)))
    batch = desk.done(officer, ITEM, csv_of(line("测试别名", code)))
    for days, expected in ((89, (0, 0, 0, 0, 1)), (91, (0, 0, 0, 1, 0))):
        with clock.shifted(timedelta(days=days)):
            jobs.forget_uploads(clock.today())
        assert counts(desk.read(officer, batch["id"])) == expected
