"""What the composition root and other rooms ask of this one. Each verb is explained where it is defined."""

from __future__ import annotations

from typing import Any

from backend.partners import colleagues, proposals, publishing, review, rules

__all__ = ["KINDS", "lint_policy"]

KINDS: list[dict[str, Any]] = [
    dict(
        name=review.KIND, title=review.TITLE, action="policies.approve", prepare=publishing.prepare,
        execute=review.execute,
    ),
    dict(
        name=proposals.KIND, title=proposals.TITLE, action="policies.approve", prepare=publishing.prepare,
        execute=proposals.execute, concerns=proposals.concerns,
    ),
    dict(
        name=colleagues.KIND, title=colleagues.TITLE, action="staff.approve", prepare=colleagues.prepare,
        execute=colleagues.execute, concerns=colleagues.concerns,
    ),
]  # fmt: skip
"""What a second person approves of partners: the arguments of ``approvals.executor``."""


def lint_policy(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``[partners]`` in ``city.toml`` that the composition root registers."""
    return rules.lint(content)
