"""Bad input on every route: a 4xx problem that names the field or the reason, never a 500, and nothing changed."""

from __future__ import annotations

import base64
import gc
import io
import json
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from tests.checked_client import CheckedClient, document_of
from tests.community.pictures import picture
from tests.factories.world import METHOD_OF, OPERATIONS, Call, World
from tests.house import spoiling
from tests.house.snapshots import unchanged
from tests.house.test_looks import SHOWS_PERSONS

pytestmark = pytest.mark.once

JSON = "application/json"
LARGEST_BODY = 256 * 1024
LARGEST = {"send_batch": 1024 * 1024}
"""Routes that take more than the common limit."""
WITH_BODY = sorted({name for name in OPERATIONS if METHOD_OF[name] in ("POST", "PUT", "PATCH")} - {
    "sign_out", "cancel_coupon", "reissue_coupon", "transfer_coupon", "create_coupon_code",
    "upload_file", "end_other_sessions", "suspend_staff",
    "read_message", "end_delegation", "end_at_counter", "withdraw_approval", "suspend_device",
    "restore_device", "retire_device", "withdraw_consents", "withdraw_declaration", "withdraw_entity_declaration",
    "simulate_score_draft", "undo_admission", "waive_conflict", "withdraw_application", "draw_partner_invitation",
    "withdraw_proposal", "withdraw_staff_request", "draw_staff_invitation", "release_obligation",
    "withdraw_obligation", "ping_webhook", "retry_webhook_delivery", "agree_settlement", "close_settlement",
})  # fmt: skip
KEYED = ["accept_messages", "register_guardian", "start_helping", "admit", "announce_activity", "cancel_coupon",
         "check_in", "decide_approval", "decide_declaration", "declare", "declare_for_entity", "grant_budget",
         "propose_adjustment", "propose_export", "propose_policy", "propose_reversal", "redeem", "review_submission",
         "sign_covenant", "submit_deed", "leave", "withdraw_consents", "correct_entity_record",
         "withdraw_entity_record", "rename_entity", "correct_person_record", "withdraw_person_record",
         "create_score_draft", "simulate_score_draft", "propose_score_draft",
         "withdraw_declaration", "withdraw_entity_declaration", "send_batch", "withdraw_batch",
         "decide_quarantined", "reissue_coupon", "extend_coupons", "undo_admission", "claim_conflict",
         "waive_conflict", "decide_conflict", "apply_as_partner", "decide_partner_application",
         "decide_partner_proposal", "propose_offer", "propose_venue", "request_staff", "dispute_obligation",
         "charge_obligation", "report_payment", "release_obligation", "withdraw_obligation",
         "decide_obligation_dispute", "create_webhook", "rotate_webhook_secret", "ping_webhook",
         "retry_webhook_delivery", "join_waiting", "lift_slot_pause", "register_plate", "confirm_plate",
         "ask_parking_entitlement", "report_parking_entry", "report_parking_exit", "prepare_settlement",
         "agree_settlement", "dispute_settlement_line", "decide_settlement_dispute", "close_settlement"]  # fmt: skip
ENDS_ITS_TOKEN = {"leave"}
"""After it the caller is nobody any more, so that a repeat is not let in: said in tests/privacy."""


class Sender:
    """Sends spoiled copies of one good call."""

    def __init__(self, client: CheckedClient, world: World, call: Call) -> None:
        self.client, self.call = client, call
        self.token = world.tokens[call.who] if call.who else None

    def send(
        self, data: bytes | None = None, content_type: str = JSON, url: str = "", headers: Any = None, **kwargs: Any
    ) -> Any:
        told = dict(self.call.headers)
        if content_type and data is not None:
            told["Content-Type"] = content_type
        if self.call.keyed:
            told["Idempotency-Key"] = str(uuid4())
        told |= headers or {}
        where = url or self.call.url()
        if self.call.sign is not None:
            told |= self.call.sign(self.call.method, where, told["Idempotency-Key"], data or b"")
        kwargs["query_string"] = {**self.call.query, **kwargs.get("query_string", {})}
        return self.client.open(where, method=self.call.method, token=self.token, headers=told, data=data, **kwargs)

    def send_json(self, body: Any) -> Any:
        return self.send(json.dumps(body).replace("Infinity", "1e999").encode())


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True).get("type", "")).removeprefix("/problems/")


def schema_of(world: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = world.operations[name][2]["requestBody"]["content"][JSON]["schema"]
    return found


def names(answer: Any, at: spoiling.Path) -> bool:
    """Whether a 422 points at the spoiled place, at something in it, or at what holds it."""
    wanted = spoiling.pointer(at)
    told = [error["pointer"] for error in answer.get_json(force=True)["errors"]]
    return any(p == wanted or p.startswith(wanted + "/") or (p and wanted.startswith(p + "/")) for p in told)


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    return document_of(app)


def test_every_route_with_a_body_or_a_key_is_tried(world: World) -> None:
    with_body = {name for name, (_, _, op) in world.operations.items()
                 if JSON in op.get("requestBody", {}).get("content", {})}  # fmt: skip
    keyed = {name for name, (_, _, op) in world.operations.items()
             if any(p.get("name") == "Idempotency-Key" for p in op.get("parameters", []))}  # fmt: skip
    assert with_body == set(WITH_BODY)
    assert keyed == set(KEYED)


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_wrong_field_is_refused_by_its_name(
    client: CheckedClient, world: World, document: dict[str, Any], name: str
) -> None:
    call, wrong, tried = world.call(name), [], 0
    sender = Sender(client, world, call)
    with unchanged():
        for what, at, body in spoiling.spoiled(call.body, schema_of(world, name), document):
            answer, tried = sender.send_json(body), tried + 1
            at = tuple(step.replace("~", "~0").replace("/", "~1") if isinstance(step, str) else step for step in at)
            if (answer.status_code, slug(answer)) != (422, "invalid-request"):
                wrong.append((what, at, answer.status_code, slug(answer)))
            elif "\ud800" not in str(at) and not names(answer, at):
                wrong.append((what, at, answer.get_json(force=True)["errors"]))
    assert tried > 10 and not wrong, wrong[:10]


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_that_cannot_be_read_is_refused(client: CheckedClient, world: World, name: str) -> None:
    sender, wrong = Sender(client, world, world.call(name)), []
    with unchanged():
        for what, data in spoiling.BROKEN.items():
            answer = sender.send(data)
            if (answer.status_code, slug(answer)) != (400, "malformed-request"):
                wrong.append((what, answer.status_code, slug(answer)))
        for data in spoiling.NOT_OBJECTS:
            answer = sender.send(data)
            if answer.status_code not in (400, 422):
                wrong.append((str(data), answer.status_code, slug(answer)))
    assert not wrong


@pytest.mark.parametrize("name", WITH_BODY)
def test_another_content_type_is_refused(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    sender, good = Sender(client, world, call), json.dumps(call.body).encode()
    with unchanged():
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                     "application/xml", "json", "", "application/octet-stream"):  # fmt: skip
            answer = sender.send(good, kind)
            assert (answer.status_code, slug(answer)) == (415, "unsupported-media-type"), kind


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_that_is_too_large_is_refused(client: CheckedClient, world: World, name: str) -> None:
    sender = Sender(client, world, world.call(name))
    large = b'{"x": "' + b"a" * LARGEST.get(name, LARGEST_BODY) + b'"}'
    with unchanged():
        assert (answer := sender.send(large)).status_code == 413, answer.status_code
        chunked = sender.send(
            headers={"Content-Type": JSON, "Transfer-Encoding": "chunked"},
            input_stream=io.BytesIO(large), environ_overrides={"wsgi.input_terminated": True},
        )  # fmt: skip
        assert (chunked.status_code, slug(chunked)) == (413, "content-too-large")


@pytest.mark.parametrize("name", WITH_BODY)
def test_unusual_texts_are_taken_or_refused_but_break_nothing(
    client: CheckedClient, world: World, document: dict[str, Any], name: str
) -> None:
    call = world.call(name)
    sender = Sender(client, world, call)
    for at, inner, _ in spoiling.fields(schema_of(world, name), document):
        if "string" in str(inner.get("type")) and spoiling.stands(call.body, at):
            for text in spoiling.EMOJI:
                answer = sender.send_json(spoiling.changed(call.body, at, text))
                assert answer.status_code < 500, (at, text)


@pytest.mark.parametrize("name", KEYED)
def test_a_missing_or_malformed_key_is_refused(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    sender = Sender(client, world, call)
    data = json.dumps(call.body).encode() if call.body is not None else None
    key = str(uuid4())
    with unchanged():
        for bad in ("", " ", "1", key[:-1], key + "0", key.replace("-", ""), "{" + key + "}", f"{key},{key}",
                    "x" * 5000, "é" * 36, "00000000-0000-0000-0000-00000000000g"):  # fmt: skip
            answer = sender.send(data, headers={"Idempotency-Key": bad})
            assert (answer.status_code, slug(answer)) == (400, "idempotency-key-missing"), bad


@pytest.mark.parametrize("name", [name for name in KEYED if name not in ENDS_ITS_TOKEN])
def test_a_repeat_gets_the_same_and_another_request_a_conflict(
    client: CheckedClient, world: World, document: dict[str, Any], name: str
) -> None:
    call, key = world.call(name), {"Idempotency-Key": str(uuid4())}
    sender = Sender(client, world, call)
    data = json.dumps(call.body).encode() if call.body is not None else None
    first = sender.send(data, headers=key)
    assert first.status_code in (200, 201, 202), first.get_json()
    with unchanged(*(("access_log",) if name in SHOWS_PERSONS else ())):  # who is shown again is looked at again
        again = sender.send(data, headers=key)
        assert (again.status_code, again.get_json()) == (first.status_code, first.get_json())
        if call.body is not None:
            turned = json.dumps(dict(reversed(call.body.items())), indent=4, ensure_ascii=False).encode()
            assert sender.send(turned, headers=key).get_json() == first.get_json()
        for other in others(call):
            answer = sender.send(headers=key, **other)
            assert (answer.status_code, slug(answer)) == (409, "idempotency-conflict"), other


def others(call: Call) -> list[dict[str, Any]]:
    """Requests that are good in form and not the one that the key was made for."""
    if call.body is None and not call.params:
        return []
    if call.body is None:
        return [{"url": call.url(**dict.fromkeys(call.params, uuid4()))}]
    changes: dict[str, Any] = {
        "reason": "另一个理由", "title": "另一场", "text": "另一件", "code": "XY1:OTHER", "version": "2025.9",
        "result": "reject", "item_code": "NP-QUA-01",
        "basis": "另一份证明", "card": {"name": "测试甲乙", "id_number": "11010519491231002X"},
        "content": {"version": "t.other"}, "slot_starts_at": "2027-01-01T01:00:00Z",
        "rows": [{"另一列": "另一行"}], "description": "另一个系统", "overlap_hours": 1,
        "intends": "另一种打算", "offer": {"slug": "another"}, "month": "2024-02", "paid_at": "2026-01-02T00:00:00Z",
        "venue": {"name": "另一处", "address": "另一条路", "lat": 31.9, "lon": 118.8},
        "plate": "苏B12345", "ticket": "T-OTHER",
    }  # fmt: skip
    changed = {name: value for name, value in changes.items() if name in call.body}
    assert changed, f"say what another request of {call.name} is"
    bodies = [{**call.body, name: value} for name, value in changed.items()]
    return [{"data": json.dumps(body).encode()} for body in bodies]


FAR = "0001-01-01T00:00:00+14:00"


def cursor(*values: object) -> str:
    """A cursor in our own form, with values that are not ours."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


QUERIES = {
    "limit": ["abc", "0", "101", "-1", "1.0", "1e1", "", " 5", "٣", "9" * 400, "0x10", "true", "5\x00"],
    "cursor": ["", "x", "!!!", "é", "A" * 401, "W10", "bnVsbA", "W1sicCIsMTBd", "eyJhIjoxfQ", "MQ", "%00", cursor(),
               cursor(["t", FAR], ["u", "0" * 32]), cursor(["t", "2026-03-05T08:30:00"], ["u", "0" * 32]),
               cursor(["t", FAR.replace("0001", "9999")], ["u", "x"]), cursor(["d", "2026-02-30"], ["u", "0" * 32]),
               cursor(["p", 10**30]), cursor(["p", -(10**30)]), cursor(["p", True]), cursor(["p", 1.5]),
               cursor(["p", "x"]), cursor(["p", None]), cursor([["p"], 1]), cursor(["p", 1, 2]), cursor(["q", 1]),
               cursor("p1"), cursor(*[["p", 1]] * 9)],
    "community_id": ["x", "1", "", "0" * 32], "venue": ["x", "1", "", "0" * 32],
    "upcoming": ["yes", "1", "TRUE", ""], "entitled": ["yes", "1", "True", ""], "qr": ["png", "", "SVG", "svg\x00"],
    "organisation_id": ["x", "1", "", "0" * 32], "role": ["", "king", "OFFICE"], "status": ["", "gone", "ACTIVE"],
    "subject": ["", "person", "NATURAL_PERSON"], "source_department": ["", "x" * 61, "\x00", "a\x1b"],
    "item_code": ["", "x", "LE-PEN-1", "le-pen-01", "LE-PEN-011"], "mode": ["", "Report", "all"],
    "since": ["", "2026-03-05", "2026-03-05T08:00:00"],
    "until": ["", "x", "2026-03-05T08:00:00"], "step": ["", "Open", "x\x00"],
    "file_name": ["", "x" * 201, "a\x00", "a\x1b"],
    "scene": ["", "x" * 21, "\x00", "a\x1b"], "state": ["", "opened", "Proposed", "approved\x00"],
    **{one: ["x", "1", "", "0" * 32, "' OR 1=1"]
       for one in ("resident_id", "actor_id", "organisation_id", "partner_id")},
    **{one: ["x", "", "2026-03-05", "2026-03-05T08:30:00", FAR] for one in ("from_at", "until_at", "known_at")},
    "on": ["x", "", "2026-02-30", "20260305", "2026-3-5", "0000-01-01"], "policy_version": ["", "x" * 41, "\x00"],
    "purpose": ["", "x" * 121, "\x00", "a\x1b"], "subject_id": ["", "x" * 81, "\x00", "a b", "é"],
    **{one: ["", "x", "2026", "2026-13", "2026-1", "1999-12", "2026-13-01", "2026-10\x00"]
       for one in ("from", "to", "month")},
    **{one: ["", "x" * 81, "\x00", "A", "a b"] for one in ("action", "subject_kind")},
    "kind": ["", "person", "LICENCE", "penalty\x00"], "name": ["", "x" * 61, "\x00", "a\x1b"],
    "code": ["", "x" * 41, "\x00", "%", "1", "91110000600037341M"], "document_no": ["", "x" * 121, "\x00", "a\x1b"],
}  # fmt: skip
"""By name, values that no query parameter of that name accepts."""


def queries_of(world: World, name: str) -> list[str]:
    return [p["name"] for p in world.operations[name][2].get("parameters", []) if p.get("in") == "query"]


def test_every_query_parameter_is_tried(world: World) -> None:
    assert {one for name in OPERATIONS for one in queries_of(world, name)} == set(QUERIES)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_wrong_query_is_refused_by_its_name(client: CheckedClient, world: World, name: str) -> None:
    if not (known := queries_of(world, name)):
        return
    call, wrong = world.call(name), []
    sender = Sender(client, world, call)
    data = json.dumps(call.body).encode() if call.body is not None else None
    with unchanged():
        tried = [("x", "1"), ("limit ", "5"), *((name, value) for name in known for value in QUERIES[name])]
        for one, value in tried:
            answer = sender.send(data, query_string={one: value})
            told = answer.get_json(force=True).get("errors") or [{"pointer": ""}]
            if answer.status_code != 422 or told[0]["pointer"] != f"/query/{one}":
                wrong.append((one, value, answer.status_code, told))
    assert not wrong


IDS = ["x", "1", "0" * 32, "../me", "%00", "%F0%9F%98%80", "a" * 3000, "00000000-0000-0000-0000-00000000000g",
       "%2e%2e%2f", "{}", "' OR 1=1 --", "%ed%a0%80", "%", "-1"]  # fmt: skip
NUMBERS = ["x", "-1", "1.0", "%00", "1", "99999", str(2**31), str(2**63), "9" * 5000, "٣"]
WORDS = ["%00", "a%00b", "%F0%9F%98%80", "a" * 3000, "%ed%a0%80", "%ff", "..", "' OR 1=1 --", "%0a", "%7f", "*", "‮"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_junk_in_the_path_is_not_found(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    if not call.params:
        return
    sender = Sender(client, world, call)
    data = json.dumps(call.body).encode() if call.body is not None else None
    with unchanged():
        for param in call.params:
            for junk in NUMBERS if param == "list_id" else IDS if param.endswith("_id") else WORDS:
                answer = sender.send(data, url=call.url(**{param: junk}))
                assert answer.status_code in (404, 405), (param, junk[:40], answer.status_code)


def form(*parts: tuple[str, Any, str | None]) -> dict[str, Any]:
    return {"data": {name: (content, filename) if filename else content for name, content, filename in parts},
            "content_type": "multipart/form-data"}  # fmt: skip


UPLOADS = {
    "no picture": form(("file", io.BytesIO(b"GIF89a not really"), "a.png")),
    "nothing in it": form(("file", io.BytesIO(b""), "a.png")),
    "another name": form(("photo", picture(), "a.png")),
    "a field beside it": {"data": {"file": (picture(), "a.png"), "owner": "x"}},
    "text where a file belongs": form(("file", "text", None)),
    "two files": {"data": {"file": (picture(), "a.png"), "other": (picture(), "b.png")}},
    "JSON": {"json": {"file": "x"}}, "nothing": {},
    "no boundary": {"data": b"x", "content_type": "multipart/form-data"},
    "cut off": {"data": b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
                "content_type": "multipart/form-data; boundary=x"},
    "an SVG": form(("file", io.BytesIO(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "a.svg")),
    "half a PNG": form(("file", io.BytesIO(picture().getvalue()[:60]), "a.png")),
    "many parts": {"data": {f"f{n}": "x" for n in range(50)}, "content_type": "multipart/form-data"},
    "a large field": {"data": {"file": "x" * 300_000}, "content_type": "multipart/form-data"},
}  # fmt: skip


def upload(client: CheckedClient, world: World, **sent: Any) -> tuple[int, str]:
    """Send a form, and let go of what werkzeug leaves open of a form that it gave up."""
    answer = client.post("/api/v1/files", token=world.tokens["resident"], **sent)
    told = answer.status_code, slug(answer)
    del answer
    gc.collect()
    return told


@pytest.mark.filterwarnings("ignore:[Uu]nclosed file:ResourceWarning")
@pytest.mark.parametrize("what", sorted(UPLOADS))
def test_an_upload_that_is_no_picture_is_refused(client: CheckedClient, world: World, what: str) -> None:
    with unchanged():
        assert upload(client, world, **UPLOADS[what])[0] in (400, 413, 415, 422)


@pytest.mark.filterwarnings("ignore:[Uu]nclosed file:ResourceWarning")
def test_an_upload_past_the_limit_is_refused(client: CheckedClient, world: World) -> None:
    large = {"file": (io.BytesIO(b"\x89PNG" + bytes(11 * 1024 * 1024)), "a.png")}
    with unchanged():
        assert upload(client, world, data=large) == (413, "content-too-large")


@pytest.mark.parametrize("name", OPERATIONS)
def test_another_method_is_refused_with_those_allowed(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    there = {method for method, path, _ in world.operations.values() if path == call.path}
    with unchanged():
        for method in {"TRACE", "PATCH", "DELETE", "PROPFIND"} - there:
            answer = client.open(call.url(), method=method)
            assert (answer.status_code, slug(answer)) == (405, "method-not-allowed"), method
            assert METHOD_OF[name] in answer.headers["Allow"]


OUTSIDE = ["/static/", "/docs/", "/m/", "/problems/", "/demo/", "/app/", "/.well-known/", "/"]
JUNK = [
    "%00",
    "..%2f..%2fetc%2fpasswd",
    "../config/settings.py",
    "%2e%2e/",
    "%ed%a0%80",
    "%ff.txt",
    "a" * 5000 + ".txt",
    "js/%00.js",
    "//x",
    ".txt",
    "*.js",
    "js",
    "😀.css",
    "code-status/-1",
    "code-status/" + "9" * 400,
]


@pytest.mark.parametrize("folder", OUTSIDE)
def test_junk_outside_the_api_is_not_found(client: CheckedClient, folder: str) -> None:
    with unchanged():
        for junk in JUNK:
            for method in ("GET", "HEAD", "POST"):
                answer = client.open(folder + junk, method=method, data=b"\x00" if method == "POST" else None)
                assert answer.status_code in (301, 308, 404, 405), (junk[:40], method, answer.status_code)
