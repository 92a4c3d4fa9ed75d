"""The front of this room: what routes and other rooms call. Each verb is explained where it is defined."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.kit.db import Reader
from backend.kit.errors import FieldError
from backend.messages import acceptances, delivery, rules
from backend.messages.acceptances import accept
from backend.messages.delivery import deliver
from backend.messages.inbox import messages, read_message, unread, write
from backend.messages.news import (
    on_declaration_decided,
    on_delegation_ended,
    on_delegation_registered,
    on_obligation,
    on_pause_lifted,
    on_points_ending,
    on_recovered,
    on_reviewed,
)

__all__ = [
    "accept",
    "deliver",
    "known_template",
    "lint_city",
    "messages",
    "on_declaration_decided",
    "on_delegation_ended",
    "on_delegation_registered",
    "on_obligation",
    "on_pause_lifted",
    "on_points_ending",
    "on_recovered",
    "on_reviewed",
    "read_message",
    "templates",
    "unread",
    "write",
]


def lint_city(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``city.toml`` that the composition root registers."""
    return rules.lint_templates(content.get("messages", {}).get("templates", {}))


def templates(reader: Reader, account_id: UUID) -> list[dict[str, Any]]:
    """The city's templates, with how many acceptances an account holds of each."""
    return [
        dict(template=name, title=rules.TEMPLATES[name], template_id=known["id"],
             unspent=acceptances.unspent(reader, account_id, name))
        for name, known in sorted(delivery.templates(reader).items())
    ]  # fmt: skip


def known_template(reader: Reader, template: str) -> None:
    """Raise FieldError unless the city has this template."""
    if template not in delivery.templates(reader):
        raise FieldError.at("/template", "没有这个消息模板。", "There is no such template.")
