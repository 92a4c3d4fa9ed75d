"""The kinds of acts that need a second person. The composition root registers them; this room knows none."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.approvals.rules import Actor
from backend.kit.db import Reader

Payload = dict[str, Any]
Described = tuple[Payload, list[str], list[dict[str, Any]]]
"""The payload to freeze; what will happen, line by line, in Chinese; what changes: ``{path, before, after}``."""

Preparer = Callable[[Session, Payload, UUID], Described]
"""Checks a payload and describes it. Raises a DomainError for what cannot be proposed. The id: the proposal's own."""

Executor = Callable[[Session, Payload, UUID, UUID], Payload]
"""Does it, in the decision's own transaction, for (payload, proposal, proposer); what came of it, as JSON.

Raises a DomainError for what cannot be done now; the proposal then stays undecided.
"""


Concerned = Callable[[Reader, Payload, Actor], bool]
"""Whether what is proposed concerns whoever wants to decide it, beyond what its subject tells."""


def _nobody(_reader: Reader, _payload: Payload, _actor: Actor) -> bool:
    return False


@dataclass(frozen=True)
class Kind:
    """``action``: the permission that deciding this kind needs. ``hidden``: names in its payload that nobody is shown;
    for what a kind looked up and must not tell, never for what is to be decided."""

    name: str
    title: str
    action: str
    prepare: Preparer
    execute: Executor
    hidden: frozenset[str] = frozenset()
    concerns: Concerned = _nobody


_kinds: dict[str, Kind] = {}
_person_of: Callable[[Reader, UUID], UUID | None] = lambda _reader, _account: None  # noqa: E731


def executor(
    name: str, title: str, action: str, *, prepare: Preparer, execute: Executor, hidden: Collection[str] = (),
    concerns: Concerned = _nobody,
) -> None:  # fmt: skip
    """Register a kind. Safe to repeat."""
    _kinds[name] = Kind(name, title, action, prepare, execute, frozenset(hidden), concerns)


def known(name: str) -> Kind:
    """The kind of that name. Raises LookupError: the composition root forgot it."""
    return _kinds[name]


def link_persons(person_of: Callable[[Reader, UUID], UUID | None]) -> None:
    """Say how the natural person behind a staff account is found; without it an account is its own person."""
    global _person_of
    _person_of = person_of


def person_of(reader: Reader, account_id: UUID) -> UUID | None:
    return _person_of(reader, account_id)
