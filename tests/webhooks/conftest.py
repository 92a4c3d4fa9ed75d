"""A partner with webhooks, its system, and a courier that goes when it is told to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from backend.kit import clock, db
from backend.webhooks import delivery, sending, service
from backend.webhooks.delivery import Key
from config.settings import ROOT
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.factories.webhook_calls import FIELDS
from tests.support import net
from tests.webhook_receiver import Arrived, Receiver

GUIDE = (ROOT / "WEBHOOKS.md").read_text("utf-8")
LOOPBACK = frozenset({"127.0.0.1"})


def recipe() -> Callable[..., bool]:
    """``verify`` as the partners' guide writes it."""
    told: dict[str, Any] = {}
    exec(re.findall(r"(?ms)^```python\n(.*?)^```", GUIDE)[0], told)
    found: Callable[..., bool] = told["verify"]
    return found


VERIFY = recipe()


@dataclass
class Partner:
    """A partner's manager, and what the API is asked in her name."""

    client: CheckedClient
    who: people.Staff
    token: str = field(repr=False)
    other: str = field(repr=False)

    @property
    def id(self) -> UUID:
        return self.who.organisation_id

    def ask(self, method: str, path: str = "", body: Any = None, key: object = None, token: str = "") -> Any:
        headers = {"Idempotency-Key": str(key or shops.act(self.id).key)} if method == "POST" else {}
        return self.client.open(
            f"/api/v1/partner/webhooks{path}", method=method, json=body, token=token or self.token, headers=headers
        )

    def webhook(self, url: str, *events: str) -> Hook:
        answer = self.ask("POST", "", {**FIELDS, "url": url, "events": list(events or ("admission.created",))})
        assert answer.status_code == 201, answer.get_json()
        told = answer.get_json()
        return Hook(self, UUID(told["webhook"]["id"]), [net.made("webhook secret", told["secret"])])

    def tell(self, **data: Any) -> None:
        with db.transaction() as session:
            service.tell(session, self.id, "admission.created", data or {"admission_id": "a1"})


@dataclass
class Hook:
    """One webhook and the secrets that the partner knows, the newest last."""

    partner: Partner
    id: UUID
    secrets: list[str] = field(repr=False)

    @property
    def key(self) -> Key:
        return Key(self.partner.id, self.id)

    def go(self) -> bool:
        """One turn, now."""
        return delivery.turn(self.key)

    def is_due(self) -> bool:
        with db.reading() as reader:
            return self.key in delivery.due(reader)

    def ask(self, method: str, path: str = "", body: Any = None, **named: Any) -> Any:
        return self.partner.ask(method, f"/{self.id}{path}", body, **named)

    def view(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET").get_json()
        return found

    def log(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", "/deliveries").get_json()["items"]
        return found

    def last(self) -> dict[str, Any]:
        return self.log()[0]

    def signed(self, one: Arrived, secret: str | None = None) -> bool:
        """Whether the guide's recipe takes it, by the clock of now."""
        now = clock.now().timestamp()
        return VERIFY(secret or self.secrets[-1], one.headers, one.body, now=now)


@pytest.fixture
def partner(client: CheckedClient) -> Partner:
    with db.transaction() as session:
        who, other = (
            people.staff(session, "partner-manager", people.organisation(session, "partner")) for _ in range(2)
        )
        return Partner(client, who, people.staff_token(session, who), people.staff_token(session, other))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as found:
        yield found


@pytest.fixture
def line(app: object) -> Iterator[Callable[..., sending.Line]]:
    """Connect out in another way, until the test ends."""
    before = sending.current()

    def bind(*args: Any, **named: Any) -> sending.Line:
        sending.bind(sending.Line(*args, **named))
        return sending.current()

    yield bind
    sending.bind(before)
