"""``python -m tests.support.prepare WANTED.json MADE.json``: fill an empty database with the handful that is needed.

It runs as a process of its own with the server's environment, so that the application of the asking process keeps
its own database. Everybody gets an access token, made in process: a sign-in is not what is measured.
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend import app
from backend.codes import service as codes
from backend.consents import service as consents
from backend.demo import archive
from backend.demo.vocabulary import Vocabulary
from backend.kit import city, clock, db, migrations
from backend.ledger import service as ledger
from backend.merchants import service as merchants
from backend.offers import service as shelf
from backend.records import service as records
from config.settings import Settings
from tests.factories import accounts as people
from tests.factories.perks import change_offer, offer_item, shop

CHUNK = 50


@dataclass
class Wanted:
    """What a test needs. Each of ``offers`` is a change of the plain test offer (``tests.factories.perks``); ``staff``
    is a role each.
    """

    residents: int = 1
    points: int = 0
    devices: int = 0
    offers: list[dict[str, Any]] = field(default_factory=list)
    scores: bool = False
    merchants: int = 0
    staff: list[str] = field(default_factory=list)


@dataclass
class Made:
    """What there is: ids and access tokens as text. ``staff``: access tokens, one for each role that was wanted."""

    residents: list[dict[str, str]]
    devices: list[dict[str, str]]
    offers: list[str]
    partner_id: str
    venue_id: str
    merchants: list[str]
    staff: list[str]

    @classmethod
    def read(cls, path: Path) -> Made:
        return cls(**json.loads(path.read_text("utf-8")))


def prepare(settings: Settings, wanted: Wanted) -> Made:
    """The schema, the city, and what is wanted."""
    app.prepare(settings)
    migrations.upgrade()
    with db.transaction() as session:
        city.load(session, city.read_folder(settings.cities_root / settings.city))
        codes.ensure_keys(session, settings.city)
        issuer = people.organisation(session, "community", "测试社区")
        ledger.grant_budget(session, issuer, clock.today(), max(1, wanted.points * wanted.residents), by=None)
        sold = shop(session)
        offers = _offers(session, sold, wanted.offers)
        devices = [people.device(session, sold.partner_id, sold.venue_id) for _ in range(wanted.devices)]
        staff = [people.staff_token(session, people.staff(session, role)) for role in wanted.staff]
        device_tokens = [people.device_token(session, device) for device in devices]
    residents: list[dict[str, str]] = []
    while len(residents) < wanted.residents:
        with db.transaction() as session:
            count = min(CHUNK, wanted.residents - len(residents))
            residents += [_resident(session, issuer, wanted.points) for _ in range(count)]
    if wanted.scores:
        _scores([UUID(each["id"]) for each in residents])
    return Made(
        residents,
        [{"id": str(d.device_id), "token": token} for d, token in zip(devices, device_tokens, strict=True)],
        offers, str(sold.partner_id), str(sold.venue_id), _merchants(settings, wanted.merchants), staff,
    )  # fmt: skip


def _offers(session: Session, sold: Any, wanted: list[dict[str, Any]]) -> list[str]:
    base = sold.content["offers"][0]
    partner, [venue] = base["partner"], base["venues"]
    sold.content["offers"] = [
        offer_item(f"{base['slug']}-{number}", partner, venue, **changes) for number, changes in enumerate(wanted)
    ]
    if wanted:
        change_offer(session, sold)
    return [str(shelf.offer_id(offer["slug"])) for offer in sold.content["offers"]]


def _resident(session: Session, issuer: UUID, points: int) -> dict[str, str]:
    """A bound adult; the points lie in two lots, a third of them ending first, so that spending crosses lots."""
    who = people.resident(session)
    ends_on = clock.today() + timedelta(days=30)
    for share, ends in ((points // 3, ends_on), (points - points // 3, None)):
        if share:
            ledger.award(session, who.resident_id, issuer, share, "test.award", clock.now(), None, "测试发放", ends)
    return {"id": str(who.resident_id), "token": people.resident_token(session, who), "openid": who.openid}


def _scores(resident_ids: list[UUID]) -> None:
    """The consent and an archive for everybody, and the score that follows."""
    with db.transaction() as session:
        items = {item["code"]: item for item in city.get(session, "catalogue").content["items"]}
        news = list(archive.person_records(random.Random(1), items, resident_ids, clock.today()))
        records.add_records(session, news)
        version = consents.purpose_called(session, "score").text_version
        for resident_id in resident_ids:
            consents.set_consent(session, resident_id, "score", True, version)


def _merchants(settings: Settings, count: int) -> list[str]:
    words = Vocabulary.read(settings.cities_root / settings.city)
    with db.transaction() as session:
        trade = city.get(session, "merchants").content["trades"][0]["id"]
        district = city.get(session, "city").content["districts"][0]["id"]
        news = [
            merchants.NewMerchant(
                words.credit_code(1000 + number, company=False), f"测试商户{number}", "测试路 1 号", district, trade,
                "测试甲", f"测试JY{number:06d}", clock.today() + timedelta(days=300), pledged=True,
            )
            for number in range(count)
        ]  # fmt: skip
        return [one.public_code for one in merchants.register_all(session, news)] if news else []


def main() -> None:
    wanted = Wanted(**json.loads(Path(sys.argv[1]).read_text("utf-8")))
    made = prepare(Settings.from_env(), wanted)
    Path(sys.argv[2]).write_text(json.dumps(asdict(made)), "utf-8")
    db.current().dispose()


if __name__ == "__main__":
    main()
