"""A partner's own view: its organisation, venues and offers, and what became of an offer from version to version."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from backend.accounts import devices
from backend.accounts import service as accounts
from backend.approvals import policies
from backend.approvals.service import Actor
from backend.declarations.errors import WhichOrganisation
from backend.kit import city
from backend.kit.city import Kept
from backend.kit.db import Reader
from backend.kit.errors import FieldError, NotFound
from backend.offers import service as offers
from backend.partners import models, publishing, rules
from backend.partners.proposals import Own

MOST_DEVICES = 1_000


def own(reader: Reader, organisations: Collection[UUID], named: UUID | None, by: Actor) -> Own:
    """On whose behalf a manager acts: the one that she names, or the only one. Raises NotFound, WhichOrganisation."""
    if named is not None and named not in organisations:
        raise NotFound("没有这个单位。", "There is no such organisation.")
    if named is None and len(organisations) != 1:
        raise WhichOrganisation(organisation_ids=sorted(str(one) for one in organisations))
    where = accounts.organisation(reader, named or next(iter(organisations)))
    return Own(where.id, where.slug, by)


def shown(reader: Reader, mine: Own) -> dict[str, Any]:
    """The organisation with its venues and offers as the latest version has them, and counts of what else there is."""
    where, base = accounts.organisation(reader, mine.organisation_id), publishing.latest(reader)
    table = models.proposals.c
    still = (table.organisation_id == where.id, table.open_key.is_not(None))
    enrolled = devices.devices(reader, [where.id], MOST_DEVICES)
    partner = rules.item_of(base.content, "partners", where.slug)
    return {
        **vars(where), "is_partner": partner is not None, "policy_version": base.version,
        "venues": [{**one, "id": offers.venue_id(one["slug"])} for one in _items(base, "venues", where.slug)],
        "offers": [
            {"id": offers.offer_id(one["slug"]), "status": "open", **one, "item": one}
            for one in _items(base, "offers", where.slug)
        ],
        "devices_active": sum(one.status == "active" for one in enrolled),
        "devices_suspended": sum(one.status == "suspended" for one in enrolled),
        "proposals_open": reader.execute(select(func.count()).select_from(models.proposals).where(*still)).scalar(),
    }  # fmt: skip


def _items(base: city.Policy, key: str, slug: str) -> list[dict[str, Any]]:
    return rules.own_items(base.content, key, slug)


# --- from version to version ---------------------------------------------------------------------------------------


def versions(reader: Reader, mine: Own, offer_id: UUID, limit: int, before: str | None = None) -> list[dict[str, Any]]:
    """Up to ``limit`` versions of the city's file that changed one of the partner's offers, the newest first, those
    before a version. Raises NotFound, for another partner's offer too."""
    row = offers.offer(reader, offer_id).row
    if row.partner_id != mine.organisation_id:
        raise NotFound()
    kept = [one for one in city.kept_versions(reader) if one.kind == publishing.KIND]
    names = [one.version for one in kept]
    if before is not None and before not in names:
        raise FieldError.at("/query/cursor", "不是本接口给出的游标。", "Not a cursor of ours.")
    start = names.index(before) + 1 if before else 0
    found = []
    for one in _changing(reader, kept[start:], row.slug):
        found.append(one)
        if len(found) == limit:
            break
    return _with_proposers(reader, found, row.slug)


def _changing(reader: Reader, kept: list[Kept], slug: str) -> Iterator[dict[str, Any]]:
    """The versions in which the offer is another than in the one before; each content is read once."""
    item = _item(reader, kept[0], slug) if kept else None
    for at, one in enumerate(kept):
        former = _item(reader, kept[at + 1], slug) if at + 1 < len(kept) else None
        if item != former:
            told = {"version": one.version, "effective_on": one.effective_on, "published_at": one.loaded_at}
            act = "added" if former is None else "removed" if item is None else "changed"
            yield {**told, "act": act, "changes": policies.difference(former or {}, item or {})}
        item = former


def _item(reader: Reader, kept: Kept, slug: str) -> dict[str, Any] | None:
    return rules.item_of(city.version(reader, kept.kind, kept.version).content, "offers", slug)


def _with_proposers(reader: Reader, found: list[dict[str, Any]], slug: str) -> list[dict[str, Any]]:
    """Who proposed each: a colleague of the partner's by name, or the office."""
    table = models.proposals.c
    this = (table.policy_version.in_([one["version"] for one in found]), table.slug == slug, table.kind != "venue")
    columns = (table.policy_version, table.id, table.proposed_by)
    by = {row.policy_version: row for row in reader.execute(select(*columns).where(*this))}
    names = accounts.display_names(reader, {row.proposed_by for row in by.values()})
    return [
        {
            **one, "proposed_by": "partner" if one["version"] in by else "office",
            "proposal_id": by[one["version"]].id if one["version"] in by else None,
            "proposer": names.get(by[one["version"]].proposed_by, "") if one["version"] in by else "",
        }
        for one in found
    ]  # fmt: skip
