"""Manners that every route has: methods, content types, fields that are nobody's to set, lists, and documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from backend.models import metadata
from tests.checked_client import CheckedClient, document_of
from tests.factories.world import METHOD_OF, OPERATIONS, PERMISSION_OF, World
from tests.house import spoiling
from tests.house.snapshots import unchanged
from tests.house.test_hostile import JSON, WITH_BODY, Sender, schema_of, slug

pytestmark = pytest.mark.once

COLUMNS = sorted(
    {column.name for table in metadata.tables.values() for column in table.columns}
    | {"role", "roles", "is_admin", "admin", "kind", "permissions", "_id", "pk", "user_id", "owner", "balance", "price",
       "approved", "verified", "is_active", "constructor", "class", "__class__", "$where"}
)  # fmt: skip
"""Every column that there is, and what frameworks of other houses would let through."""


def extras(world: World, document: dict[str, Any], name: str, call: Any) -> list[tuple[spoiling.Path, list[str]]]:
    """For every object in a good body, the names that have no place in it, some at a time."""
    found = []
    for at in spoiling.objects(schema_of(world, name), document):
        if spoiling.stands(call.body, at):
            schema: Any = spoiling.resolve(schema_of(world, name), document)
            for step in at:
                schema = spoiling.resolve(
                    schema["items"] if isinstance(step, int) else schema["properties"][step], document
                )
            strange = [column for column in COLUMNS if column not in schema.get("properties", {})]
            found += [(at, strange[place : place + 60]) for place in range(0, len(strange), 60)]
    return found


@pytest.mark.parametrize("name", WITH_BODY)
def test_no_column_can_be_set_by_naming_it(client: CheckedClient, world: World, app: Flask, name: str) -> None:
    call, document = world.call(name), document_of(app)
    sender = Sender(client, world, call)
    with unchanged():
        for at, strange in extras(world, document, name, call):
            body = json.loads(json.dumps(call.body))
            holder = body
            for step in at:
                holder = holder[step]
            holder.update(dict.fromkeys(strange, "x"))
            answer = sender.send_json(body)
            assert (answer.status_code, slug(answer)) == (422, "invalid-request")
            told = {error["pointer"] for error in answer.get_json()["errors"] if "没有这个字段" in error["detail"]}
            assert told == {spoiling.pointer((*at, column)) for column in strange}


WRONG_TYPES = (
    "text/plain", "text/plain; charset=utf-8", "text/json", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "application/json-patch+json", "application/vnd.api+json", "application/ld+json",
    "application/jsonp", "application/json, text/plain", "application/json; charset=utf-16",
    "application/json; charset=gbk", "application/json; charset=utf-7", "application",
    "*/*", "", "application/jsonx", "text/html", "application/json\x0b",
)  # fmt: skip


@pytest.mark.parametrize("name", WITH_BODY)
def test_json_under_another_name_is_refused(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    sender, good, wrong = Sender(client, world, call), json.dumps(call.body).encode(), []
    with unchanged():
        for kind in WRONG_TYPES:
            answer = sender.send(good, kind)
            if (answer.status_code, slug(answer)) != (415, "unsupported-media-type"):
                wrong.append((kind, answer.status_code, slug(answer)))
    assert not wrong


@pytest.mark.parametrize(
    "kind", [JSON, f"{JSON}; charset=utf-8", f"{JSON}; charset=UTF-8", f"{JSON} ;x=y", "APPLICATION/JSON"]
)
def test_json_by_its_name_is_read(client: CheckedClient, world: World, kind: str) -> None:
    call = world.call("give_device_nonce")
    assert Sender(client, world, call).send(json.dumps(call.body).encode(), kind).status_code == 200


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_in_another_encoding_is_refused(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    sender, text = Sender(client, world, call), json.dumps({**call.body, "x": "中"}, ensure_ascii=False)
    with unchanged():
        for encoding in ("utf-16", "utf-32", "gb18030"):
            assert sender.send(text.encode(encoding)).status_code == 400, encoding


LOOKS = ("access_log",)
"""Who looks at somebody is written down, by HEAD as by GET."""
NOTED = {
    "search_looks": ("trail",), "search_trail": ("trail",), "read_data": ("trail", "attempts"),
    "download_data": ("trail", "attempts"), "read_partner_application": ("trail",),
}  # fmt: skip
"""Reads that stand in the trail, and are counted where only so many are given a day, by HEAD as by GET."""


@pytest.mark.parametrize("name", OPERATIONS)
def test_head_and_options_are_answered_as_they_should_be(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    token = world.tokens[call.who] if call.who else None
    options = client.open(call.url(), method="OPTIONS", token=token)
    allowed = {method.strip() for method in options.headers["Allow"].split(",")}
    assert options.status_code == 200 and not options.data and {METHOD_OF[name], "OPTIONS"} <= allowed
    assert ("HEAD" in allowed) == ("GET" in allowed)
    with unchanged(*LOOKS, *NOTED.get(name, ())):
        head = client.open(call.url(), method="HEAD", token=token, headers=call.headers, query_string=dict(call.query))
    assert not head.data
    if METHOD_OF[name] == "GET":
        got = call.send(client, token)
        assert head.status_code == got.status_code and head.headers["Content-Type"] == got.headers["Content-Type"]
    elif "GET" not in allowed:
        assert head.status_code == 405


# --- what the document promises -----------------------------------------------------------------------------------


def success_of(operation: dict[str, Any]) -> dict[str, Any]:
    return next(answer for status, answer in operation["responses"].items() if status.startswith("2"))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_list_is_given_in_pages_of_a_hundred_at_most(world: World, app: Flask, name: str) -> None:
    operation, document = world.operations[name][2], document_of(app)
    media = success_of(operation).get("content", {}).get(JSON, {})
    properties = spoiling.resolve(media.get("schema", {}), document).get("properties", {})
    query = {p["name"]: p["schema"] for p in operation.get("parameters", []) if p.get("in") == "query"}
    if "next_cursor" in properties:
        assert query["limit"]["maximum"] == 100 and query["limit"]["minimum"] == 1 and query["limit"]["default"] <= 100
        assert query["cursor"]["maxLength"] <= 400
    elif METHOD_OF[name] == "GET" and "items" in properties:
        pytest.fail(f"{name} gives a list without an end")


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_tells_what_a_caller_must_know(world: World, name: str) -> None:
    method, path, operation = world.operations[name]
    answers = operation["responses"]
    assert len(operation["summary"]) >= 2 and operation["tags"], name
    assert "rate-limited" in answers["429"]["description"] and "deadline-exceeded" in answers["503"]["description"]
    for status in ("429", "503"):
        assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(answers[status]["headers"])
    assert {"RateLimit", "RateLimit-Policy"} <= set(success_of(operation)["headers"])
    if PERMISSION_OF[name] != "public":
        assert {"401", "403"} <= set(answers) and f"权限：`{PERMISSION_OF[name]}`" in operation["description"]
        assert "not-allowed" in answers["403"]["description"] and operation["security"] == [{"bearer": []}]
    else:
        assert operation["security"] == []
    if "requestBody" in operation:
        assert {"400", "413", "415", "422"} <= set(answers) or "multipart/form-data" in operation["requestBody"][
            "content"
        ]
    if "{" in path and "_id}" in path and name not in {"show_code_status_list"}:
        assert "404" in answers or method == "PUT", f"{name} takes an id and never says that there is none"


def test_the_document_says_how_calls_are_counted_and_given_up(app: Flask) -> None:
    document = document_of(app)
    told = document["info"]["description"]
    for word in ("RateLimit-Policy", "deadline-exceeded", "Deprecation", "Sunset", "CORS"):
        assert word in told
    kinds = document["components"]["schemas"]["ProblemType"]["enum"]
    assert "/problems/rate-limited" in kinds and len(kinds) == len(set(kinds)) > 50


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("en;q=0, *", "zh-CN"), ("*;q=0.5, en;q=0.4", "zh-CN"), ("en-GB", "en"), ("EN", "en"), ("en;q=0.001", "en"),
        ("zh-Hant-TW, en;q=0.9", "zh-CN"), ("de;q=1, en;q=0.9, zh;q=0.8", "en"), ("en;q=0", "zh-CN"),
        ("en;q=abc, zh", "zh-CN"), ("zh;q=0.9, en", "en"), ("en, zh", "en"), ("zh, en", "zh-CN"),
        ("zh-TW, en;q=0.9", "zh-CN"), ("zh-Hans-CN, en-US;q=0.9", "zh-CN"), ("english", "zh-CN"),
    ],
)  # fmt: skip
def test_weights_of_languages_are_heard(client: CheckedClient, asked: str, language: str) -> None:
    answer = client.get("/api/v1/me", headers={"Accept-Language": asked})
    assert answer.headers["Content-Language"] == language and "Accept-Language" in answer.headers.get_all("Vary")
