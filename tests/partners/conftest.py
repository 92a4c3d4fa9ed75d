"""An applicant, an office of three with its auditor, and what they send."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pyotp
import pytest
from sqlalchemy import select, update

from backend.kit import clock, db
from backend.offers import shelf
from backend.offers.models import Offer
from tests.checked_client import CheckedClient
from tests.declarations.conftest import credit_code
from tests.factories import accounts as people
from tests.factories.perks import offer_item
from tests.support import net

API = "/api/v1"


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True).get("type", "")).removeprefix("/problems/")


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, slug(answer) if answer.status_code >= 400 else ""


def venue(**changes: Any) -> dict[str, Any]:
    return {"name": "演示停车场东门", "address": "江宁区演示路 9 号", "lat": 31.95, "lon": 118.84, **changes}


def application(**changes: Any) -> dict[str, Any]:
    """A good application of an organisation that nobody knows."""
    return {
        "unified_social_credit_code": credit_code(), "name": f"演示合作单位{uuid4().hex[:6]}",
        "contact_name": people.name(), "contact_phone": people.phone(), "venues": [venue()], "scenes": ["ting"],
        "intends": "停车首小时免费", "statement_of_truth": True, **changes,
    }  # fmt: skip


@dataclass
class Desk:
    """Three of the office, an auditor, and somebody without an account."""

    client: CheckedClient
    first: str = field(repr=False)
    second: str = field(repr=False)
    third: str = field(repr=False)
    auditor: str = field(repr=False)

    # whoever applies

    def apply(self, body: Any = None, key: object = None) -> Any:
        return self.client.post(f"{API}/partners/applications", json=body or application(), key=key or uuid4())

    def applied(self, **changes: Any) -> dict[str, Any]:
        body = application(**changes)
        answer = self.apply(body)
        assert answer.status_code == 201, answer.get_json()
        made = dict(answer.get_json())
        net.made("token", made["follow_token"])
        return {**made, "body": body}

    def follow(
        self, made: dict[str, Any], method: str = "GET", act: str = "", token: str = "", json: Any = None
    ) -> Any:
        headers = {"X-Follow-Token": token or made["follow_token"]}
        path = f"{API}/partners/applications/{made['id']}{act}"
        return self.client.open(path, method=method, headers=headers, json=json)

    # the office

    def post(self, path: str, token: str, body: Any = None, key: object = None) -> Any:
        return self.client.post(f"{API}{path}", json=body, token=token, key=key or uuid4())

    def get(self, path: str, token: str, **query: Any) -> Any:
        return self.client.get(f"{API}{path}", token=token, query_string=query)

    def judge(self, made: dict[str, Any], decision: str = "approved", token: str = "", **more: Any) -> Any:
        body = {"decision": decision, "reason": "已核对营业执照", **more}
        return self.post(f"/partners/applications/{made['id']}/decisions", token or self.first, body)

    def weigh(self, proposal_id: str, decision: str = "approved", token: str = "", **more: Any) -> Any:
        body = {"decision": decision, "reason": "已与合作单位核对", **more}
        return self.post(f"/partners/proposals/{proposal_id}/decisions", token or self.first, body)

    def approve(self, approval_id: str, token: str = "", decision: str = "approve") -> Any:
        token = token or self.second
        seen = self.get(f"/approvals/{approval_id}", token).get_json()
        body = {"decision": decision, "reason": "逐项看过", "digest": seen["digest"]}
        return self.post(f"/approvals/{approval_id}/decisions", token, body)

    def admitted(self, **changes: Any) -> dict[str, Any]:
        """An application that two have approved."""
        made = self.applied(**changes)
        judged = self.judge(made)
        assert judged.status_code == 201, judged.get_json()
        assert self.approve(judged.get_json()["approval"]["id"]).status_code == 201
        return {**made, **self.follow(made).get_json()}

    # who comes in

    def come_in(self, link: str) -> str:
        """Accept an invitation and sign in; the access token."""
        token = net.made("token", link.partition("#join=")[2])
        password = net.made("password", people.PASSWORD)
        opened = self.client.post(f"{API}/auth/staff/invitations", json={"token": token, "password": password})
        secret = net.made("one-time secret", opened.get_json()["authenticator"]["totp_secret"])
        body = {"token": token, "password": password, "otp": str(pyotp.TOTP(secret).at(clock.now()))}
        accepted = self.client.post(f"{API}/auth/staff/invitations/acceptance", json=body)
        assert accepted.status_code in (200, 201), accepted.get_json()
        return net.made("token", str(accepted.get_json()["tokens"]["access_token"]))

    def manager(self, made: dict[str, Any]) -> str:
        """The manager of a partner that was admitted: her access token."""
        drawn = self.follow(made, "POST", "/invitation")
        assert drawn.status_code == 201, drawn.get_json()
        return self.come_in(drawn.get_json()["link"])

    def partner(self) -> tuple[dict[str, Any], str]:
        """A new partner as its manager sees it, and her token."""
        token = self.manager(self.admitted())
        return self.get("/partner", token).get_json(), token


@contextmanager
def reopened() -> Iterator[None]:
    """A version that is published closes what other tests put on the shelf without one: open that again."""
    with db.reading() as reader:
        kept = list(reader.execute(select(Offer.id).where(Offer.status == "open")).scalars())
    yield
    with db.transaction() as session:
        session.execute(update(Offer).where(Offer.id.in_(kept)).values(status="open", updated_at=clock.now()))
    shelf.forget()


@pytest.fixture
def desk(client: CheckedClient) -> Iterator[Desk]:
    with db.transaction() as session:
        where = people.organisation(session)
        roles = ("office", "office", "office", "auditor")
        tokens = [people.staff_token(session, people.staff(session, role, where)) for role in roles]
    with reopened():
        yield Desk(client, *tokens)


def offer_of(partner: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A good offer at a partner's first venue."""
    slug = f"{partner['slug'][:40]}-{uuid4().hex[:6]}"
    return offer_item(slug, partner["slug"], partner["venues"][0]["slug"], **{"scene": "ting", **changes})
