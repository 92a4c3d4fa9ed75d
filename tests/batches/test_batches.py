"""From the upload to the archive and back: nothing lost, nothing doubled, and every way to take it up again."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import openpyxl
import pytest
from sqlalchemy import func, select, update

from backend.batches import work
from backend.batches.models import batches, frames, quarantined
from backend.kit import city as cities
from backend.kit import clock, db
from backend.records import models, rules
from backend.records import service as records
from tests.batches.conftest import API, SOURCE, Desk, Officer, work_off
from tests.checked_client import CheckedClient
from tests.factories import accounts as people

ITEM, PEOPLE = "LE-HON-02", "NP-HON-01"
HEAD = ["主体名称", "统一社会信用代码", "文号", "决定日期", "认定单位", "示范级别"]
PERSON_HEAD = ["姓名", "公民身份号码", "文号", "决定日期", "认定单位", "荣誉名称", "荣誉级别"]
_serial = iter(range(1, 10**6))


def entity() -> tuple[str, str]:
    """A name and a valid code that no other call gave."""
    body = f"91999999TT{next(_serial):04d}{uuid4().int % 1000:03d}"
    code = next(found for last in "0123456789ABCDEFGHJKLMNPQRTUWXY" if (found := rules.normal_entity_code(body + last)))
    return f"测试公司{body[-7:]}", code


def line(name: str, code: str, number: object = None, level: str = "区级") -> list[str]:
    return [name, code, f"测试{number or uuid4().hex[:10]}", clock.today().isoformat(), SOURCE, level]


def csv_of(*rows: list[str], head: list[str] | None = None, encoding: str = "utf-8") -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([head or HEAD, *rows])
    return out.getvalue().encode(encoding)


def on_file(code: str) -> list[Any]:
    table = models.entity_records
    with db.reading() as reader:
        return list(reader.execute(select(table).where(table.c.entity_code == code).order_by(table.c.document_no)))


def counts(batch: dict[str, Any]) -> tuple[int, ...]:
    return tuple(batch[f"rows_{name}"] for name in ("added", "corrected", "unchanged", "rejected", "quarantined"))


def test_the_same_file_twice_changes_nothing(desk: Desk, officer: Officer) -> None:
    name, code = entity()
    content = csv_of(*(line(name, code, f"{code}{n}") for n in range(5)))
    first = desk.done(officer, ITEM, content, file_name="一月.csv")
    assert (first["status"], counts(first), first["rows_related"]) == ("done", (5, 0, 0, 0, 0), 4)
    before = on_file(code)
    again = desk.done(officer, ITEM, content)
    assert (counts(again), again["rows_related"], again["digest"]) == ((0, 0, 5, 0, 0), 5, first["digest"])
    assert on_file(code) == before and {row.source_organisation_id for row in before} == {officer.organisation_id}
    assert {row.batch_id for row in before} == {UUID(first["id"])}


def test_a_repeat_with_the_same_key_is_the_same_batch_and_keeps_nothing_twice(desk: Desk, officer: Officer) -> None:
    content, key = csv_of(line(*entity())), uuid4()
    one, two = (desk.send(officer, ITEM, content, key=key) for _ in range(2))
    assert one.get_json()["id"] == two.get_json()["id"]
    other = desk.send(officer, ITEM, content + b"\n", key=key)
    assert (other.status_code, other.get_json()["type"]) == (409, "/problems/idempotency-conflict")
    other = desk.send(officer, ITEM, content, mode="check", key=key)
    assert other.status_code == 409
    with db.reading() as reader:
        known = select(batches.c.id).where(batches.c.id == frames.c.batch_id).exists()
        assert reader.execute(select(func.count()).select_from(frames).where(~known)).scalar_one() == 0
    work_off()


def test_another_content_is_refused_in_a_report_and_taken_as_a_correction_from_whoever_reported_it(
    desk: Desk, officer: Officer, officer_of: Callable[[str], Officer]
) -> None:
    name, code = entity()
    desk.done(officer, "LE-HON-03", csv_of(line(name, code, code), head=[*HEAD[:5], "称号名称"]))
    changed = csv_of(line(name, code, code, "省级"), head=[*HEAD[:5], "称号名称"])
    report = desk.done(officer, "LE-HON-03", changed)
    assert counts(report) == (0, 0, 0, 1, 0) and report["findings"][0]["fault"] == "same-document"
    stranger = officer_of("区市场监督管理局")
    refused = desk.done(stranger, "LE-HON-03", changed, mode="correction")
    assert counts(refused) == (0, 0, 0, 1, 0) and refused["findings"][0]["fault"] == "others-record"
    corrected = desk.done(officer, "LE-HON-03", changed, mode="correction")
    assert counts(corrected) == (0, 1, 0, 0, 0)
    (now,) = on_file(code)
    assert (now.version, now.batch_id, now.changed_by) == (2, UUID(corrected["id"]), officer.staff.staff_id)
    with db.reading() as reader:
        (before,) = reader.execute(
            select(models.entity_record_versions).where(models.entity_record_versions.c.id == now.id)
        )
    assert before.fields != now.fields and before.replaced_at == now.changed_at


def test_what_a_batch_brought_is_taken_back_and_the_file_can_be_sent_again(
    desk: Desk, client: CheckedClient, officer: Officer
) -> None:
    name, code = entity()
    content = csv_of(*(line(name, code, f"{code}{n}") for n in range(3)))
    batch = desk.done(officer, ITEM, content)
    where, key = f"{API}/batches/{batch['id']}/withdrawal", uuid4()
    for _ in range(2):
        answer = client.post(where, token=officer.token, key=key, json={"reason": "报错了文件"})
        assert (answer.status_code, answer.get_json()["status"]) == (201, "withdrawing")
    work_off()
    assert desk.read(officer, batch["id"])["status"] == "withdrawn"
    assert {row.status for row in on_file(code)} == {"withdrawn"}
    answer = client.post(where, token=officer.token, key=uuid4(), json={"reason": "再来"})
    assert (answer.status_code, answer.get_json()["batch_status"]) == (409, "withdrawn")
    again = desk.done(officer, ITEM, content)
    assert counts(again) == (3, 0, 0, 0, 0)
    assert {(row.status, row.version) for row in on_file(code)} == {("active", 3)}


def test_a_batch_that_has_not_begun_is_taken_back_at_once(desk: Desk, client: CheckedClient, officer: Officer) -> None:
    name, code = entity()
    batch_id = desk.send(officer, ITEM, csv_of(line(name, code))).get_json()["id"]
    answer = client.post(
        f"{API}/batches/{batch_id}/withdrawal", token=officer.token, key=uuid4(), json={"reason": "报错了"}
    )
    assert answer.get_json()["status"] == "withdrawn"
    work_off()
    assert on_file(code) == []


def test_a_check_files_nothing(desk: Desk, officer: Officer) -> None:
    name, code = entity()
    batch = desk.done(officer, ITEM, csv_of(line(name, code), line(name, code, level="")), mode="check")
    assert counts(batch) == (1, 0, 0, 1, 0) and on_file(code) == []


def test_a_faulty_file_becomes_clean_by_the_returned_file_alone(desk: Desk, officer: Officer) -> None:
    name, code = entity()
    rows = [line(name, code), line(name, code, level="=1+1"), line(name, code[:-1] + "I"), line(name, code, level="")]
    batch = desk.done(officer, ITEM, csv_of(*rows, encoding="gb18030"))
    assert counts(batch) == (1, 0, 0, 3, 0) and batch["rows_bad_code"] == 1
    found = {(one["column"], one["fault"]): one["rows"] for one in batch["findings"]}
    assert found == {("honour_level", "formula"): 1, ("entity_code", "bad-code"): 1, ("honour_level", "required"): 1}
    text = desk.returned(officer, batch["id"]).decode("utf-8-sig")
    assert "\n=" not in text and ",=" not in text
    back = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["行号"] for row in back] == ["3", "4", "5"] and all(row["原因"] for row in back)
    for row in back:
        row["统一社会信用代码"], row["示范级别"] = code, "市级"
    out = io.StringIO()
    writer = csv.DictWriter(out, back[0])
    writer.writeheader()
    writer.writerows(back)
    clean = desk.done(officer, ITEM, b"\xef\xbb\xbf" + out.getvalue().encode())
    assert counts(clean) == (3, 0, 0, 0, 0) and len(on_file(code)) == 4
    book = openpyxl.load_workbook(io.BytesIO(desk.returned(officer, batch["id"], "xlsx")))
    assert [row[0].value for row in book.active.iter_rows()] == ["主体名称", name, name, name]


def test_a_workbook_is_filed_like_a_csv(desk: Desk, officer: Officer) -> None:
    name, code = entity()
    book = openpyxl.Workbook()
    for row in (["报送表（演示）"], HEAD, line(name, code), line(name, code, level=None)):  # type: ignore[arg-type]
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    batch = desk.done(officer, ITEM, out.getvalue(), kind)
    assert counts(batch) == (1, 0, 0, 1, 0)
    assert desk.returned(officer, batch["id"]).decode("utf-8-sig").splitlines()[1].split(",")[-4] == "4"
    refused = desk.done(officer, ITEM, b"PK\x03\x04" + bytes(200), kind)
    assert (refused["status"], refused["problem"]["reason"]) == ("failed", "not-a-workbook")


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"%PDF-1.7 ...", 422, "not-a-csv"), (b"PK\x03\x04 ...", 422, "not-a-csv"),
        ("名称\n".encode("utf-16"), 422, "encoding"), (b"", 422, "empty"), (b'a,"b\nc', 422, "quotes"),
        (b"a,b\n1,2\n", 422, "no-head"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_at_once_and_nothing_of_it_is_kept(
    desk: Desk, officer: Officer, content: bytes, status: int, reason: str
) -> None:
    with db.reading() as reader:
        before = reader.execute(select(func.count()).select_from(frames)).scalar_one()
    answer = desk.send(officer, ITEM, content)
    assert (answer.status_code, answer.get_json()["reason"]) == (status, reason)
    with db.reading() as reader:
        assert reader.execute(select(func.count()).select_from(frames)).scalar_one() == before


def test_what_is_too_large_or_too_short_is_told(client: CheckedClient, officer: Officer) -> None:
    for kind, size, told in (
        ("text/csv", 501 << 20, (413, "content-too-large")), ("text/csv", 100, (400, "upload-broken")),
        ("application/json", 2 << 20, (413, "content-too-large")),
    ):  # fmt: skip
        answer = client.post(
            f"{API}/batches", token=officer.token, key=uuid4(), query_string={"item_code": ITEM}, content_type=kind,
            input_stream=io.BytesIO(b"a,b\n"), environ_overrides={"CONTENT_LENGTH": str(size)},
        )  # fmt: skip
        assert (answer.status_code, answer.get_json()["type"].removeprefix("/problems/")) == told


def test_a_file_with_nothing_below_its_head_fails(desk: Desk, officer: Officer) -> None:
    batch = desk.done(officer, ITEM, csv_of())
    assert (batch["status"], batch["problem"]["reason"]) == ("failed", "empty")


# --- JSON ------------------------------------------------------------------------------------------------------------


def test_rows_as_json_get_a_verdict_each_at_once(desk: Desk, officer: Officer) -> None:
    (name, code), (other, other_code) = entity(), entity()
    rows = [line(name, code, "甲"), line(name, code, "甲"), line(name, code, "乙", ""), line("测试别名", code, "丙"),
            line(other, other_code)]  # fmt: skip
    body = json.dumps({"rows": [dict(zip(HEAD, row, strict=True)) for row in rows]}).encode()
    answer = desk.send(officer, ITEM, body, "application/json").get_json()
    assert [row["verdict"] for row in answer["verdicts"]] == ["added", "unchanged", "rejected", "quarantined", "added"]
    assert [one["fault"] for one in answer["verdicts"][2]["faults"]] == ["required"]
    assert (answer["status"], answer["rows_duplicate"]) == ("done", 1)
    assert desk.read(officer, answer["id"])["verdicts"] == answer["verdicts"]
    refused = desk.send(officer, ITEM, json.dumps({"rows": [{"血型": "A"}]}).encode(), "application/json")
    assert (refused.status_code, refused.get_json()["reason"]) == (422, "no-head")


# --- persons ---------------------------------------------------------------------------------------------------------


def test_rows_about_persons_find_or_make_them_and_a_wrong_name_is_nobodys_to_learn(
    desk: Desk, client: CheckedClient, officer: Officer, office: Officer
) -> None:
    with db.transaction() as session:
        known = people.resident(session)
    fresh_name, fresh_number = people.name(), people.id_number()

    def person(name: str, number: str) -> list[str]:
        return [name, number.lower(), f"测试{uuid4().hex[:8]}", clock.today().isoformat(), SOURCE, "诚信之星", "区级"]

    wrong = person(people.name(), known.id_number)
    content = csv_of(person(known.name, known.id_number), person(fresh_name, fresh_number), wrong, head=PERSON_HEAD)
    batch = desk.done(officer, PEOPLE, content)
    assert (counts(batch), batch["rows_related"]) == ((2, 0, 0, 0, 1), 1)
    with db.reading() as reader:
        assert len(records.records_of(reader, known.resident_id)) == 1
    listed = client.get(f"{API}/batches/{batch['id']}/quarantine", token=office.token)
    (row,) = listed.get_json()["items"]
    assert (row["row_number"], row["document_no"], row["subject_code"]) == (4, wrong[2], None)
    assert known.name not in listed.get_data(as_text=True) and wrong[0] not in listed.get_data(as_text=True)
    where = f"{API}/batches/{batch['id']}/quarantine/4/decision"
    answer = client.post(where, token=office.token, key=uuid4(), json={"decision": "accept", "reason": "改名，已核对"})
    assert counts(answer.get_json()) == (3, 0, 0, 0, 0)
    with db.reading() as reader:
        assert len(records.records_of(reader, known.resident_id)) == 2
    again = client.post(where, token=office.token, key=uuid4(), json={"decision": "reject", "reason": "再来"})
    assert (again.status_code, again.get_json()["decision"]) == (409, "accepted")


# --- quarantine of entities ------------------------------------------------------------------------------------------


def test_an_entity_under_another_name_waits_for_the_office_and_is_renamed_or_given_back(
    desk: Desk, client: CheckedClient, officer: Officer, office: Officer
) -> None:
    name, code = entity()
    desk.done(officer, ITEM, csv_of(line(name, code)))
    batch = desk.done(officer, ITEM, csv_of(line("测试新名", code, "甲"), line("测试别人", code, "乙")))
    assert counts(batch) == (0, 0, 0, 0, 2) and batch["rows_bad_code"] == 2 and len(on_file(code)) == 1
    (first, _) = client.get(f"{API}/batches/{batch['id']}/quarantine", token=office.token).get_json()["items"]
    assert (first["subject_code"], first["reported_name"], first["known_name"]) == (code, "测试新名", name)
    for row, decision in ((2, "accept"), (3, "reject")):
        answer = client.post(
            f"{API}/batches/{batch['id']}/quarantine/{row}/decision", token=office.token, key=uuid4(),
            json={"decision": decision, "reason": "已核对营业执照"},
        )  # fmt: skip
        assert answer.status_code == 201
    assert counts(answer.get_json()) == (1, 0, 0, 1, 0) and len(on_file(code)) == 2
    with db.reading() as reader:
        assert records.entity(reader, code).name == "测试新名"
        assert reader.execute(
            select(func.count()).select_from(quarantined).where(
                quarantined.c.content.is_not(None), quarantined.c.batch_id == UUID(batch["id"])
            )
        ).scalar_one() == 0  # fmt: skip
    (back,) = csv.DictReader(io.StringIO(desk.returned(officer, batch["id"]).decode("utf-8-sig"), newline=""))
    assert (back["行号"], back["主体名称"]) == ("3", "测试别人") and "办公室" in back["原因"]


# --- taken up again --------------------------------------------------------------------------------------------------


def small_pieces(monkeypatch: pytest.MonkeyPatch, size: int = 600) -> None:
    monkeypatch.setattr(work, "PIECE_BYTES", dict.fromkeys(work.PIECE_BYTES, size))


def test_work_that_is_broken_off_goes_on_where_it_was(
    desk: Desk, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch)
    name, code = entity()
    rows = [line(name, code, f"{code}{n:03d}", "" if n % 7 == 3 else "区级") for n in range(60)]
    batch_id = desk.send(officer, ITEM, csv_of(*rows)).get_json()["id"]
    asked = iter(range(10**6))
    for _ in range(3):  # told to stop after each second piece
        assert work.work_once(lambda: next(asked) % 3 == 2)
        assert desk.read(officer, batch_id)["status"] == "working"
    pieces = iter(range(10**6))
    keep = work.pieces.keep

    def fails(*args: Any) -> None:
        keep(*args)
        if next(pieces) == 1:
            raise OSError("the disk is full")

    monkeypatch.setattr(work.pieces, "keep", fails)
    with pytest.raises(OSError):
        work.work_once()
    with clock.shifted(work.LEASE + timedelta(seconds=1)):
        work_off()
    done = desk.read(officer, batch_id)
    assert (done["status"], done["rows_judged"], counts(done)) == ("done", 60, (51, 0, 0, 9, 0))
    assert len(on_file(code)) == 51
    back = csv.DictReader(io.StringIO(desk.returned(officer, batch_id).decode("utf-8-sig"), newline=""))
    assert [int(row["行号"]) for row in back] == [n + 2 for n in range(60) if n % 7 == 3]


def test_a_worker_that_lost_its_lease_files_nothing_more(
    desk: Desk, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch)
    name, code = entity()
    batch_id = desk.send(officer, ITEM, csv_of(*(line(name, code) for _ in range(30)))).get_json()["id"]
    judged = work._judged

    def slow(*args: Any) -> Any:
        for number, prepared in enumerate(judged(*args)):
            if number == 2:
                with db.transaction() as session:
                    session.execute(update(batches).where(batches.c.id == UUID(batch_id)).values(lease_id=uuid4()))
            yield prepared

    with monkeypatch.context() as patched:
        patched.setattr(work, "_judged", slow)
        assert work.work_once()
    assert 0 < len(on_file(code)) < 30 and desk.read(officer, batch_id)["status"] == "working"
    with clock.shifted(work.LEASE + timedelta(seconds=1)):
        work_off()
    assert counts(desk.read(officer, batch_id)) == (30, 0, 0, 0, 0) and len(on_file(code)) == 30


def test_a_batch_that_fails_every_worker_is_given_up(
    desk: Desk, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = desk.send(officer, ITEM, csv_of(line(*entity()))).get_json()["id"]

    def dies(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(work, "open_table", dies)
        for tried in range(work.MOST_TRIES):
            with clock.shifted((work.LEASE + timedelta(seconds=1)) * tried), pytest.raises(MemoryError):
                work.work_once()
    with clock.shifted(work.LEASE * (work.MOST_TRIES + 1)):
        work_off()
    batch = desk.read(officer, batch_id)
    assert (batch["status"], batch["problem"]["reason"]) == ("failed", "internal")


def test_a_catalogue_that_changes_amidst_a_batch_is_told_and_judges_the_rest(
    desk: Desk, officer: Officer, city: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch)
    name, code = entity()
    batch_id = desk.send(officer, ITEM, csv_of(*(line(name, code) for _ in range(30)))).get_json()["id"]
    asked = iter(range(10**6))
    assert work.work_once(lambda: next(asked) == 2)
    content = json.loads(json.dumps(city["catalogue"]))
    content |= {"version": f"2026.t{uuid4().hex[:6]}", "effective_on": clock.today().isoformat()}
    (item,) = [item for item in content["items"] if item["code"] == ITEM]
    (level,) = [f for f in item["fields"] if f["name"] == "honour_level"]
    level["values"] = ["省级"]
    later = city["catalogue"] | {"version": content["version"] + ".back", "effective_on": content["effective_on"]}
    with db.transaction() as session:
        cities.load(session, city | {"catalogue": content})
    try:
        work_off()
    finally:
        with db.transaction() as session:
            cities.load(session, city | {"catalogue": later})
    batch = desk.read(officer, batch_id)
    (change,) = batch["catalogue_changes"]
    added, _, _, rejected, _ = counts(batch)
    assert change["version"] == content["version"] and (added, rejected) == (change["from_row"] - 2, 30 - added)
    assert len(on_file(code)) == added and 0 < added < 30


def test_a_city_may_change_between_judging_and_filing(
    desk: Desk, officer: Officer, city: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece judged under one version and filed under the next is judged again, within the transaction."""
    name, code = entity()
    content = json.loads(json.dumps(city["catalogue"]))
    content |= {"version": f"2026.u{uuid4().hex[:6]}", "effective_on": clock.today().isoformat()}
    (item,) = [item for item in content["items"] if item["code"] == ITEM]
    item["fields"] = [f | {"values": ["省级"]} if f["name"] == "honour_level" else f for f in item["fields"]]
    later = city["catalogue"] | {"version": content["version"] + ".back", "effective_on": content["effective_on"]}
    judged = work._judged

    def then_changes(*args: Any) -> Any:
        for prepared in judged(*args):
            with db.transaction() as session:
                cities.load(session, city | {"catalogue": content})
            yield prepared

    monkeypatch.setattr(work, "_judged", then_changes)
    try:
        batch = desk.done(officer, ITEM, csv_of(line(name, code), line(name, code, level="省级")))
    finally:
        with db.transaction() as session:
            cities.load(session, city | {"catalogue": later})
    assert counts(batch) == (1, 0, 0, 1, 0)


@pytest.mark.postgresql
def test_two_batches_of_the_same_rows_at_once_double_nothing_and_lose_nothing(
    desk: Desk, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if db.current().dialect != "postgresql":
        pytest.skip("SQLite has one writer")
    small_pieces(monkeypatch, 2_000)
    found = [entity() for _ in range(20)]
    rows = [line(*found[n % 20], f"赛跑{found[0][1]}{n}") for n in range(200)]
    ids = [
        desk.send(officer, ITEM, csv_of(*some)).get_json()["id"] for some in (rows, rows[::-1], rows[50:] + rows[:50])
    ]
    threads = [threading.Thread(target=work_off) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    work_off()
    done = [desk.read(officer, batch_id) for batch_id in ids]
    assert {(batch["status"], batch["rows_judged"], batch["rows_rejected"]) for batch in done} == {("done", 200, 0)}
    assert sum(batch["rows_added"] for batch in done) == 200
    assert sum(len(on_file(code)) for _, code in found) == 200
