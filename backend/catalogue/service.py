"""The catalogue in force, and whose items are whose."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from backend.accounts import service as accounts
from backend.catalogue import linter
from backend.catalogue.rules import Field, Identity, Item, identity_columns, items_of, normal_head
from backend.kit import city
from backend.kit.db import Reader
from backend.kit.errors import NotFound

__all__ = ["Field", "Identity", "Item", "identity_columns", "normal_head"]

DEPARTMENT = "department"


def lint_policy(content: dict[str, Any], contents: dict[str, dict[str, Any]]) -> list[str]:
    """The check of ``catalogue.toml`` that the composition root registers."""
    return linter.catalogue_problems(content, contents)


def items(reader: Reader) -> dict[str, Item]:
    """The catalogue's items in force today, by code."""
    policy = city.get(reader, "catalogue")
    known = _items_by_version.get(id(policy))
    if known is None or known[0] is not policy:
        known = _items_by_version[id(policy)] = (policy, items_of(policy.content))
    return known[1]


_items_by_version: dict[int, tuple[city.Policy, dict[str, Item]]] = {}


def version(reader: Reader) -> str:
    """The version of the catalogue in force today."""
    return city.get(reader, "catalogue").version


def item(reader: Reader, code: str) -> Item:
    """One item in force today. Raises NotFound."""
    found = items(reader).get(code)
    if found is None:
        raise NotFound("目录中没有这一条目。", "The catalogue has no such item.")
    return found


def departments(reader: Reader, organisation_ids: Collection[UUID]) -> dict[UUID, str]:
    """Those of the organisations that are departments, and their names as the catalogue calls them."""
    found = [accounts.organisation(reader, organisation_id) for organisation_id in sorted(organisation_ids)]
    return {one.id: one.name for one in found if one.kind == DEPARTMENT}


def items_of_departments(reader: Reader, organisation_ids: Collection[UUID]) -> dict[str, Item]:
    """The items that one of these organisations reports: a department by the name in ``source_departments``."""
    names = set(departments(reader, organisation_ids).values())
    return {code: item for code, item in items(reader).items() if names.intersection(item.source_departments)}
