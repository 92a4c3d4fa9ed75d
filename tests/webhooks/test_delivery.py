"""What is told arrives, signed, at least once; what fails is tried again, and in the end given up."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from backend.kit import clock, db, outbox
from backend.kit.trail import TrailRow
from backend.webhooks import delivery, jobs, rules, sending, service
from backend.webhooks.models import Delivery
from tests.webhook_receiver import Answer, Receiver
from tests.webhooks.conftest import LOOPBACK, Partner

LATER = timedelta(days=1)


def rows(webhook_id: object) -> list[Any]:
    with db.reading() as reader:
        return list(reader.execute(select(Delivery.__table__).where(Delivery.webhook_id == webhook_id)))


# --- what is queued ------------------------------------------------------------------------------------------------


def test_a_row_shares_the_fate_of_the_transaction(partner: Partner, receiver: Receiver) -> None:
    hook = partner.webhook(receiver.url)
    with pytest.raises(RuntimeError), db.transaction() as session:
        service.tell(session, partner.id, "admission.created", {"admission_id": "a1"})
        raise RuntimeError
    assert rows(hook.id) == [] and not hook.is_due()
    partner.tell(admission_id="a2")
    assert len(rows(hook.id)) == 1 and hook.is_due()


def test_only_live_webhooks_of_this_partner_that_subscribe_hear_of_it(partner: Partner, receiver: Receiver) -> None:
    wants, other_event = partner.webhook(receiver.url), partner.webhook(receiver.url, "admission.undone")
    stopped = partner.webhook(receiver.url)
    stopped.ask("PATCH", body={"status": "disabled"})
    partner.tell()
    with db.transaction() as session:
        service.tell(session, uuid4(), "admission.created", {})
    assert [len(rows(one.id)) for one in (wants, other_event, stopped)] == [1, 0, 0]


def test_two_webhooks_of_a_partner_get_one_event_under_one_id(partner: Partner, receiver: Receiver) -> None:
    for hook in (partner.webhook(receiver.url), partner.webhook(receiver.url)):
        partner.tell()
        hook.go()
    first, second = partner.webhook(receiver.url), partner.webhook(receiver.url)
    partner.tell()
    assert first.go() and second.go()
    assert receiver.ids[-1] == receiver.ids[-2]


def test_what_may_not_be_told_and_unknown_events_are_refused(partner: Partner) -> None:
    with db.transaction() as session:
        with pytest.raises(ValueError, match="resident_id"):
            service.tell(session, partner.id, "admission.created", {"resident_id": "x"})
        with pytest.raises(ValueError, match="event"):
            service.tell(session, partner.id, "admission.eaten", {})


def news(partner: Partner) -> dict[str, Any]:
    return {
        "resident_id": "r-secret", "coupon_id": "c-secret", "offer_id": "o1", "admission_id": "a1", "venue_id": "v1",
        "partner_id": str(partner.id), "happened_at": "2026-03-05T08:50:00Z", "source": "online",
        "obligation": None,
    }  # fmt: skip


@pytest.mark.parametrize("topic", sorted(rules.NEWS))
def test_of_every_piece_of_news_only_the_named_fields_are_told(
    partner: Partner, receiver: Receiver, topic: str
) -> None:
    said = rules.NEWS[topic]
    hook = partner.webhook(receiver.url, said.event)
    with db.transaction() as session:
        service.on_news(topic)(session, news(partner) | {name: f"{name}-1" for name in said.fields})
    hook.go()
    (one,) = receiver.arrived
    body = json.loads(one.body)
    assert body["type"] == said.event and body["data"] == {name: f"{name}-1" for name in said.fields}
    assert b"secret" not in one.body and hook.signed(one)


def test_an_admission_is_told_to_its_partner_within_its_transaction(partner: Partner, receiver: Receiver) -> None:
    hook = partner.webhook(receiver.url)
    with db.transaction() as session:
        outbox.tell(session, "perks.admitted", news(partner))
        assert session.execute(select(Delivery.id).where(Delivery.webhook_id == hook.id)).first() is not None
    hook.go()
    assert json.loads(receiver.arrived[0].body)["data"]["admission_id"] == "a1"


# --- what arrives --------------------------------------------------------------------------------------------------


def test_what_arrives_is_signed_dated_and_written_down(partner: Partner, receiver: Receiver) -> None:
    hook = partner.webhook(receiver.url)
    partner.tell(admission_id="a1")
    assert hook.go()
    (one,) = receiver.arrived
    assert hook.signed(one)
    told = hook.last()
    assert told["id"] == one.headers["webhook-id"]
    assert (told["state"], told["tries"], told["last_status"], told["last_error"]) == ("delivered", 1, 200, None)
    assert told["last_answer"] == "ok" and told["next_try_at"] is None and told["delivered_at"]
    assert not hook.is_due()
    assert hook.go() and len(receiver.arrived) == 1


def test_a_failure_is_tried_again_later_with_the_same_id_and_body_and_a_new_date(
    partner: Partner, receiver: Receiver
) -> None:
    receiver.answers = lambda number: Answer(500 if number == 0 else 200, b"broken")
    hook = partner.webhook(receiver.url)
    partner.tell()
    hook.go()
    told = hook.last()
    assert (told["state"], told["last_status"], told["last_error"]) == ("waiting", 500, "status")
    assert told["last_answer"] == "broken" and told["next_try_at"] and not hook.is_due()
    assert hook.view()["failing_since"]
    with clock.shifted(timedelta(seconds=400)):
        assert hook.is_due() and hook.go()
        assert hook.signed(receiver.arrived[1])
    first, second = receiver.arrived
    assert first.headers["webhook-id"] == second.headers["webhook-id"] and first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) >= 399
    assert hook.last()["state"] == "delivered" and hook.view()["failing_since"] is None


def test_after_twelve_tries_it_is_given_up_and_sent_again_only_by_hand(partner: Partner, receiver: Receiver) -> None:
    receiver.answers = lambda number: Answer(503 if number < 12 else 200)
    hook = partner.webhook(receiver.url)
    partner.tell()
    for tries in range(12):
        with clock.shifted(tries * timedelta(hours=6)):  # from the fourth pause on longer than what has passed
            with db.transaction() as session:
                session.execute(update(Delivery).where(Delivery.webhook_id == hook.id).values(due_at=clock.now()))
            hook.go()
    assert (hook.last()["state"], hook.last()["tries"], len(receiver.arrived)) == ("failed", 12, 12)
    with clock.shifted(30 * LATER):
        assert not hook.is_due()
    again = hook.ask("POST", f"/deliveries/{hook.last()['id']}/retries")
    assert (again.status_code, again.get_json()["state"]) == (201, "waiting")
    hook.go()
    assert (hook.last()["state"], hook.last()["tries"]) == ("delivered", 13)
    assert len(set(receiver.ids)) == 1


def test_a_new_round_has_the_short_pauses_again(partner: Partner, receiver: Receiver) -> None:
    receiver.answers = lambda _: Answer(500)
    hook = partner.webhook(receiver.url)
    partner.tell()
    with db.transaction() as session:
        session.execute(update(Delivery).where(Delivery.webhook_id == hook.id).values(tries=11, state="failed"))
    hook.ask("POST", f"/deliveries/{hook.last()['id']}/retries")
    hook.go()
    with clock.shifted(timedelta(seconds=12)):
        assert hook.is_due() and hook.last()["tries"] == 12


def test_410_disables_at_once_and_gives_up_what_waits(partner: Partner, receiver: Receiver) -> None:
    receiver.answers = lambda _: Answer(410)
    hook = partner.webhook(receiver.url)
    partner.tell()
    hook.go()
    partner.tell()
    view = hook.view()
    assert (view["status"], view["disabled_reason"]) == ("disabled", "gone")
    assert [(one["state"], one["last_status"]) for one in hook.log()] == [("failed", 410)]
    with db.reading() as reader:
        noted = select(TrailRow.role, TrailRow.action, TrailRow.detail).where(TrailRow.subject_id == str(hook.id))
        assert ("system", "webhook.disable", {"reason": "gone"}) in [tuple(row) for row in reader.execute(noted)]


def test_five_days_without_a_success_disable_and_one_success_begins_anew(partner: Partner, receiver: Receiver) -> None:
    receiver.answers = lambda number: Answer(200 if number == 1 else 500)
    hook = partner.webhook(receiver.url)
    for days, status in ((0, "active"), (4.9, "active"), (5.1, "active"), (10, "active"), (10.2, "disabled")):
        with clock.shifted(timedelta(days=days)):
            partner.tell()
            hook.go()  # whatever else is due comes along
        assert hook.view()["status"] == status, days
    assert hook.view()["disabled_reason"] == "failing"


def test_enabling_again_forgets_how_long_it_had_failed(partner: Partner, receiver: Receiver) -> None:
    receiver.answers = lambda _: Answer(500)
    hook = partner.webhook(receiver.url)
    partner.tell()
    hook.go()
    hook.ask("PATCH", body={"status": "disabled"})
    hook.ask("PATCH", body={"status": "active"})
    assert hook.view()["failing_since"] is None
    with clock.shifted(6 * LATER):
        partner.tell()
        hook.go()
    assert hook.view()["status"] == "active"


def test_a_name_that_turned_inward_is_not_connected_to(
    partner: Partner, receiver: Receiver, line: Callable[..., sending.Line]
) -> None:
    hook = partner.webhook(receiver.url)
    partner.tell()
    line(frozenset())
    assert not hook.go()
    assert receiver.arrived == [] and hook.last()["last_error"] == "refused-scheme"
    line(LOOPBACK)
    with clock.shifted(timedelta(seconds=12)):
        assert hook.go()


def test_a_webhook_deleted_meanwhile_gets_nothing_and_its_rows_go(partner: Partner, receiver: Receiver) -> None:
    hook = partner.webhook(receiver.url)
    hook.ask("DELETE")
    with db.transaction() as session:
        values = dict(partner_id=partner.id, webhook_id=hook.id, id=uuid4(), event="x", body="{}", state="waiting",
                      tries=0, tries_before=0, due_at=clock.now(), created_at=clock.now())  # fmt: skip
        session.execute(Delivery.__table__.insert().values(**values))
    assert hook.go() and rows(hook.id) == [] and receiver.arrived == []


def test_a_row_told_while_its_webhook_was_disabled_is_given_up(partner: Partner, receiver: Receiver) -> None:
    hook = partner.webhook(receiver.url)
    hook.ask("PATCH", body={"status": "disabled"})
    with db.transaction() as session:
        values = dict(partner_id=partner.id, webhook_id=hook.id, id=uuid4(), event="x", body="{}", state="waiting",
                      tries=0, tries_before=0, due_at=clock.now(), created_at=clock.now())  # fmt: skip
        session.execute(Delivery.__table__.insert().values(**values))
    hook.go()
    assert (hook.last()["state"], hook.last()["last_error"]) == ("failed", "webhook-disabled")


# --- the end of a worker, and duplicates -----------------------------------------------------------------------------


def test_a_worker_that_dies_between_sending_and_settling_sends_it_again_under_the_same_id(
    partner: Partner, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = partner.webhook(receiver.url)
    partner.tell()

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(delivery, "_note", die)
        hook.go()
    assert not hook.is_due(), "the lease holds others off"
    with clock.shifted(delivery.LEASE):
        assert hook.is_due() and hook.go()
    assert len(receiver.arrived) == 2 and len(set(receiver.ids)) == 1
    assert receiver.arrived[0].body == receiver.arrived[1].body
    assert hook.last()["state"] == "delivered"


def test_who_comes_late_does_not_settle_what_another_has_claimed_since(partner: Partner, receiver: Receiver) -> None:
    hook = partner.webhook(receiver.url)
    partner.tell()
    late = delivery._claim(hook.key)
    with clock.shifted(delivery.LEASE):
        assert hook.go()
    delivery._note(late.hook, late.rows[0], sending.Answer(500, "status"))
    assert hook.last()["state"] == "delivered" and hook.last()["last_status"] == 200


def test_a_receiver_that_remembers_ids_does_each_thing_once_in_whatever_order_they_come(
    partner: Partner, receiver: Receiver
) -> None:
    """Failures turn the order round and deliver twice; the id is what holds them together."""
    receiver.answers = lambda number: Answer(500 if number % 2 == 0 else 200)
    hook = partner.webhook(receiver.url)
    for number in range(6):
        partner.tell(admission_id=f"a{number}")
    for hours in range(40):
        with clock.shifted(timedelta(hours=hours)):
            hook.go()
    done = {one.headers["webhook-id"]: json.loads(one.body)["data"]["admission_id"] for one in receiver.arrived}
    assert sorted(done.values()) == [f"a{number}" for number in range(6)]
    assert len(receiver.arrived) > 6 and {one["state"] for one in hook.log()} == {"delivered"}


def test_what_a_stopping_worker_has_not_sent_is_given_back_untouched(partner: Partner, receiver: Receiver) -> None:
    hook = partner.webhook(receiver.url)
    for _ in range(3):
        partner.tell()
    delivery.turn(hook.key, stopped=lambda: len(receiver.arrived) >= 1)
    assert len(receiver.arrived) == 1
    waiting = [one for one in hook.log() if one["state"] == "waiting"]
    assert [one["tries"] for one in waiting] == [0, 0] and hook.is_due()


def test_what_nobody_answers_ends_the_turn_and_costs_the_others_no_try(partner: Partner, receiver: Receiver) -> None:
    receiver.answers = lambda _: Answer(drop=True)
    hook = partner.webhook(receiver.url)
    for _ in range(4):
        partner.tell()
    assert not hook.go()
    assert sorted(one["tries"] for one in hook.log()) == [0, 0, 0, 1]


# --- secrets, and what is forgotten ------------------------------------------------------------------------------


def test_while_a_secret_is_replaced_both_sign_and_afterwards_the_new_one_alone(
    partner: Partner, receiver: Receiver
) -> None:
    hook = partner.webhook(receiver.url)
    answer = hook.ask("POST", "/secret", {"overlap_hours": 24})
    new, old = answer.get_json()["secret"], hook.secrets[0]
    for after, signs in ((timedelta(hours=23), [True, True]), (timedelta(hours=24, seconds=1), [True, False])):
        with clock.shifted(after):
            partner.tell()
            hook.go()
            assert [hook.signed(receiver.arrived[-1], secret) for secret in (new, old)] == signs
    assert [len(one.headers["webhook-signature"].split()) for one in receiver.arrived] == [2, 1]


def test_what_is_thirty_days_old_is_forgotten_with_the_secrets_that_ended(partner: Partner, receiver: Receiver) -> None:
    hook = partner.webhook(receiver.url)
    partner.tell()
    hook.go()
    hook.ask("POST", "/secret", {"overlap_hours": 1})
    with clock.shifted(29 * LATER):
        partner.tell()
        jobs.forget(clock.today())
    assert len(rows(hook.id)) == 2 and len(hook.view()["secrets"]) == 1
    with clock.shifted(31 * LATER):
        assert "deliveries" in jobs.forget(clock.today())
    assert len(rows(hook.id)) == 1
