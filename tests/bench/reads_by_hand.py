"""What a request reads, as a good hand would write it in SQL: who asks, a coupon at the door, the first screen.

The checks are the house's own: of the token, of the code, of the name's seal. What is the same for everybody (the
policies, which offers are open) is kept for two seconds, as the house keeps it.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from backend.accounts import tokens
from backend.codes import service as codes
from backend.community.rules import community_id
from backend.kit import city, clock, db, seal
from tests.bench.by_hand import Hand

STANDS = """s.account_id = %s AND s.id = %s AND s.kind = %s AND s.ended_at IS NULL AND s.expires_at > %s"""
RESIDENT = f"""SELECT w.resident_id FROM wechat_accounts w JOIN sessions s ON s.account_id = w.id
WHERE w.status = 'active' AND {STANDS}"""
DEVICE = f"""SELECT d.venue_id FROM devices d JOIN sessions s ON s.account_id = d.id
WHERE d.status = 'active' AND {STANDS}"""
COUPON = """SELECT c.status, c.uses_left, c.valid_until, c.terms, EXISTS (SELECT 1 FROM perks_offer_venues p
JOIN perks_venues v ON v.id = p.venue_id WHERE p.offer_id = c.offer_id AND p.venue_id = %s AND v.status = 'open')
FROM perks_coupons c WHERE c.resident_id = %s AND c.id = %s"""
HOME = """SELECT p.data_key, p.name_sealed, (SELECT COALESCE(SUM(l.remaining_points), 0) FROM ledger_lots l
WHERE l.resident_id = p.resident_id AND l.remaining_points > 0 AND l.expires_on >= %s), k.usable, k.ends, c.granted,
c.text_version, s.value, s.level_id, s.policy_version, s.next_change_on,
p.spending_paused_until, m.community_id
FROM people p
LEFT JOIN (SELECT resident_id, COUNT(*) AS usable, MIN(valid_until) AS ends FROM perks_coupons
  WHERE resident_id = %s AND status = 'issued' AND valid_until > %s GROUP BY resident_id) k
  ON k.resident_id = p.resident_id
LEFT JOIN consents c ON c.resident_id = p.resident_id AND c.purpose = 'score'
LEFT JOIN scores s ON s.resident_id = p.resident_id
LEFT JOIN covenant_signatures m ON m.resident_id = p.resident_id
WHERE p.resident_id = %s AND p.status = 'active'"""
SCENES = "SELECT scene_id, COUNT(*) FROM perks_offers WHERE status = 'open' GROUP BY scene_id"

_kept: dict[str, tuple[float, Any]] = {}


def _keep(name: str, ask: Any) -> Any:
    known = _kept.get(name)
    if known is None or time.monotonic() - known[0] > 2:
        known = _kept[name] = (time.monotonic(), ask())
    return known[1]


def _asks(statement: str, token: str, kind: str) -> Any:
    """The token's check: its signature and claims by the house's rule, its session and account in one statement."""
    claims = tokens.read_access_token(token)
    if claims is None or claims.kind != kind:
        raise LookupError("nobody is signed in")
    values = (claims.account_id, claims.session_id, kind, datetime.now(UTC))
    row = Hand("reading").run(statement, values).fetchone()
    if row is None or row[0] is None:
        raise LookupError("nobody is signed in")
    return row[0] if isinstance(row[0], UUID) else UUID(row[0])


def resident(token: str) -> UUID:
    """The resident behind a token."""
    found: UUID = _asks(RESIDENT, token, "resident")
    return found


def verify(token: str, code: str) -> dict[str, Any]:
    """Whether a coupon's code is good at the venue where the device stands."""
    venue_id = _asks(DEVICE, token, "device")
    with db.reading() as reader:
        claims = codes.read_code(reader, codes.Purpose.COUPON, code)
    row = Hand("reading").run(COUPON, (venue_id, claims.resident_id, claims.subject_id)).fetchone()
    status, uses_left, ends, terms, here = row
    if not here or status != "issued" or uses_left <= 0 or _instant(ends) <= datetime.now(UTC):
        raise LookupError("the floor knows good coupons only")
    told = json.loads(terms) if isinstance(terms, str) else terms
    offer = {name: told[name] for name in ("title", "scene", "kind", "benefit", "benefit_text")}
    return {
        "verdict": "valid", "reason": None, "title": None, "detail": None, "uses_left": uses_left,
        "offer": {"id": str(claims.offer_id), **offer},
    }  # fmt: skip


def _policies() -> dict[str, Any]:
    with db.reading() as reader:
        return {kind: city.get(reader, kind) for kind in ("consents", "scoring", "perks", "community")}


def _scenes(policies: dict[str, Any]) -> list[dict[str, Any]]:
    counts = _keep("scenes", lambda: dict(Hand("reading").run(SCENES, ()).fetchall()))
    known = policies["perks"].content["scenes"]
    return [{"id": each["id"], "name": each["name"], "offers": counts.get(each["id"], 0)} for each in known]


def home(token: str) -> dict[str, Any]:
    """The first screen of a resident who has a score or none."""
    mine, policies, today, now = resident(token), _keep("policies", _policies), clock.today(), datetime.now(UTC)
    rows = Hand("reading").run(HOME, (today, mine, now, mine)).fetchall()
    key, sealed, balance, usable, ends, granted, text, value, level, version, changes, paused, _ = rows[0]
    purposes = {each["id"]: each["text_version"] for each in policies["consents"].content["purposes"]}
    consents = bool(granted) and text == purposes["score"]
    if consents and (version != policies["scoring"].version or (changes and _day(changes) <= today)):
        raise LookupError("the floor knows kept scores only")
    levels = {each["id"]: each["name"] for each in policies["scoring"].content["levels"]}
    name = seal.open(key, sealed, table="people", column="name_sealed", person=mine)
    joined = {str(row[-1]) for row in rows}
    places = [(community_id(each["slug"]), each["name"]) for each in policies["community"].content["communities"]]
    return {
        "bound": True, "name": seal.mask_name(name), "score_consent": consents, "balance_points": int(balance),
        "score": {"value": value, "level_id": level, "level_name": levels[level]} if consents else None,
        "coupons": {"usable": usable or 0, "next_valid_until": _told(ends)},
        "communities": [{"id": str(id_), "name": name} for id_, name in places if {str(id_), id_.hex} & joined],
        "scenes": _scenes(policies),
        "spending_paused_until": _told(paused) if paused and _instant(paused) > now else None,
    }  # fmt: skip


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _instant(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _told(value: Any) -> str | None:
    return None if value is None else _instant(value).astimezone(UTC).isoformat().replace("+00:00", "Z")
