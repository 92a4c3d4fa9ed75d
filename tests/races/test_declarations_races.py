"""Declarations decided, taken back and handed in at the same moment, with real commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from backend.declarations import desk, service
from backend.declarations.errors import AlreadyDeclared, DeclarationDecided, TooManyDeclarations
from backend.declarations.service import Declarer
from backend.declarations.shelves import PEOPLE
from backend.kit import db
from backend.records import service as records
from tests.declarations.conftest import act, adult, declared, new, officer
from tests.races.barrier import at_once

Act = Callable[[Session], Any]


def handed_in() -> tuple[Declarer, service.View]:
    with db.transaction() as session:
        who = adult(session)
        return who, declared(session, who)


def decision(one: service.View, word: str = "confirm") -> Act:
    with db.transaction() as session:
        by = officer(session)
    operation = act(by.account_id)
    return lambda session: desk.decide(session, by, one.id, word, "与登记相符", operation)


def archive(who: Declarer) -> list[str]:
    with db.reading() as reader:
        return [record.status for record in records.records_of(reader, who.key)]


def test_of_many_who_confirm_at_once_one_does_and_one_record_is_made(city: dict[str, Any]) -> None:
    who, one = handed_in()
    results = at_once([decision(one) for _ in range(6)])
    assert sum(isinstance(result, desk.Decided) for result in results) == 1, results
    assert sum(isinstance(result, DeclarationDecided) for result in results) == 5, results
    assert archive(who) == ["active"]


def test_confirming_and_rejecting_at_once_leave_one_outcome(city: dict[str, Any]) -> None:
    who, one = handed_in()
    confirmed, rejected = at_once([decision(one), decision(one, "reject")])
    assert isinstance(confirmed, desk.Decided) != isinstance(rejected, desk.Decided)
    assert archive(who) == (["active"] if isinstance(confirmed, desk.Decided) else [])


def test_a_confirmation_and_a_withdrawal_at_once_leave_nothing_that_counts(city: dict[str, Any]) -> None:
    who, one = handed_in()
    taking = act(who.key)
    confirmed, taken = at_once([decision(one), lambda session: service.withdraw(session, who, one.id, taking)])
    assert isinstance(taken, service.View) and taken.status == "withdrawn"
    assert archive(who) == (["withdrawn"] if isinstance(confirmed, desk.Decided) else [])
    with db.reading() as reader:
        assert service.declaration(reader, PEOPLE, [who.key], one.id).status == "withdrawn"


def test_the_same_document_handed_in_many_times_at_once_is_declared_once(city: dict[str, Any]) -> None:
    with db.transaction() as session:
        who = adult(session)
        requests = [new(session, who) for _ in range(6)]
    results = at_once(
        [lambda session, sent=sent: service.declare(session, who, sent, act(who.key)) for sent in requests]
    )
    assert sum(isinstance(result, service.View) for result in results) == 1, results
    assert sum(isinstance(result, AlreadyDeclared) for result in results) == 5, results


def test_the_limit_of_open_declarations_holds_in_a_crowd(city: dict[str, Any]) -> None:
    with db.transaction() as session:
        who = adult(session)
        requests = [new(session, who, number=number) for number in range(14)]
    results = at_once(
        [lambda session, sent=sent: service.declare(session, who, sent, act(who.key)) for sent in requests]
    )
    assert sum(isinstance(result, service.View) for result in results) == 10, results
    assert sum(isinstance(result, TooManyDeclarations) for result in results) == 4, results
