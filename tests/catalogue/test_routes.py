"""The catalogue, for anyone."""

from __future__ import annotations

from typing import Any

from tests.checked_client import CheckedClient


def test_the_whole_catalogue_is_read_page_by_page_and_by_whose_it_is(
    client: CheckedClient, city: dict[str, Any]
) -> None:
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "20"} | ({"cursor": cursor} if cursor else {})
        answer = client.get("/api/v1/catalogue/items", query_string=query).get_json()
        seen += answer["items"]
        cursor = answer["next_cursor"]
    raws = {raw["code"]: raw for raw in city["catalogue"]["items"]}
    assert [item["code"] for item in seen] == sorted(raws) and len(seen) >= 32
    assert all(item["legal_basis"] == raws[item["code"]]["legal_basis"] for item in seen)
    query = {"limit": "100", "subject": "natural_person", "source_department": "区司法局"}
    mine = client.get("/api/v1/catalogue/items", query_string=query).get_json()["items"]
    assert [item["code"] for item in mine] == ["NP-QUA-03"]


def test_an_item_tells_its_columns_and_every_check(client: CheckedClient) -> None:
    item = client.get("/api/v1/catalogue/items/LE-PEN-01").get_json()
    columns = {column["name"]: column for column in item["columns"]}
    assert columns["party_code_1"]["type"] == "unified_social_credit_code"
    assert columns["fine_wanyuan"]["minimum"] == "0" and columns["fine_wanyuan"]["maximum"] is None
    assert columns["party_kind"]["values"] == ["法人及非法人组织", "个体工商户"]
    assert columns["publicity_until_on"]["not_before"] == "decided_on"
    assert (columns["publicity_until_on"]["may_be_future"], columns["decided_on"]["may_be_future"]) == (True, False)
    assert [column["name"] for column in item["identity"]] == ["party_name", "party_code_1"]
    person = client.get("/api/v1/catalogue/items/NP-HON-01").get_json()
    assert [column["title"] for column in person["identity"]] == ["姓名", "公民身份号码"]
    missing = client.get("/api/v1/catalogue/items/LE-XXX-99")
    assert (missing.status_code, missing.get_json()["type"]) == (404, "/problems/not-found")
