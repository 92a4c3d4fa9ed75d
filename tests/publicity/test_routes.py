from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from backend.kit import clock, db
from backend.publicity import jobs, service
from backend.records import service as records
from backend.web import limits
from backend.web.paging import encode_cursor
from tests.checked_client import CheckedClient
from tests.publicity.conftest import entity_code, licence, penalty

V1 = "/api/v1/publicity"


@pytest.fixture(scope="module")
def shop(app: Flask, city: object) -> tuple[str, UUID, UUID]:
    """A shop with a licence and a penalty, to be found by name."""
    code = entity_code()
    with db.transaction() as session:
        made = licence(session, code, "甲申海棠食品商行（演示）"), penalty(session, code, "甲申海棠食品商行（演示）")
    jobs.index_names()
    return code, *made


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True)["type"]).removeprefix("/problems/")


def test_anyone_looks_up_what_is_shown(client: CheckedClient, shop: tuple[str, UUID, UUID]) -> None:
    code, licensed, fined = shop
    answer = client.get(f"{V1}/records", query_string={"name": "海棠食品"})
    told = answer.get_json()
    assert answer.status_code == 200 and answer.headers["ETag"] and told["as_of"] == clock.today().isoformat()
    assert {one["id"]: one["kind"] for one in told["items"]} == {str(licensed): "licence", str(fined): "penalty"}
    only = client.get(f"{V1}/records", query_string={"code": code, "kind": "penalty"}).get_json()["items"]
    assert [one["id"] for one in only] == [str(fined)]
    assert only == client.get(f"{V1}/records", query_string={"document_no": only[0]["document_no"]}).get_json()["items"]
    assert answer.headers["X-Robots-Tag"] == "noindex, noarchive"


def test_a_list_goes_on_where_it_ended(client: CheckedClient, shop: tuple[str, UUID, UUID]) -> None:
    asked = {"name": "海棠食品", "limit": "1"}
    first = client.get(f"{V1}/records", query_string=asked).get_json()
    second = client.get(f"{V1}/records", query_string={**asked, "cursor": first["next_cursor"]}).get_json()
    assert first["items"][0]["id"] != second["items"][0]["id"] and second["next_cursor"] is None


def test_a_record_tells_all_that_is_published_of_it(client: CheckedClient, shop: tuple[str, UUID, UUID]) -> None:
    code, licensed, fined = shop
    answer = client.get(f"{V1}/records/{code}/{fined}")
    told = answer.get_json()
    titles = {column["title"]: column["value"] for column in told["content"]}
    assert titles["违法行为类型"] == "价格违法" and told["repair"]["severity"] == "一般" and told["legal_basis"]
    assert "002X" not in answer.get_data(as_text=True) and "证件" not in answer.get_data(as_text=True)
    again = client.get(f"{V1}/records/{code}/{fined}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert client.get(f"{V1}/records/{code}/{licensed}").get_json()["repair"] is None


def test_an_etag_is_of_its_shanghai_day_and_a_record_is_gone_after_its_last(
    client: CheckedClient, shop: tuple[str, UUID, UUID]
) -> None:
    code, _, fined = shop
    path, search = f"{V1}/records/{code}/{fined}", {"query_string": {"code": code, "kind": "penalty"}}
    now, listed = client.get(path), client.get(f"{V1}/records", **search)
    with clock.shifted(timedelta(days=1)):
        assert client.get(path, headers={"If-None-Match": now.headers["ETag"]}).status_code == 200
        changed = client.get(f"{V1}/records", headers={"If-None-Match": listed.headers["ETag"]}, **search)
        assert changed.status_code == 200 and changed.headers["ETag"] != listed.headers["ETag"]
    with clock.shifted(timedelta(days=336)):
        assert slug(client.get(path)) == "not-found"
        assert client.get(f"{V1}/records", **search).get_json()["items"] == []


def test_a_repair_shows_at_once_in_every_way(client: CheckedClient) -> None:
    code = entity_code()
    with db.transaction() as session:
        record_id = penalty(session, code, "甲申修复商行")
    path, tag = f"{V1}/records/{code}/{record_id}", ""
    tag = client.get(path).headers["ETag"]
    with db.transaction() as session:
        records.change_entity_status(session, code, record_id, "disputed", None, "异议")
    disputed = client.get(path, headers={"If-None-Match": tag})
    assert disputed.status_code == 200 and disputed.get_json()["disputed"] is True
    with db.transaction() as session:
        records.change_entity_status(session, code, record_id, "repaired", None, "修复")
    gone = client.get(path, headers={"If-None-Match": disputed.headers["ETag"]})
    assert (gone.status_code, slug(gone)) == (404, "not-found")
    assert client.get(f"{V1}/records", query_string={"code": code}).get_json()["items"] == []
    assert code not in client.get(f"{V1}/extract.csv").get_data(as_text=True)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({}, 422, "invalid-request"), ({"name": " "}, 422, "invalid-request"), ({"kind": "all"}, 422, ""),
        ({"name": "有限公司"}, 422, "publicity-name-too-common"), ({"name": "同"}, 422, "publicity-name-too-common"),
        ({"name": "%%%"}, 422, "publicity-name-too-common"), ({"name": "__"}, 422, "publicity-name-too-common"),
        ({"name": "长" * 61}, 422, "invalid-request"), ({"name": "甲\x00申"}, 422, "invalid-request"),
        ({"code": "91110000600037341M"}, 422, "invalid-request"), ({"code": "%"}, 422, "invalid-request"),
        ({"document_no": "x" * 121}, 422, "invalid-request"), ({"document_no": "宁\x00"}, 422, "invalid-request"),
        ({"document_no": "%"}, 200, ""), ({"document_no": "_____"}, 200, ""), ({"document_no": "同"}, 200, ""),
        ({"name": "甲申' OR 1=1 --"}, 200, ""), ({"name": "海棠", "kind": "person"}, 422, "invalid-request"),
        ({"name": "𠮷𠮷"}, 200, ""), ({"name": "a" * 60}, 200, ""), ({"name": "管理" * 30}, 200, ""),
    ],
)  # fmt: skip
def test_a_hostile_query_is_refused_or_finds_nothing(
    client: CheckedClient, query: dict[str, str], status: int, said: str
) -> None:
    answer = client.get(f"{V1}/records", query_string=query)
    assert answer.status_code == status, answer.get_data(as_text=True)
    if status == 200:
        assert answer.get_json()["items"] == []
    else:
        assert slug(answer) == (said or "invalid-request")


def test_a_cursor_of_a_page_that_is_nobodys_is_only_a_place(
    client: CheckedClient, shop: tuple[str, UUID, UUID]
) -> None:
    for code in ("", "~", "９", "x" * 300):
        cursor = encode_cursor(code, clock.today(), uuid4())
        answer = client.get(f"{V1}/records", query_string={"name": "海棠", "cursor": cursor[:400]})
        assert answer.status_code in (200, 422)


# --- the extract -----------------------------------------------------------------------------------------------------


def read(answer: Any) -> list[dict[str, str]]:
    assert answer.data.startswith(b"\xef\xbb\xbf") and b"\xef\xbb\xbf" not in answer.data[3:]
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def test_the_extract_is_a_dated_table_of_what_is_shown(
    client: CheckedClient, shop: tuple[str, UUID, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, licensed, fined = shop
    monkeypatch.setattr(service, "AT_ONCE", 3)
    today = clock.today().isoformat()
    for kind, record_id, column in (("licence", licensed, "许可内容"), ("penalty", fined, "违法事实")):
        answer = client.get(f"{V1}/extract.csv", query_string={"kind": kind})
        assert answer.status_code == 200 and answer.content_type == "text/csv; charset=utf-8" and answer.is_streamed
        assert f'filename="publicity-{kind}-{today}.csv"' in answer.headers["Content-Disposition"]
        assert answer.headers["Cache-Control"] == "no-store" and "noindex" in answer.headers["X-Robots-Tag"]
        (mine,) = [row for row in read(answer) if row["统一社会信用代码"] == code]
        assert mine["记录编号"] == str(record_id) and mine["数据日期"] == today and mine[column]
        assert next(iter(mine)) == "数据日期" and not [title for title in mine if "证件" in title]
    whole = read(client.get(f"{V1}/extract.csv"))
    assert {row["记录编号"] for row in whole} >= {str(licensed), str(fined)}
    assert len({row["记录编号"] for row in whole}) == len(whole)


def test_a_file_that_is_still_being_sent_at_midnight_goes_on_with_the_new_day(
    client: CheckedClient, shop: tuple[str, UUID, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 1)
    answer = client.get(f"{V1}/extract.csv", query_string={"kind": "all"}, buffered=False)
    lines = iter(answer.response)
    next(lines)
    first = next(lines)
    with clock.shifted(timedelta(days=20 * 365)):
        rest = b"".join(lines)
    assert clock.today().isoformat().encode() in first and rest == b""  # in twenty years nothing of this is shown


def test_the_extract_is_counted_by_address(
    client: CheckedClient, app: Flask, monkeypatch: pytest.MonkeyPatch, shop: object
) -> None:
    answer = client.get(f"{V1}/extract.csv")
    assert answer.headers["RateLimit-Policy"].startswith('"extract";q=12;w=3600')
    assert client.get(f"{V1}/records", query_string={"name": "海棠"}).headers["RateLimit-Policy"].startswith('"search"')
    assert limits.LIMITS["extract"].by == limits.LIMITS["search"].by == "address"


def test_a_head_of_the_extract_reads_nothing(client: CheckedClient, statements: Any) -> None:
    client.get(f"{V1}/records", query_string={"name": "海棠"})
    statements()
    answer = client.head(f"{V1}/extract.csv")
    assert answer.status_code == 200 and not [sent for sent in statements() if "entity_records" in sent]
