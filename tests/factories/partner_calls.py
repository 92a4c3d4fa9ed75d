"""The good calls of the routes by which partners come in and propose."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.approvals import service as approvals
from backend.approvals.service import Actor
from backend.kit import city, clock
from backend.offers import policy
from backend.partners import applications, cases, colleagues, models, proposals, publishing, rules
from backend.partners.applications import Contact, NewApplication
from backend.partners.proposals import Own, Wish
from tests.declarations.conftest import credit_code
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.support import net

VENUE = {"name": "演示停车场东门", "address": "江宁区演示路 9 号", "lat": 31.95, "lon": 118.84}


class PartnerCalls:
    """A part of ``World``: each method makes what the call of its name needs."""

    staff: dict[str, people.Staff]
    own_slugs: dict[str, str]

    # --- who applies -------------------------------------------------------------------------------------------------

    @staticmethod
    def new_application(session: Session) -> applications.Applied:
        contact = Contact(people.name(), people.phone())
        new = NewApplication(credit_code(), "演示合作单位", contact, [VENUE], ["ting"], "停车首小时免费")
        made = applications.apply(session, shops.act(uuid4()), new)
        net.made("token", made.follow_token)
        return made

    def _apply_as_partner(self, _: Session) -> dict[str, Any]:
        return {"body": {
            "unified_social_credit_code": credit_code(), "name": "演示合作单位", "contact_name": people.name(),
            "contact_phone": people.phone(), "venues": [VENUE], "scenes": ["ting"], "intends": "停车首小时免费",
            "statement_of_truth": True,
        }}  # fmt: skip

    def _followed(self, session: Session, **values: Any) -> dict[str, Any]:
        made = self.new_application(session)
        if values:
            cases.change(session, cases.APPLICATIONS, made.id, **values)
        return {"params": {"application_id": made.id}, "headers": {"X-Follow-Token": made.follow_token}}

    _follow_application = _withdraw_application = _followed

    def _correct_application(self, session: Session) -> dict[str, Any]:
        call = self._followed(session, status="returned")
        row = cases.row(session, cases.APPLICATIONS, call["params"]["application_id"])
        body = {**self._apply_as_partner(session)["body"], "unified_social_credit_code": row.unified_social_credit_code}
        return {**call, "body": {name: value for name, value in body.items() if name != "statement_of_truth"}}

    def _draw_partner_invitation(self, session: Session) -> dict[str, Any]:
        where = people.organisation(session, "partner", "演示合作单位")
        approval_id = self._asked(session, self._own(session, "partner-manager"))[1]
        return self._followed(session, status="approved", organisation_id=where, approval_id=approval_id)

    # --- the office --------------------------------------------------------------------------------------------------

    def _read_partner_application(self, session: Session) -> dict[str, Any]:
        return {"params": {"application_id": self.new_application(session).id}}

    def _decide_partner_application(self, session: Session) -> dict[str, Any]:
        body = {"decision": "approved", "reason": "已核对", "slug": f"p-{uuid4().hex[:12]}"}
        return {**self._read_partner_application(session), "body": body}

    def _read_partner_proposal(self, session: Session) -> dict[str, Any]:
        return {"params": {"proposal_id": self.new_proposal(session)}}

    def _decide_partner_proposal(self, session: Session) -> dict[str, Any]:
        body = {"decision": "approved", "reason": "已核对",
                "settlement": {"settlement_price_fen": 500, "funding_account": ""}}  # fmt: skip
        return {**self._read_partner_proposal(session), "body": body}

    # --- a partner's own ---------------------------------------------------------------------------------------------

    def _own(self, session: Session, label: str) -> Own:
        """The partner of a manager, which the city's file names from now on."""
        who = self.staff[label]
        where = accounts.organisation(session, who.organisation_id)
        if label not in self.__dict__.setdefault("own_slugs", {}):
            self.own_slugs[label] = where.slug
            self._named_by_the_city(session, where)
        return Own(where.id, where.slug, Actor(who.staff_id, "partner-manager"))

    @staticmethod
    def _named_by_the_city(session: Session, where: accounts.Organisation) -> None:
        """As a version of the policy, without closing what the world has put on the shelf by hand."""
        code = where.unified_social_credit_code or credit_code()
        item = {"slug": where.slug, "name": where.name, "unified_social_credit_code": code}
        place = {"slug": f"{where.slug}-1", "partner": where.slug, **VENUE}
        offer = shops.offer_item(f"{where.slug}-0", where.slug, place["slug"])
        change = {"partners": [item], "venues": [place], "offers": [offer]}
        version, day = f"test.{uuid4().hex[:12]}", clock.today()
        content = {**rules.merged(publishing.latest(session).content, change), "version": version,
                   "effective_on": day.isoformat()}  # fmt: skip
        city._keep(session, city.Policy("perks", version, day, content))
        policy.keep(session, version, change)

    def new_offer(self, own: Own) -> dict[str, Any]:
        return shops.offer_item(f"{own.slug}-{uuid4().hex[:8]}", own.slug, f"{own.slug}-1")

    def new_proposal(self, session: Session, label: str = "partner-manager") -> UUID:
        own = self._own(session, label)
        return proposals.propose(session, shops.act(own.by.account_id), own, Wish("offer", self.new_offer(own)))

    def _read_own_partner(self, session: Session) -> dict[str, Any]:
        own = self._own(session, "partner-manager")
        self._own(session, "other partner-manager")
        return {"who": "partner-manager"} if own else {}

    _list_own_proposals = _list_staff_requests = _read_own_partner

    def _propose_offer(self, session: Session) -> dict[str, Any]:
        self._own(session, "other partner-manager")
        return {"body": {"offer": self.new_offer(self._own(session, "partner-manager"))}}

    def _propose_venue(self, session: Session) -> dict[str, Any]:
        self._own(session, "partner-manager"), self._own(session, "other partner-manager")
        return {"body": {"venue": {**VENUE, "name": "演示停车场西门"}}}

    def _own_proposal(self, session: Session) -> dict[str, Any]:
        return {"params": {"proposal_id": self.new_proposal(session)}}

    _read_own_proposal = _withdraw_proposal = _own_proposal

    def _correct_proposal(self, session: Session) -> dict[str, Any]:
        identity = self.new_proposal(session)
        cases.change(session, cases.PROPOSALS, identity, status="returned")
        content = cases.row(session, cases.PROPOSALS, identity).content
        return {"params": {"proposal_id": identity}, "body": {"offer": {**content, "title": "另一个名目"}}}

    def _list_offer_versions(self, session: Session) -> dict[str, Any]:
        own = self._own(session, "partner-manager")
        self._own(session, "other partner-manager")
        return {"params": {"offer_id": policy.offer_id(f"{own.slug}-0")}}

    def _request_staff(self, session: Session) -> dict[str, Any]:
        self._own(session, "partner-manager")
        return {"body": {"username": f"c{uuid4().hex[:10]}", "display_name": "演示同事", "reason": "两班倒"}}

    @staticmethod
    def _asked(session: Session, own: Own) -> tuple[UUID, UUID]:
        """A request for a colleague's account, and its approval."""
        wish = colleagues.Colleague(f"c{uuid4().hex[:10]}", "演示同事", "两班倒")
        identity = colleagues.request(session, shops.act(own.by.account_id), own, wish)
        return identity, colleagues.shown(session, own.organisation_id, identity)["approval_id"]

    def _withdraw_staff_request(self, session: Session) -> dict[str, Any]:
        return {"params": {"request_id": self._asked(session, self._own(session, "partner-manager"))[0]}}

    def _draw_staff_invitation(self, session: Session) -> dict[str, Any]:
        identity, approval_id = self._asked(session, self._own(session, "partner-manager"))
        officer, seen = self.staff["office"].staff_id, approvals.approval(session, approval_id).digest
        by = Actor(officer, "office")
        approvals.decide(session, shops.act(officer), approval_id, by, "approve", "已核对", seen)
        return {"params": {"request_id": identity}}

    @staticmethod
    def make_room_for_proposals(session: Session) -> None:
        """Let what was proposed be closed, so that no limit stands in a test's way."""
        table = models.proposals
        session.execute(update(table).values(status="withdrawn", open_key=None))
