"""Turns: a slow webhook holds up itself alone, a dead one rests, and whoever waits longest goes first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from backend.kit import jobs as kit_jobs
from backend.webhooks import jobs
from backend.webhooks.jobs import Courier
from tests.webhook_receiver import Answer, Receiver
from tests.webhooks.conftest import Partner


@pytest.fixture
def courier() -> Iterator[Courier]:
    made = Courier(threads=2)
    yield made
    made.settle()


def until(true: Callable[[], bool], step: Callable[[], object] = lambda: None) -> None:
    ends_at = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends_at
        step()
        threading.Event().wait(0.01)


def test_the_worker_has_a_labour_for_it(app: Flask) -> None:
    assert "webhooks" in {one.name for one in kit_jobs.labours()}
    assert "webhooks.forget" in {one.name for one in kit_jobs.registered()}


def test_a_webhook_that_does_not_answer_does_not_hold_up_another(
    partner: Partner, receiver: Receiver, courier: Courier
) -> None:
    with Receiver(answers=lambda _: Answer(hang=True)) as slow:
        stuck, well = partner.webhook(slow.url), partner.webhook(receiver.url)
        for _ in range(12):
            partner.tell()
        until(lambda: len(receiver.arrived) == 12, courier.run)
        assert len(slow.arrived) == 1, "one thread, and one request at a time"
        until(lambda: {one["state"] for one in well.log()} == {"delivered"})
        slow.closing.set()
        courier.settle()
    assert {one["state"] for one in stuck.log()} == {"waiting"}


def test_a_webhook_that_failed_rests_and_comes_back(
    partner: Partner, receiver: Receiver, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answers = lambda number: Answer(drop=number == 0)
    hook = partner.webhook(receiver.url)
    for _ in range(2):
        partner.tell()
    until(lambda: len(receiver.arrived) == 1, courier.run)
    until(lambda: not courier._busy)
    assert hook.is_due()
    for _ in range(5):
        courier.run()
    until(lambda: not courier._busy)
    assert len(receiver.arrived) == 1
    passed = time.monotonic() + jobs.FIRST_REST_SECONDS + 1
    monkeypatch.setattr(jobs.time, "monotonic", lambda: passed)
    courier.run()
    courier.settle()
    assert len(receiver.arrived) == 2 and hook.key not in courier._rests


def test_rests_grow_and_have_an_end(courier: Courier, partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs.delivery, "turn", lambda *_: False)
    key, lengths = jobs.Key(partner.id, partner.id), []
    for _ in range(8):
        courier._turn(key, lambda: False)
        lengths.append(courier._rests[key][1])
    assert lengths == [15, 30, 60, 120, 240, 480, 600, 600]


def test_who_was_served_longest_ago_goes_first(courier: Courier, partner: Partner) -> None:
    first, second, third = (
        jobs.Key(partner.id, one.id) for one in (partner.webhook("http://127.0.0.1:1024/") for _ in range(3))
    )
    assert courier._choose([first, second, third], 2) == [first, second]
    courier._busy.clear()
    assert courier._choose([first, second, third], 1) == [third]


def test_a_turn_that_breaks_frees_its_thread(
    partner: Partner, receiver: Receiver, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = partner.webhook(receiver.url)
    partner.tell()

    def broken(*_: object) -> bool:
        raise OSError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(jobs.delivery, "turn", broken)
        assert courier.run()
        until(lambda: not courier._busy)
    assert hook.key in courier._rests and not courier.run()
