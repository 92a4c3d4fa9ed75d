"""GET /me/records."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from backend.kit import db
from backend.records import service
from backend.web import callers
from backend.web.callers import Caller, NotSignedIn
from tests.checked_client import CheckedClient
from tests.records.test_service import honour


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[UUID | None], str]:
    """Let a token stand for a resident, without the rooms that sign in."""
    known: dict[str, UUID | None] = {}

    def resolve(token: str) -> Caller:
        if token not in known:
            raise NotSignedIn()
        return Caller("resident", uuid4(), uuid4(), "测试", known[token])

    monkeypatch.setattr(callers, "_resolver", resolve)

    def sign_in(resident_id: UUID | None) -> str:
        token = uuid4().hex
        known[token] = resident_id
        return token

    return sign_in


def test_list_my_records_shows_the_own_archive_alone(client: CheckedClient, signed_in: Callable[..., str]) -> None:
    mine, other = uuid4(), uuid4()
    with db.transaction() as session:
        service.add_records(session, [(mine, honour(n)) for n in range(1, 4)] + [(other, honour(9))], tell=False)
    token = signed_in(mine)
    first = client.get("/api/v1/me/records?limit=2", token=token).get_json()
    rest = client.get(f"/api/v1/me/records?limit=2&cursor={first['next_cursor']}", token=token).get_json()
    items = first["items"] + rest["items"]
    assert [item["document_no"] for item in items] == [f"演示〔2026〕{n}号" for n in (1, 2, 3)]
    assert rest["next_cursor"] is None
    assert items[0]["status_text"] == "有效" and items[0]["source"] == "演示单位" and items[0]["may_feed_score"] is True
    assert {"name": "honour_name", "title": "荣誉名称", "value": "诚信之星"} in items[0]["fields"]


def test_list_my_records_refuses_strangers_and_the_unbound(
    client: CheckedClient, signed_in: Callable[..., str]
) -> None:
    assert client.get("/api/v1/me/records").status_code == 401
    unbound = client.get("/api/v1/me/records", token=signed_in(None))
    assert (unbound.status_code, unbound.get_json()["type"]) == (403, "/problems/identity-not-bound")
    assert client.get("/api/v1/me/records?cursor=zz", token=signed_in(uuid4())).status_code == 422
