"""Fill an empty installation with the demo city: the same one every time, in seconds, with progress."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy.orm import Session
from tqdm import tqdm

from backend.accounts import service as accounts
from backend.codes import service as codes
from backend.community import points
from backend.community import service as community
from backend.consents import service as consents
from backend.demo import archive, departments, reports, visits
from backend.demo.install import MARK, Demo
from backend.demo.vocabulary import RESIDENTS, Someone, Vocabulary
from backend.identity import service as identity
from backend.kit import city, clock, db
from backend.ledger import service as ledger
from backend.merchants import service as merchants
from backend.offers import service as shelf
from backend.perks import service as perks
from backend.publicity import jobs as publicity
from backend.records import service as records
from backend.scores import service as scores
from backend.staff import service as staff
from config.settings import ROOT

MERCHANTS = 300
UNBOUND_SHOWN = 28
STARTING_POINTS = 500
SPARE_POINTS = 10_000
"""What the office still has to give this month, with two people's consent."""
CHUNK = 250
OFFICE = "programme-office"
T = TypeVar("T")


class Seeder:
    """One run of the seed. Every step commits in small transactions, so that SQLite's one writer is never long away."""

    def __init__(self, demo: Demo, today: date | None = None) -> None:
        with db.reading() as reader:
            self.content = {kind: city.get(reader, kind).content for kind in city.KINDS}
        self.demo = demo
        self.today = today or clock.today()
        self.words = Vocabulary.read(ROOT / "config" / "cities" / self.content["city"]["code"])
        self.people = list(self.words.people(RESIDENTS))
        self.handover: dict[str, Any] = {}
        self.bar = tqdm(
            total=3 * RESIDENTS + 2 * MERCHANTS + RESIDENTS * archive.RECORDS_EACH + 70, unit="项", desc="演示数据"
        )

    def run(self) -> None:
        """Make everything and write the hand-over."""
        self._offices()
        ids = self._residents()
        self._archives(ids)
        self._scores(ids[UNBOUND_SHOWN:-1])
        self._merchants()
        self._staff_and_devices()
        self._visits(ids[UNBOUND_SHOWN:-1])
        self._reports()
        publicity.index_names()
        self._offers()
        self.bar.update(self.bar.total - self.bar.n)
        self.bar.close()
        self._write()

    def _offices(self) -> None:
        code = self.words.credit_code(9000, company=True)
        with db.transaction() as session:
            codes.ensure_keys(session, self.content["city"]["code"])
            accounts.ensure_organisation(session, OFFICE, "office", "信用办公室（演示）")
            accounts.ensure_organisation(session, MARK, "department", "演示部门", code)
            self.officers = departments.ensure(session, self.words)
        self.bar.update(10)

    def _residents(self) -> list[UUID]:
        made: list[UUID] = []
        for chunk in _chunks(self.people, CHUNK):
            with db.transaction() as session:
                made += accounts.ensure_people(session, [(one.name, one.id_number) for one in chunk])
                identity.add_to_directory(
                    session, [identity.DirectoryEntry(one.name, one.id_number, one.phone) for one in chunk]
                )
            self.bar.update(len(chunk))
        self.demo.people_file.write_text(json.dumps({one.openid: one.phone for one in self.people}), "utf-8")
        self._starting_points(made)
        self.handover["residents"] = [_shown(one, index) for index, one in enumerate(self._shown_people())]
        return made

    def _starting_points(self, ids: list[UUID]) -> None:
        """Something to spend at once for the residents of the hand-over, from a budget of the office's own."""
        with db.transaction() as session:
            office = accounts.organisation_by_slug(session, OFFICE).id
            month = self.today.replace(day=1)
            ledger.grant_budget(
                session, office, month, STARTING_POINTS * UNBOUND_SHOWN + SPARE_POINTS, None, "演示起始积分"
            )
            for resident_id in ids[:UNBOUND_SHOWN]:
                ledger.award(
                    session, resident_id, office, STARTING_POINTS, "demo.starting-points", clock.now(), None,
                    "演示：起始积分", None, counterparty="信用办公室（演示）",
                )  # fmt: skip

    def _shown_people(self) -> list[Someone]:
        return self.people[:UNBOUND_SHOWN] + self.people[-1:]

    def _archives(self, ids: list[UUID]) -> None:
        items = {item["code"]: item for item in self.content["catalogue"]["items"]}
        news = list(archive.person_records(self.words.random, items, ids, self.today))
        for chunk in _chunks(news, 2000):
            with db.transaction() as session:
                records.add_records(session, chunk)
            self.bar.update(len(chunk))

    def _scores(self, ids: list[UUID]) -> None:
        """Three in five of those who are nobody's to sign in as have agreed to a score, so that there is a city on
        which a change of the scoring policy can be tried."""
        agreed = [resident_id for place, resident_id in enumerate(ids) if place % 5 < 3]
        for chunk in _chunks(agreed, CHUNK):
            with db.transaction() as session:
                consents.give_for_many(session, chunk, "score")
                scores.recompute_many(session, chunk, "consent")
            self.bar.update(len(chunk))

    def _merchants(self) -> None:
        places, trades = self.content["city"]["districts"], self.content["merchants"]["trades"]
        news = [self._merchant(1000 + n, places, trades) for n in range(MERCHANTS)]
        departments.keep_shops(self.demo, news)
        shown: list[merchants.Registered] = []
        for chunk in _chunks(news, 50):
            with db.transaction() as session:
                registered = merchants.register_all(session, chunk)
                self._licences(session, chunk)
                self._penalties(session, chunk)
                for one in registered:
                    merchants.evaluate(session, one.id)
            shown += registered
            self.bar.update(2 * len(chunk))
        chosen = list(zip(news, shown, strict=True))[: reports.SHOWN_SHOPS]
        self.handover["merchants"] = [{"label": new.name, "public_code": one.public_code} for new, one in chosen]

    def _merchant(self, serial: int, places: Sequence[Any], trades: Sequence[Any]) -> merchants.NewMerchant:
        rng, words = self.words.random, self.words
        place, trade = rng.choice(places), rng.choice(trades)
        lat, lon = words.scattered(place["lat"], place["lon"])
        streets = words.words["addresses"]["streets"]
        street = next((street for street in streets if place["name"].startswith(street)), "")
        return merchants.NewMerchant(
            unified_social_credit_code=words.credit_code(serial, company=False),
            name=f"{words.shop_name(trade['id'])}{words.words['shops']['suffix']}",
            address=words.address(street),
            district_id=place["id"],
            trade_id=trade["id"],
            legal_representative=self.people[serial - 1000].name,
            licence_no=f"演示JY{serial:06d}",
            licence_valid_until_on=self.today + timedelta(days=rng.choice((-30, 200, 700, 1200, 1500))),
            lat=lat,
            lon=lon,
            pledged=rng.random() < 0.8,
        )

    def _licences(self, session: Session, news: Sequence[merchants.NewMerchant]) -> None:
        department = ("演示部门", self.words.credit_code(9000, company=True))
        entries = []
        for new in news:
            assert new.licence_valid_until_on is not None
            code = new.unified_social_credit_code
            found = archive.licence(new.name, code, new.licence_no, new.licence_valid_until_on, department, self.today)
            entries.append((code, new.name, found))
        records.add_entity_records(session, entries)

    def _penalties(self, session: Session, news: Sequence[merchants.NewMerchant]) -> None:
        items = {item["code"]: item for item in self.content["catalogue"]["items"]}
        department = ("演示部门", self.words.credit_code(9000, company=True))
        fined = [new for new in news if self.words.random.random() < 0.15]
        entries = []
        for new in fined:
            code = new.unified_social_credit_code
            serial = int(code[12:16])
            found = archive.penalty(self.words.random, items, new.name, code, department, serial, self.today)
            entries.append((code, new.name, found))
        records.add_entity_records(session, entries)

    def _staff_and_devices(self) -> None:
        with db.transaction() as session:
            office = accounts.organisation_by_slug(session, OFFICE).id
            places = [
                (place["slug"], accounts.organisation_by_slug(session, place["slug"]))
                for place in self.content["community"]["communities"]
            ]
            people = [
                ("office", "信用办工作人员（演示）", [("office", office)]),
                ("office-second", "信用办复核人员（演示）", [("office", office)]),
                ("auditor", "审计员（演示）", [("auditor", office)]),
                ("account-admin", "账号管理员（演示）", [("account-admin", office)]),
                ("counter-clerk", "窗口工作人员（演示）", [("counter-clerk", office)]),
            ]
            people += [
                (f"worker-{slug}", f"{organisation.name}社区工作者", [("community-worker", organisation.id)])
                for slug, organisation in places
            ]
            people += [("partner-manager", "合作方管理员（演示）", [("partner-manager", self._first_partner(session))])]
            people += self.officers
            community.announce_from_file(session, self.today)
            self.handover["staff"] = [_make_staff(session, *one) for one in people]
            points.fund_all(session, self.today)
        with db.transaction() as session:
            self.handover["devices"] = [_make_device(session, place) for place in self.content["perks"]["venues"]]
        self.bar.update(10)

    def _visits(self, ids: list[UUID]) -> None:
        """Of people who are nobody's to sign in as."""
        with db.reading() as reader:
            office = accounts.organisation_by_slug(reader, OFFICE).id
        device_id = UUID(self.handover["devices"][0]["device_id"])
        visits.make(ids, self.content["perks"], office, device_id, self.today)
        self.bar.update(10)

    def _reports(self) -> None:
        """What the departments have sent so far."""
        items = {item["code"]: item for item in self.content["catalogue"]["items"]}
        fresh = Vocabulary.read(ROOT / "config" / "cities" / self.content["city"]["code"])
        reports.report_past(items, fresh, departments.subjects(self.demo, fresh), self.today)
        self.bar.update(10)

    def _first_partner(self, session: Session) -> UUID:
        """The partner of the first venue."""
        return accounts.organisation_by_slug(session, self.content["perks"]["venues"][0]["partner"]).id

    def _offers(self) -> None:
        with db.reading() as reader:
            listed = perks.offers(reader, limit=100)
        self.handover["offers"] = [{"label": o.title, "id": str(o.id), "scene": o.scene} for o in listed]

    def _write(self) -> None:
        part = self.demo.handover_file.with_suffix(".part")
        part.write_text(json.dumps(self.handover, ensure_ascii=False), "utf-8")
        part.chmod(0o600)
        part.replace(self.demo.handover_file)


def run(demo: Demo) -> None:
    """Seed the bound, empty, city-loaded database for ``demo``."""
    Seeder(demo).run()


def refresh(demo: Demo, today: date | None = None) -> None:
    """See to it that each community has an activity open for check-in today, and that the departments' files are of
    today. Safe to repeat at every start."""
    day = today or clock.today()
    with db.transaction() as session:
        community.announce_from_file(session, day, only_same_day=True)
    departments.write_files(demo, demo.department_folder, day)


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _shown(one: Someone, index: int) -> dict[str, str]:
    label = f"演示居民{index + 1:02d}" if index < UNBOUND_SHOWN else "演示未成年人"
    return {"label": label, "openid": one.openid, "name": one.name, "id_number": one.id_number, "phone": one.phone}


def _make_staff(session: Session, username: str, display_name: str, roles: list[tuple[str, UUID]]) -> dict[str, Any]:
    password, secret = secrets.token_urlsafe(15), staff.new_totp_secret()
    staff.create_staff(session, username, password, secret, display_name, roles)
    return {"label": display_name, "username": username, "password": password, "totp_secret": secret,
            "roles": [role for role, _ in roles]}  # fmt: skip


def _make_device(session: Session, place: dict[str, Any]) -> dict[str, Any]:
    partner = accounts.organisation_by_slug(session, place["partner"])
    label = f"{place['name']}核销机"
    private = Ed25519PrivateKey.generate()
    public = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": _b64(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
    }
    device_id = accounts.create_device(session, partner.id, shelf.venue_id(place["slug"]), label, public)
    raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return {"label": label, "device_id": str(device_id), "private_key_jwk": {**public, "d": _b64(raw)}}


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
