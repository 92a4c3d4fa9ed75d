"""The good calls of the routes by which staff come in, sign in and are administered."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from uuid import UUID, uuid4

import pyotp
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.kit import clock
from backend.kit.ids import NIL
from backend.staff import invitations, oidc, oidc_links, otp
from backend.staff.orders import Orderer
from tests.factories import accounts as people
from tests.oidc_server import OidcServer

BROWSER_KEY = "a key that stays in one browser, for tests"


class StaffCalls:
    """A part of ``World``: each method makes what the call of its name needs."""

    identity_provider: OidcServer
    resident: people.Resident
    tokens: dict[str, str]
    invitation_id: UUID
    colleague: people.Staff

    def _invited(self, session: Session) -> str:
        where = people.organisation(session)
        invited = invitations.Invited(f"i{uuid4().hex[:10]}", "测试新同事", [("office", where)])
        made = invitations.invite(session, Orderer(NIL, "command-line"), invited)
        self.invitation_id = made.id
        return made.link.partition("#join=")[2]

    def _open_invitation(self, session: Session) -> dict[str, Any]:
        return {"body": {"token": self._invited(session), "password": people.PASSWORD}}

    def _accept_invitation(self, session: Session) -> dict[str, Any]:
        token = self._invited(session)
        shown = invitations.begin(session, token, people.PASSWORD)["authenticator"]
        code = str(pyotp.TOTP(shown["totp_secret"]).at(clock.now()))
        return {"body": {"token": token, "password": people.PASSWORD, "otp": code}}

    def _start_oidc(self, _: Session) -> dict[str, Any]:
        return {"body": {"browser_key_hash": browser_key_hash(BROWSER_KEY)}}

    def _sign_in_oidc(self, session: Session) -> dict[str, Any]:
        drawn, provider = oidc.Secrets.fresh(), oidc.provider()
        url = provider.authorization_url(drawn.state, drawn.nonce, drawn.verifier)
        oidc.start(session, drawn, browser_key_hash(BROWSER_KEY), None, url)
        subject = uuid4().hex
        oidc_links.link(session, people.staff(session).staff_id, provider.settings.issuer, subject)
        return {"body": {**self.identity_provider.authorize(url, subject), "browser_key": BROWSER_KEY}}

    def _end_own_session(self, session: Session) -> dict[str, Any]:
        assert self.resident.account_id
        other = accounts.open_session(session, "resident", self.resident.account_id).who.session_id
        return {"params": {"session_id": other}}

    def _end_other_sessions(self, session: Session) -> dict[str, Any]:
        self.tokens["loner"] = people.resident_token(session, people.resident(session))
        return {"who": "loner"}

    def _proof(self, session: Session) -> dict[str, Any]:
        colleague = people.staff(session)
        self.tokens["colleague"] = people.staff_token(session, colleague)
        self.colleague = colleague
        return {"who": "colleague", "body": {"password": people.PASSWORD, "otp": colleague.otp()}}

    _renew_recovery_codes = _begin_authenticator = _proof

    def _change_password(self, session: Session) -> dict[str, Any]:
        proof = self._proof(session)
        code = proof["body"]["otp"]
        body = {"old_password": people.PASSWORD, "new_password": "another long sentence 26", "otp": code}
        return {**proof, "body": body}

    def _confirm_authenticator(self, session: Session) -> dict[str, Any]:
        self._proof(session)
        shown = otp.show_new_secret(session, self.colleague.staff_id, self.colleague.username)
        return {"who": "colleague", "body": {"otp": str(pyotp.TOTP(shown.totp_secret).at(clock.now()))}}

    def _invite_staff(self, session: Session) -> dict[str, Any]:
        role = {"role": "office", "organisation_id": str(people.organisation(session))}
        identity = {"name": people.name(), "id_number": people.id_number()}
        name = f"i{uuid4().hex[:10]}"
        return {"body": {"username": name, "display_name": "测试新同事", "roles": [role], "identity": identity}}

    def _revoke_invitation(self, session: Session) -> dict[str, Any]:
        self._invited(session)
        return {"params": {"invitation_id": self.invitation_id}}

    def _member(self, session: Session) -> dict[str, Any]:
        return {"params": {"staff_id": people.staff(session).staff_id}}

    _read_staff = _suspend_staff = _lift_suspension = _list_staff_sessions = _end_staff_sessions = _member

    def _set_staff_roles(self, session: Session) -> dict[str, Any]:
        role = {"role": "auditor", "organisation_id": str(people.organisation(session))}
        return {**self._member(session), "body": {"roles": [role]}}

    def _create_reset_link(self, session: Session) -> dict[str, Any]:
        return {**self._member(session), "body": {"authenticator_lost": True}}

    def _link_oidc_subject(self, session: Session) -> dict[str, Any]:
        who = people.staff(session, "partner-manager", kind="partner")
        return {"params": {"staff_id": who.staff_id}, "body": {"subject": uuid4().hex}}

    def _unlink_oidc_subject(self, session: Session) -> dict[str, Any]:
        call = self._member(session)
        oidc_links.link(session, call["params"]["staff_id"], oidc.provider().settings.issuer, uuid4().hex)
        return call

    def _end_staff_session(self, session: Session) -> dict[str, Any]:
        staff_id = people.staff(session).staff_id
        session_id = accounts.open_session(session, "staff", staff_id).who.session_id
        return {"params": {"staff_id": staff_id, "session_id": session_id}}


def browser_key_hash(key: str) -> str:
    """What a browser shows of its key."""
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()).decode().rstrip("=")
