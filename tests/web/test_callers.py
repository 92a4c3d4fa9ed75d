"""Who is asking, what they may, and which request a key was made for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask, g
from hypothesis import given
from hypothesis import strategies as st

from backend.kit.operations import Operation
from backend.web import callers
from backend.web.callers import PERMISSIONS, Caller, IdempotencyKeyMissing, IdentityNotBound, NotSignedIn, Role

OURS, THEIRS = uuid4(), uuid4()
KEY = "00000000-0000-7000-8000-000000000001"
SOMEBODY = Caller("resident", uuid4(), uuid4(), resident_id=uuid4())

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6,
)  # fmt: skip
bodies = st.dictionaries(st.text(max_size=8), json_values, max_size=5)


def staff(*held: tuple[str, UUID]) -> Caller:
    return Caller("staff", uuid4(), uuid4(), roles=tuple(Role(role, where) for role, where in held))


def test_a_role_counts_only_in_the_organisation_where_it_is_held() -> None:
    worker = staff(("community-worker", OURS), ("auditor", THEIRS))
    assert worker.organisations_for("community.review") == {OURS}
    assert worker.organisations_for("budgets.grant") == frozenset()
    assert staff(("community-worker", OURS), ("community-worker", THEIRS)).organisations_for("community.host") == {
        OURS, THEIRS,
    }  # fmt: skip
    assert worker.role_for("community.review") == "community-worker" and worker.role_for("budgets.grant") == "staff"


def test_nobodys_person_is_asked_to_bind() -> None:
    with pytest.raises(IdentityNotBound):
        Caller("resident", uuid4(), uuid4()).person()
    assert SOMEBODY.person() == SOMEBODY.resident_id == SOMEBODY.actor_id
    assert (device := Caller("device", uuid4(), uuid4())).actor_id == device.account_id


def test_no_caller_is_not_signed_in(app: Flask) -> None:
    with app.test_request_context("/"), pytest.raises(NotSignedIn):
        callers.current()


def test_every_permission_says_who_and_whose() -> None:
    for action, permission in PERMISSIONS.items():
        assert action.count(".") == 1 and permission.title and permission.whose
        assert permission.kinds <= {"resident", "staff", "device"} and permission.kinds


@pytest.fixture
def operation(app: Flask) -> Callable[..., Operation]:
    """The operation of a request that is described, and not sent."""

    def of(
        data: bytes = b"", path: str = "/x", method: str = "POST", who: Caller = SOMEBODY, key: str = KEY
    ) -> Operation:
        with app.test_request_context(path, method=method, data=data, headers={"Idempotency-Key": key}):
            g.caller = who
            return callers.operation()

    return of


@given(bodies, st.sampled_from([None, 2]), st.booleans())
def test_the_order_of_names_and_spaces_do_not_make_another_request(
    operation: Callable[..., Operation], body: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    turned = dict(reversed(body.items()))
    other = json.dumps(turned, indent=indent, ensure_ascii=ascii_only).encode()
    assert operation(json.dumps(body).encode()) == operation(b" " + other + b"\n")


@given(bodies, bodies)
def test_another_body_is_another_request(
    operation: Callable[..., Operation], first: dict[str, Any], second: dict[str, Any]
) -> None:
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    digests = [operation(json.dumps(body).encode()).digest for body in (first, second)]
    assert (digests[0] == digests[1]) is same


def test_true_is_not_one_and_text_is_not_a_number(operation: Callable[..., Operation]) -> None:
    told = [b'{"a": 1}', b'{"a": true}', b'{"a": "1"}', b'{"a": 1.0}', b'{"a": null}', b"{}", b'{"a": [1]}', b"", b"{"]
    assert len({operation(data).digest for data in told}) == len(told)


def test_path_and_method_belong_to_the_request(operation: Callable[..., Operation]) -> None:
    told = {operation(b"{}", path, method).digest for path in ("/x", "/y") for method in ("POST", "PUT")}
    assert len(told) == 4
    assert operation(b"{}", "/x?a=1").digest == operation(b"{}", "/x").digest


def test_the_digest_is_keyed(app: Flask, operation: Callable[..., Operation], monkeypatch: pytest.MonkeyPatch) -> None:
    before = operation(b"{}")
    monkeypatch.setitem(app.config, "OPERATION_SECRET", b"another secret, 32 bytes long...")
    assert operation(b"{}").digest != before.digest and len(before.digest) == 32


def test_a_key_belongs_to_its_actor(operation: Callable[..., Operation]) -> None:
    other = Caller("resident", uuid4(), uuid4(), resident_id=uuid4())
    mine, hers = operation(b"{}"), operation(b"{}", who=other)
    assert (mine.actor_id, mine.key) == (SOMEBODY.resident_id, UUID(KEY))
    assert hers.actor_id == other.resident_id and hers.key == mine.key


@pytest.mark.parametrize(
    "key", ["", "x", KEY[:-1], KEY + "0", KEY.replace("-", ""), f"{{{KEY}}}", f"{KEY} ", f"{KEY},x"]
)
def test_a_key_that_is_no_uuid_is_missing(operation: Callable[..., Operation], key: str) -> None:
    with pytest.raises(IdempotencyKeyMissing):
        operation(key=key)


def test_a_key_in_capitals_is_the_same_key(operation: Callable[..., Operation]) -> None:
    key = "ABCDEFAB-0000-7000-8000-ABCDEFABCDEF"
    assert operation(key=key) == operation(key=key.lower())
