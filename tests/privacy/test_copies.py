"""A person's copy of everything: true, readable, safe to open, and made while it is sent."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from jsonschema import Draft202012Validator, FormatChecker
from PIL import Image

from backend.kit import clock, db, files, trail
from backend.kit.personal import PAGE
from backend.kit.sheets import safe
from backend.ledger import book as books
from backend.ledger import models as tables
from backend.ledger import service as ledger
from backend.ledger.audit import audit_resident
from backend.privacy import copies, rooms
from backend.privacy import service as privacy
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.privacy.conftest import API, HOSTILE, PHONE, Full


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True)["type"]).removeprefix("/problems/")


def archive(client: CheckedClient, token: str) -> zipfile.ZipFile:
    answer = client.get(f"{API}/me/data.zip", token=token)
    assert answer.status_code == 200 and answer.mimetype == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store" and "attachment" in answer.headers["Content-Disposition"]
    found = zipfile.ZipFile(io.BytesIO(answer.get_data()))
    assert found.testzip() is None
    return found


def sections(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {one["id"]: one["items"] for one in document["sections"]}


def test_everything_is_in_it_in_the_published_form(client: CheckedClient, full: Full) -> None:
    document = client.get(f"{API}/me/data", token=full.token).get_json()
    address = document["$schema"].removeprefix("http://127.0.0.1:8000")
    form = client.get(address).get_json()
    assert form["$id"] == document["$schema"] and form["$schema"].endswith("2020-12/schema")
    Draft202012Validator.check_schema(form)
    Draft202012Validator(form, format_checker=FormatChecker()).validate(document)
    items = sections(document)
    (person,) = items["person"]
    assert (person["name"], person["id_number"], person["phone"]) == (full.who.name, full.who.id_number, PHONE)
    assert items["wechat"][0]["openid"] == full.who.openid
    assert items["submissions"][0]["text"] == full.words
    looks = [(one["fields"], one["authorisation"]) for one in items["access-log"]]
    assert looks == [(["遮盖后的姓名", "代办关系"], "本人持身份证在场"), (["姓名"], "本人在场")]
    assert [one["amount_points"] for one in items["wallet-entries"]] == [-30, 100]
    empty = {name for name, found in items.items() if not found} - {"check-ins", "reviews", "awards", "admissions"}
    empty -= {"waiting", "missed_slots", "slot_pauses"}
    assert empty <= {"record-versions", "score-reasons"}, empty


def test_a_record_is_told_in_the_catalogues_words(client: CheckedClient, full: Full) -> None:
    document = client.get(f"{API}/me/data", token=full.token).get_json()
    words = next(one["words"] for one in document["sections"] if one["id"] == "records")
    assert words["fields"]["authority"] == "认定单位" and words["item_code"]["NP-LIC-01"] == "自然人行政许可信息"
    (record,) = sections(document)["records"]
    assert record["fields"] and set(record["fields"]) <= set(words["fields"])
    with archive(client, full.token) as found:
        page = found.read("index.html").decode()
    assert not [name for name in record["fields"] if f"{name}：" in page]
    assert all(f"{words['fields'][name]}：" in page for name in record["fields"])
    for code in ("<dd>community</dd>", "<dd>elder-care</dd>", str(full.shop.offer_id)):
        assert code not in page


def test_the_form_refuses_what_is_not_it(client: CheckedClient, full: Full) -> None:
    document = client.get(f"{API}/me/data", token=full.token).get_json()
    validator = Draft202012Validator(client.get("/schemas/personal-data-1.json").get_json())
    for spoil in (
        lambda one: one.pop("made_at"),
        lambda one: one["sections"][0].update(extra=1),
        lambda one: one["sections"][0]["items"][0].update(score=700),
        lambda one: one["sections"][0].update(id="unknown"),
    ):
        spoiled = json.loads(json.dumps(document))
        spoil(spoiled)
        assert not validator.is_valid(spoiled)


def test_every_section_says_purpose_basis_and_period(client: CheckedClient, full: Full) -> None:
    for one in client.get(f"{API}/me/data", token=full.token).get_json()["sections"]:
        assert all((one["title"], one["purpose"], one["basis"], one["kept"])) and "{" not in one["kept"], one["id"]


def test_the_archive_holds_page_data_tables_photos_and_a_readme(client: CheckedClient, full: Full) -> None:
    found = archive(client, full.token)
    tables = {f"csv/{section.id}.csv" for section in rooms.sections()}
    photo, declared = (f"photos/{one}.webp" for one in (full.photo_id, full.declared_photo_id))
    assert set(found.namelist()) == {"README.txt", "index.html", "data.json", photo, declared, *tables}
    with Image.open(io.BytesIO(found.read(photo))) as picture:
        assert picture.format == "WEBP"
    same = json.loads(found.read("data.json"))
    plain = client.get(f"{API}/me/data", token=full.token).get_json()
    taken = {"own-acts"}  # taking the second copy is one act more
    assert {k: v for k, v in sections(same).items() if k not in taken} == {
        k: v for k, v in sections(plain).items() if k not in taken
    }
    assert (
        "README" not in found.read("README.txt").decode()
        and "personal-data-1.json" in found.read("README.txt").decode()
    )


def test_no_spreadsheet_runs_what_somebody_typed(client: CheckedClient, full: Full) -> None:
    raw = archive(client, full.token).read("csv/submissions.csv")
    assert raw.startswith(b"\xef\xbb\xbf")
    header, row = csv.reader(io.StringIO(raw.decode("utf-8-sig")))
    cells = dict(zip(header, row, strict=True))
    assert cells["说明"] == "'" + full.words and cells["状态"] == "待审核"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "|cmd", "%0A", "\u3000＠x"]
)
def test_what_could_be_a_formula_is_made_text(text: str) -> None:
    assert safe(text) == "'" + text


@pytest.mark.parametrize("text", ["", "陪邻居去医院", "3 件", "a=b", "'=1", "（＝）"])
def test_what_is_none_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_the_page_runs_no_script_and_asks_no_host(client: CheckedClient, full: Full) -> None:
    page = archive(client, full.token).read("index.html").decode()
    assert "<script" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "http://" not in page and "https://" not in page and "//" not in page.replace("<!doctype", "")
    assert "default-src 'none'" in page and 'lang="zh-CN"' in page and "width=device-width" in page
    assert HOSTILE not in page and full.who.name in page


def test_a_copy_is_noted_and_limited(client: CheckedClient, full: Full) -> None:
    for number in range(10):
        path = "data" if number % 2 else "data.zip"
        answer = client.get(f"{API}/me/{path}", token=full.token)
        answer.get_data()
        assert answer.status_code == 200
    refused = client.get(f"{API}/me/data", token=full.token)
    assert (refused.status_code, slug(refused)) == (429, "too-many-attempts")
    assert int(refused.headers["Retry-After"]) > 0
    table = trail.TrailRow.__table__
    with db.reading() as reader:
        rows = reader.execute(table.select().where(table.c.subject_id == str(full.resident_id))).all()
    assert [row.action for row in rows if row.action == "privacy.copy"] == ["privacy.copy"] * 10
    with clock.shifted(timedelta(days=1, minutes=1)):
        with db.transaction() as session:
            token = people.resident_token(session, full.who)
        assert client.get(f"{API}/me/data", token=token).status_code == 200


def test_a_copy_holds_nobody_elses(client: CheckedClient, full: Full) -> None:
    with db.transaction() as session:
        stranger = people.resident(session)
        token = people.resident_token(session, stranger)
    text = client.get(f"{API}/me/data", token=token).get_data(as_text=True)
    for secret in (*full.secrets, full.words, str(full.coupon_id), str(full.resident_id)):
        assert secret not in text


def many_entries(resident_id: UUID, count: int) -> None:
    """As many awards of one point, in a few statements; the books agree afterwards."""
    month = clock.today().replace(day=1)
    with db.transaction() as session:
        issuer = people.organisation(session, "community")
        ledger.grant_budget(session, issuer, month, count, by=None)
        book = books.open_book(session, resident_id, make=True)
        lot, budget = books.lot_of(session, book, issuer, ledger.FOREVER), ledger.account_id("budget", issuer)
        for _ in range(count):
            book.post("award", budget, resident_id, 1, [ledger.Take(lot, 1)], code="test.award", title="测试发放",
                      budget_month=month)  # fmt: skip
        session.execute(tables.lots.update().where(tables.lots.c.id == lot.id).values(remaining_points=count))
        wallet = tables.wallets.update().where(tables.wallets.c.resident_id == resident_id)
        session.execute(wallet.values(balance_points=book.balance_points, entries=book.entries))
        spent = tables.budgets.update().where(tables.budgets.c.organisation_id == issuer)
        session.execute(spent.values(spent_points=count))
        names = [column.name for column in tables.transfers.c]
        rows = [{name: getattr(one, name) for name in names} for one in book.transfers]
        session.execute(tables.transfers.insert(), rows)
        session.execute(tables.allocations.insert(), book.allocations)
        assert audit_resident(session, resident_id) == []


def test_ten_thousand_entries_are_sent_a_page_at_a_time(
    app: Flask, full: Full, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No piece is larger than a few pages' worth, and no connection is held between two pages."""
    count = 10_000
    many_entries(full.resident_id, count)
    open_now, most_open = 0, 0

    class Opened:
        def __enter__(self) -> Any:
            nonlocal open_now, most_open
            open_now += 1
            most_open = max(most_open, open_now)
            self.inner = db.reading()
            return self.inner.__enter__()

        def __exit__(self, *told: Any) -> Any:
            nonlocal open_now
            open_now -= 1
            return self.inner.__exit__(*told)

    with db.reading() as reader:
        content = privacy.policy(reader)
    sizes, kept = [], io.BytesIO()
    for chunk in copies.zip_chunks(Opened, content, full.resident_id, "http://127.0.0.1:8000/schemas/x"):
        assert open_now == 0
        sizes.append(len(chunk))
        kept.write(chunk)
    assert most_open == 1 and max(sizes) < 400 * PAGE
    found = zipfile.ZipFile(kept)
    rows = list(csv.reader(io.StringIO(found.read("csv/wallet-entries.csv").decode("utf-8-sig"))))
    assert len(rows) == count + 2 + 1
    entries = sections(json.loads(found.read("data.json")))["wallet-entries"]
    assert [one["number"] for one in entries] == list(range(count + 2, 0, -1))


def test_a_damaged_photo_spoils_nothing_else(client: CheckedClient, full: Full, app: Flask) -> None:
    store = files.current()
    with db.reading() as reader:
        key = (
            reader.execute(files.StoredFile.__table__.select().where(files.StoredFile.id == full.photo_id))
            .one()
            .storage_key
        )
    whole = store.get(key)
    store.put(key, b"damaged", "image/webp")
    try:
        found = archive(client, full.token)
    finally:
        store.put(key, whole, "image/webp")  # what is backed up from this database later is held against its digest
    assert f"photos/{full.photo_id}.webp" not in found.namelist() and "data.json" in found.namelist()
