"""Two workers at once, and managers who act at the same moment."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import func, select

from backend.kit import db
from backend.webhooks import delivery, service
from backend.webhooks.errors import TooManyWebhooks
from backend.webhooks.models import Delivery
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.factories.webhook_calls import FIELDS, orderer
from tests.races.barrier import at_once
from tests.webhook_receiver import Receiver


@pytest.fixture
def manager(city: dict[str, Any]) -> people.Staff:
    with db.transaction() as session:
        return people.staff(session, "partner-manager", people.organisation(session, "partner"))


def made(manager: people.Staff, url: str) -> service.WebhookView:
    with db.transaction() as session:
        act = shops.act(manager.staff_id)
        return service.create(session, orderer(manager), None, {**FIELDS, "url": url}, act).webhook


def tell(manager: people.Staff, number: int) -> None:
    with db.transaction() as session:
        service.tell(session, manager.organisation_id, "admission.created", {"admission_id": str(number)})


def states(hook: service.WebhookView) -> dict[str, int]:
    with db.reading() as reader:
        query = select(Delivery.state, func.count()).where(Delivery.webhook_id == hook.id).group_by(Delivery.state)
        return {row[0]: row[1] for row in reader.execute(query)}


def test_several_workers_at_once_deliver_each_event_once(manager: people.Staff) -> None:
    with Receiver() as receiver:
        hook = made(manager, receiver.url)
        for number in range(40):
            tell(manager, number)
        key, barrier, broken = delivery.Key(hook.organisation_id, hook.id), threading.Barrier(4), []

        def work() -> None:
            barrier.wait(timeout=30)
            try:
                while states(hook).get("waiting"):
                    delivery.turn(key)
            except Exception as error:
                broken.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not broken
        assert len(receiver.ids) == len(set(receiver.ids)) == 40
    assert states(hook) == {"delivered": 40}


def test_of_many_who_make_webhooks_at_once_five_do(manager: people.Staff) -> None:
    by = orderer(manager)
    acts = [
        lambda session, act=shops.act(manager.staff_id): service.create(session, by, None, FIELDS, act)
        for _ in range(9)
    ]
    results = at_once(acts)
    assert sum(isinstance(one, service.Given) for one in results) == 5, results
    assert sum(isinstance(one, TooManyWebhooks) for one in results) == 4, results


def test_whoever_deletes_a_webhook_makes_no_telling_fail(manager: people.Staff) -> None:
    for number in range(5):
        hook = made(manager, FIELDS["url"])
        told, gone = at_once(
            [
                lambda session, n=number: service.tell(
                    session, manager.organisation_id, "admission.created", {"admission_id": str(n)}
                ),
                lambda session, one=hook: service.delete_one(session, orderer(manager), one.id),
            ]
        )
        assert told is None and gone is None
        delivery.turn(delivery.Key(hook.organisation_id, hook.id))
        assert states(hook) == {}
