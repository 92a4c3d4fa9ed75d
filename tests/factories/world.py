"""A small world in which every route has one call that succeeds, and everyone else who might try it.

``World.call("redeem")`` makes whatever the call needs (an offer, points) and returns the call of its rightful caller;
the house's tests then spoil it, send it as somebody else, or send it as it is to prove that it was good.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from backend.accounts import rules as account_rules
from backend.accounts import service as accounts
from backend.app import BLUEPRINTS
from backend.codes import service as codes
from backend.community import service as community
from backend.community import submissions
from backend.community.models import Community
from backend.community.rules import community_id
from backend.consents import service as consents
from backend.delegation import service as delegation
from backend.devices import service as devices
from backend.identity import service as identity
from backend.kit import city, clock, db, files, trail
from backend.ledger import service as ledger
from backend.messages import inbox
from backend.oversight import service as oversight
from backend.perks import coupons
from backend.perks import service as perks
from backend.privacy import service as privacy
from backend.proofs import service as proofs
from backend.web import callers
from tests.community.pictures import picture
from tests.declarations import conftest as declaring
from tests.factories import accounts as people
from tests.factories import guardians
from tests.factories import perks as shops
from tests.factories.approval_calls import ApprovalCalls
from tests.factories.batch_calls import BatchCalls
from tests.factories.booking_calls import BookingCalls
from tests.factories.coupon_calls import CouponCalls
from tests.factories.declaration_calls import DeclarationCalls
from tests.factories.door_calls import DoorCalls
from tests.factories.modelling_calls import ModellingCalls
from tests.factories.obligation_calls import ObligationCalls
from tests.factories.parking_calls import ParkingCalls
from tests.factories.partner_calls import PartnerCalls
from tests.factories.publicity_calls import PublicityCalls
from tests.factories.record_calls import SOURCE, RecordCalls
from tests.factories.settlement_calls import SettlementCalls
from tests.factories.staff_calls import StaffCalls
from tests.factories.webhook_calls import WebhookCalls
from tests.merchants.conftest import registered
from tests.oidc_server import OidcServer
from tests.wechat_server import WechatServer, synthetic_phone

HOME, ELSEWHERE = community_id("dongshan-demo"), community_id("hengxi-demo")
KIND_OF = {
    "community-worker": "community", "partner-manager": "partner", "data-officer": "department",
    "market-manager": "market",
}  # fmt: skip
STAFF = tuple(account_rules.ROLES)
OPERATIONS = sorted(name for blueprint in BLUEPRINTS for name in blueprint._docs)
"""Every operation of the API by its ``operationId``."""

_NOTED = {name: (method, doc) for blueprint in BLUEPRINTS for name, docs in blueprint._docs.items()
          for method, doc in docs.items() if method != "parameters"}  # fmt: skip
PERMISSION_OF: dict[str, str] = {name: doc["manual_doc"]["x-permission"] for name, (_, doc) in _NOTED.items()}
METHOD_OF: dict[str, str] = {name: method.upper() for name, (method, _) in _NOTED.items()}
GUARDED = [name for name in OPERATIONS if PERMISSION_OF[name] != "public"]


@dataclass(frozen=True)
class Call:
    """One request. ``who`` is the label of its rightful caller; ``secrets``: what only that caller may ever see.

    ``sign``: the headers by which its caller's device signs (method, path, key, body).
    """

    name: str
    who: str | None
    method: str
    path: str
    params: Mapping[str, object] = field(default_factory=dict)
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    upload: bool = False
    keyed: bool = False
    sign: Callable[[str, str, str, bytes], dict[str, str]] | None = None
    secrets: tuple[object, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def url(self, **changed: object) -> str:
        return self.path.format(**{**self.params, **changed})

    def send(
        self, client: FlaskClient, token: str | None, key: object = None, params: Mapping[str, object] | None = None
    ) -> TestResponse:
        """Send it as it is, with ``token``; with a fresh key where one is needed."""
        given: dict[str, Any] = {"query_string": dict(self.query)} if self.query else {}
        if self.upload:
            given["data"] = {"file": (picture(), "picture.png")}
        elif self.body is not None:
            given["json"] = self.body
        headers = {**self.headers, **({"Authorization": f"Bearer {token}"} if token else {})}
        if self.keyed:
            headers["Idempotency-Key"] = str(key or uuid4())
        if self.sign is not None:
            sent = given["data"] = json.dumps(given.pop("json")).encode()
            headers["Content-Type"] = "application/json"
            headers |= self.sign(self.method, self.url(**(params or {})), headers["Idempotency-Key"], sent)
        return client.open(self.url(**(params or {})), method=self.method, headers=headers, **given)


class World(
    StaffCalls, ApprovalCalls, RecordCalls, BatchCalls, PublicityCalls, DeclarationCalls, ModellingCalls, CouponCalls,
    DoorCalls, PartnerCalls, SettlementCalls, ObligationCalls, WebhookCalls, BookingCalls, ParkingCalls,
):  # fmt: skip
    """People, organisations, devices, and what belongs to the first resident. Committed, for HTTP."""

    def __init__(
        self, document: Mapping[str, Any], wechat: WechatServer, identity_provider: OidcServer, base_url: str
    ) -> None:
        self.wechat, self.identity_provider, self.base_url = wechat, identity_provider, base_url
        self.operations = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
            if method in ("get", "post", "put", "patch", "delete")
        }
        self.tokens: dict[str, str] = {}
        self.staff: dict[str, people.Staff] = {}
        with db.transaction() as session:
            codes.ensure_keys(session, "320115")
            self._residents(session)
            self._staff(session)
            self._doors(session)
            self.merchant_code = registered(session).public_code
            self._belongings(session)
            self.deadlines = city.get(session, "deadlines").content

    # --- who there is ------------------------------------------------------------------------------------------------

    def _residents(self, session: Session) -> None:
        self.resident, self.neighbour = people.resident(session), people.resident(session)
        for label, who in (("resident", self.resident), ("neighbour", self.neighbour)):
            self.tokens[label] = people.resident_token(session, who)
            consents.give_for_many(session, [who.resident_id], "community")
            consents.set_consent(session, who.resident_id, "score", True, self._text_version(session, "score"))
            community.sign_covenant(session, who.resident_id, HOME, shops.act(who.resident_id))
        self.tokens["unbound"] = people.unbound_token(session)

    def _staff(self, session: Session) -> None:
        home, elsewhere = self._organisation_of(session, HOME), self._organisation_of(session, ELSEWHERE)
        ledger.grant_budget(session, home, clock.today(), 100_000, None)
        self.community_organisation = home
        for role in STAFF:
            kind = KIND_OF.get(role, "office")
            source = [SOURCE] if role == "data-officer" else []
            own = home if kind == "community" else self._workplace(session, role, kind, *source)
            other = elsewhere if kind == "community" else self._workplace(session, role, kind)
            for label, where in ((role, own), (f"other {role}", other)):
                self.staff[label] = people.staff(session, role, where)
                self.tokens[label] = people.staff_token(session, self.staff[label])

    @staticmethod
    def _workplace(session: Session, role: str, kind: str, *sources: str) -> UUID:
        """A partner's has a credit code; a data officer's own is a source of the catalogue."""
        if role == "partner-manager":
            return declaring.organisation(session, kind, "测试单位", declaring.credit_code())
        return people.organisation(session, kind, *sources)

    def _doors(self, session: Session) -> None:
        self.shop, self.other_shop = shops.shop(session, price_points=5, uses=2), shops.shop(session)
        for label, shop in (("device", self.shop), ("other device", self.other_shop)):
            self.tokens[label] = accounts.open_session(session, "device", shop.door.device_id).access_token

    def _belongings(self, session: Session) -> None:
        """What the resident has and nobody else may see."""
        mine = self.resident.resident_id
        shops.give_points(session, mine, 1_000)
        self.coupon_id = self.new_coupon(session)
        self.photo_id = self.new_photo(session, mine)
        self.submission_id = self.new_submission(session, self.photo_id)
        self.declaration = declaring.declared(session, self.declarer, "NP-SEL-01")
        self.record_id = self.new_record(session)
        (self.transfer_id, *_) = (entry.id for entry in ledger.entries(session, mine, 1))
        self.secrets = (
            mine, self.resident.account_id, self.resident.name, self.resident.id_number, self.resident.openid,
            self.coupon_id, self.photo_id, self.submission_id, self.transfer_id, self.record_id,
            self.declaration.id,
        )  # fmt: skip

    @staticmethod
    def _organisation_of(session: Session, community: UUID) -> UUID:
        found: UUID = session.execute(select(Community.organisation_id).where(Community.id == community)).scalar_one()
        return found

    @staticmethod
    def _text_version(session: Session, purpose: str) -> str:
        return consents.purpose_called(session, purpose).text_version

    # --- what is made on the way -------------------------------------------------------------------------------------

    def new_coupon(self, session: Session) -> UUID:
        mine = self.resident.resident_id
        coupon_id: UUID = perks.redeem(session, mine, self.shop.offer_id, shops.act(mine)).coupon.id
        return coupon_id

    @staticmethod
    def new_photo(session: Session, owner: UUID) -> UUID:
        return files.save_image(session, owner, picture(), max_bytes=10**6, max_pixels=10**6)

    def new_submission(self, session: Session, *photos: UUID) -> UUID:
        mine = self.resident.resident_id
        deed = submissions.NewSubmission("elder-care", clock.now(), "陪邻居去医院", photos, community_id=HOME)
        return submissions.submit(session, mine, deed, shops.act(mine)).id

    def new_activity(self, session: Session) -> UUID:
        begun = clock.now() - timedelta(minutes=10)
        ends = begun + timedelta(hours=2)
        plan = community.ActivityPlan(HOME, "演示活动", "演示广场", "clean-up-day", begun, ends)
        return community.create_activity(session, uuid4(), "community-worker", plan)

    # --- the calls ---------------------------------------------------------------------------------------------------

    def call(self, name: str) -> Call:
        """The good call of an operation, with everything it needs freshly made."""
        method, path, operation = self.operations[name]
        with db.transaction() as session:
            needs: dict[str, Any] = getattr(self, f"_{name}", lambda _: {})(session)
        keyed = any(p.get("name") == "Idempotency-Key" for p in operation.get("parameters", []))
        who = needs.pop("who", None) or self._rightful(operation["x-permission"])
        return Call(name, who, method, path, keyed=keyed, **{"secrets": self.secrets, **needs})

    def _rightful(self, action: str) -> str | None:
        if action == "public":
            return None
        permission = callers.PERMISSIONS[action]
        if "resident" in permission.kinds:
            return "resident"
        return "device" if "device" in permission.kinds else min(permission.roles, key=STAFF.index)

    def _sign_in_wechat(self, _: Session) -> dict[str, Any]:
        return {"body": {"code": self.wechat.world.make_code("login", people.openid())}}

    def _sign_in_staff(self, session: Session) -> dict[str, Any]:
        who = people.staff(session)
        return {"body": {"username": who.username, "password": people.PASSWORD, "otp": who.otp()}}

    def _give_device_nonce(self, session: Session) -> dict[str, Any]:
        return {"body": {"device_id": str(self.shop.door.device_id)}}

    def _sign_in_device(self, session: Session) -> dict[str, Any]:
        device = people.device(session, self.shop.partner_id, self.shop.venue_id)
        nonce, _ = accounts.give_nonce(device.device_id)
        signature = device.sign(self.base_url, nonce)
        return {"body": {"device_id": str(device.device_id), "nonce": nonce, "signature": signature}}

    def _refresh_tokens(self, session: Session) -> dict[str, Any]:
        grant = accounts.open_session(session, "device", self.shop.door.device_id)
        return {"body": {"refresh_token": grant.refresh_token}}

    def _sign_out(self, session: Session) -> dict[str, Any]:
        self.tokens["leaving"] = people.resident_token(session, self.resident)
        return {"who": "leaving"}

    def _bind_identity(self, session: Session) -> dict[str, Any]:
        openid, name, id_number = people.openid(), people.name(), people.id_number()
        entry = identity.DirectoryEntry(name, id_number, synthetic_phone(openid))
        identity.add_to_directory(session, [entry])
        self.tokens["newcomer"] = accounts.sign_in_wechat(session, people.WechatUser(openid, None)).access_token
        proof = {"kind": "wechat_phone", "value": self.wechat.world.make_code("phone", openid)}
        return {"who": "newcomer", "body": {"name": name, "id_number": id_number, "proof": proof}}

    def _recover_account(self, session: Session) -> dict[str, Any]:
        lost, openid = people.resident(session), people.openid()
        identity.add_to_directory(
            session, [identity.DirectoryEntry(lost.name, lost.id_number, synthetic_phone(openid))]
        )
        self.tokens["new phone"] = accounts.sign_in_wechat(session, people.WechatUser(openid, None)).access_token
        proof = {"kind": "wechat_phone", "value": self.wechat.world.make_code("phone", openid)}
        return {"who": "new phone", "body": {"name": lost.name, "id_number": lost.id_number, "proof": proof}}

    def _lift_pause(self, session: Session) -> dict[str, Any]:
        who = people.paused_resident(session)
        return {"body": {"name": who.name, "id_number": who.id_number}}

    def _read_message(self, session: Session) -> dict[str, Any]:
        return {"params": {"message_id": inbox.write(session, self.resident.resident_id, "pause-lifted")}}

    def _accept_messages(self, _: Session) -> dict[str, Any]:
        return {"body": {"template": "account", "result": "accept"}}

    def _end_delegation(self, session: Session) -> dict[str, Any]:
        made = guardians.guardian(session, people.resident(session), self.resident, kind="ward")
        return {"params": {"delegation_id": made.id}}

    def _register_guardian(self, session: Session) -> dict[str, Any]:
        parent, child = people.resident(session), people.resident(session, date(2016, 5, 4), bound=False)
        return {"body": guardians.body(parent, child)}

    def _find_delegations(self, session: Session) -> dict[str, Any]:
        who = people.resident(session)
        return {"body": {"name": who.name, "id_number": who.id_number}}

    def _end_at_counter(self, session: Session) -> dict[str, Any]:
        child = people.resident(session, date(2016, 5, 4), bound=False)
        made = guardians.guardian(session, people.resident(session), child)
        return {"params": {"resident_id": child.resident_id, "delegation_id": made.id}}

    def _start_helping(self, _: Session) -> dict[str, Any]:
        return {"body": {"card": {"name": people.name(), "id_number": people.id_number()}}}

    def _list_helping(self, session: Session) -> dict[str, Any]:
        who, by = people.resident(session), self.staff["counter-clerk"]
        clerk = delegation.Clerk(by.staff_id, "counter-clerk", by.organisation_id)
        card = delegation.CardProof(who.name, who.id_number)
        delegation.start_helping(session, clerk, card, shops.act(by.staff_id))
        return {}

    def _issue_counter_code(self, _: Session) -> dict[str, Any]:
        return {"body": {"name": people.name(), "id_number": people.id_number()}}

    def _set_consent(self, session: Session) -> dict[str, Any]:
        version = self._text_version(session, "messages")
        return {"params": {"purpose": "messages"}, "body": {"granted": True, "text_version": version}}

    def _person_of_its_own(self, session: Session, label: str) -> people.Resident:
        """Somebody whom a call may change or delete without harm to the others."""
        who = people.resident(session)
        self.tokens[label] = people.resident_token(session, who)
        return who

    def _withdraw_consents(self, session: Session) -> dict[str, Any]:
        who = self._person_of_its_own(session, "withdrawing")
        consents.set_consent(session, who.resident_id, "score", True, self._text_version(session, "score"))
        return {"who": "withdrawing"}

    def _correct_phone(self, session: Session) -> dict[str, Any]:
        who = self._person_of_its_own(session, "correcting")
        return {"who": "correcting", "body": {"code": self.wechat.world.make_code("phone", who.openid)}}

    def _correct_name(self, session: Session) -> dict[str, Any]:
        who, name = self._person_of_its_own(session, "correcting"), people.name()
        code, _ = identity.issue_counter_code(session, name, who.id_number, uuid4())
        return {"who": "correcting", "body": {"name": name, "counter_code": code}}

    def _leave(self, session: Session) -> dict[str, Any]:
        who = self._person_of_its_own(session, "departing")
        told = privacy.notice(session, who.resident_id)
        return {"who": "departing", "body": {"version": told.version, "confirmation": told.confirmation}}

    def _look_at_person(self, _: Session) -> dict[str, Any]:
        return {"body": {
            "id_number": self.resident.id_number, "purpose": "counter-service",
            "authorisation": "演示〔2026〕12号", "fields": ["name", "balance_points"],
        }}  # fmt: skip

    def _grant_budget(self, _: Session) -> dict[str, Any]:
        where = str(self.community_organisation)
        return {"body": {"organisation_id": where, "month": "2026-03", "points": 1, "reason": "演示"}}

    def _read_statement(self, _: Session) -> dict[str, Any]:
        return {"params": {"month": f"{clock.today():%Y-%m}"}}

    _download_statement = _read_statement

    def _propose_reversal(self, session: Session) -> dict[str, Any]:
        mine = self.resident.resident_id
        wrong = ledger.award(
            session, mine, self.community_organisation, 3, "test.award", clock.now(), None, "测试发放", None
        )
        return {"body": {"resident_id": str(mine), "transfer_id": str(wrong.id), "reason": "测试更正"}}

    def _show_covenant(self, _: Session) -> dict[str, Any]:
        return {"params": {"community_id": HOME}}

    def _sign_covenant(self, _: Session) -> dict[str, Any]:
        return {"params": {"community_id": ELSEWHERE}, "body": {"version": "2026.1"}}

    def _announce_activity(self, _: Session) -> dict[str, Any]:
        begins = clock.now() + timedelta(days=1)
        return {"body": {
            "community_id": str(HOME), "title": "议事会", "place": "议事厅", "behaviour": "assembly",
            "starts_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=1)).isoformat(),
        }}  # fmt: skip

    def _show_check_in_code(self, session: Session) -> dict[str, Any]:
        return {"params": {"activity_id": self.new_activity(session)}}

    def _check_in(self, session: Session) -> dict[str, Any]:
        activity = self.new_activity(session)
        shown = community.check_in_code(session, {self.community_organisation}, activity)
        return {"params": {"activity_id": activity}, "body": {"code": shown.text}}

    def _submit_deed(self, session: Session) -> dict[str, Any]:
        photo = self.new_photo(session, self.resident.resident_id)
        return {"body": {
            "behaviour": "elder-care", "happened_at": clock.now().isoformat(), "text": "陪邻居去医院",
            "photo_ids": [str(photo)], "community_id": str(HOME),
        }}  # fmt: skip

    def _show_submission_photo(self, _: Session) -> dict[str, Any]:
        return {"params": {"submission_id": self.submission_id, "file_id": self.photo_id}, "secrets": ()}

    def _review_submission(self, session: Session) -> dict[str, Any]:
        identity = self.new_submission(session)
        return {"params": {"submission_id": identity}, "body": {"decision": "reject", "reason": "测试不通过"}}

    # --- perks -------------------------------------------------------------------------------------------------------

    def _list_offers(self, _: Session) -> dict[str, Any]:
        return {"query": {"scene": "you", "venue": str(self.shop.venue_id)}}

    def _read_offer(self, _: Session) -> dict[str, Any]:
        return {"params": {"offer_id": self.shop.offer_id}}

    def _redeem(self, _: Session) -> dict[str, Any]:
        return {"params": {"offer_id": self.shop.offer_id}, "body": {"slot_starts_at": None}}

    def _read_coupon(self, _: Session) -> dict[str, Any]:
        return {"params": {"coupon_id": self.coupon_id}}

    def _create_coupon_code(self, _: Session) -> dict[str, Any]:
        return {"params": {"coupon_id": self.coupon_id}, "query": {"qr": "svg"}}

    def _cancel_coupon(self, session: Session) -> dict[str, Any]:
        return {"params": {"coupon_id": self.new_coupon(session)}}

    def _create_presentation_code(self, _: Session) -> dict[str, Any]:
        return {"body": {"purpose": "offer"}}

    def _code(self, session: Session) -> str:
        return coupons.coupon_code(session, self.resident.resident_id, self.new_coupon(session)).text

    def _verify_code(self, session: Session) -> dict[str, Any]:
        return {"body": {"code": self._code(session), "offer_id": str(self.shop.offer_id)}}

    def _admit(self, session: Session) -> dict[str, Any]:
        return {"body": {"code": self._code(session), "offer_id": str(self.shop.offer_id)}}

    def _upload_admissions(self, session: Session) -> dict[str, Any]:
        at = (clock.now() + timedelta(seconds=1)).isoformat()
        return {"body": {"admissions": [{"id": str(uuid4()), "code": self._code(session), "at": at}]}}

    def _upload_file(self, _: Session) -> dict[str, Any]:
        return {"upload": True}

    def _show_file(self, _: Session) -> dict[str, Any]:
        return {"params": {"file_id": self.photo_id}}

    def _show_code_status_list(self, _: Session) -> dict[str, Any]:
        return {"params": {"list_id": 0}}

    def _search_looks(self, _: Session) -> dict[str, Any]:
        return {"query": {"actor_id": str(uuid4()), "purpose": "测试"}, "secrets": ()}

    def _search_trail(self, _: Session) -> dict[str, Any]:
        return {"query": {"action": "ledger.budget"}, "secrets": ()}

    def _show_trail_seal(self, session: Session) -> dict[str, Any]:
        trail.note(session, uuid4(), "office", "test.act", "test", "")
        oversight.seal_next(session)
        return {}

    _list_seals = _show_trail_seal

    def _prove_wallet_entry(self, session: Session) -> dict[str, Any]:
        """A line of a day long past, of which nobody else has any, and that day's root."""
        day = date(1990, 1, 1) + timedelta(days=random.randrange(10_000))
        with clock.at(clock.start_of_day(day)):
            ledger.grant_budget(session, self.community_organisation, day, 5, None)
            line = ledger.award(
                session, self.resident.resident_id, self.community_organisation, 5, "test.award", clock.now(), None,
                "发放", None,
            )  # fmt: skip
        self.rooted_on = clock.shanghai_date(line.created_at)
        whole = ledger.ClosedDay(self.rooted_on, len(ledger.transfers_of_day(session, self.rooted_on)), 0)
        proofs.add_parts(session, whole)
        proofs.sign(session, whole)
        return {"params": {"entry_id": line.id}}

    def _read_root(self, session: Session) -> dict[str, Any]:
        self._prove_wallet_entry(session)
        return {"params": {"day": self.rooted_on}, "secrets": ()}

    def _list_roots(self, session: Session) -> dict[str, Any]:
        self._prove_wallet_entry(session)
        return {}

    def _explain_problem(self, _: Session) -> dict[str, Any]:
        return {"params": {"slug": "not-found"}}

    def _merchant(self, _: Session) -> dict[str, Any]:
        return {"params": {"public_code": self.merchant_code}}

    _show_merchant = _show_badge = _show_code_svg = _show_code_png = _show_poster = _merchant

    # --- devices -----------------------------------------------------------------------------------------------------

    def _create_enrolment_code(self, session: Session) -> dict[str, Any]:
        venue_id = shops.venue(session, self.staff["partner-manager"].organisation_id)
        return {"who": "partner-manager", "body": {"venue_id": str(venue_id), "label": "东门一号"}}

    def _enrol_device(self, session: Session) -> dict[str, Any]:
        by = self.staff["account-admin"].staff_id
        given = devices.create_code(session, None, self.shop.venue_id, "东门一号", by, "account-admin")
        return {"body": people.enrolment(self.base_url, given.code)}

    def _own_device(self, session: Session) -> dict[str, Any]:
        made = people.device(session, self.staff["partner-manager"].organisation_id)
        return {"who": "partner-manager", "params": {"device_id": made.device_id}}

    _suspend_device = _restore_device = _retire_device = _own_device

    def _rename_device(self, session: Session) -> dict[str, Any]:
        return {**self._own_device(session), "body": {"label": "西门二号"}}


def forged(claims: Mapping[str, Any], header: Mapping[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand, with any header and any signature."""
    parts = [json.dumps(part, default=str).encode() for part in (header, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in [*parts, signature])
