"""The good calls of the routes about parking by plate."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from backend.kit import clock
from backend.perks import coupons
from tests.factories import accounts as people
from tests.parking import conftest as parking


class ParkingCalls:
    """A part of ``World``: each method makes what the call of its name needs. Plates are of drivers of their own, for
    a person has five at most."""

    tokens: dict[str, str]
    resident: people.Resident

    def the_park(self, session: Session) -> parking.CarPark:
        """The world's car park, and its operator's device."""
        if not hasattr(self, "_park"):
            self._park = parking.car_park(session)
            self.tokens |= {"car park": self._park.token, "other car park": self.tokens["other device"]}
        return self._park

    def _driver(self, session: Session) -> parking.Driver:
        made = parking.driver(session, self.the_park(session))
        self.tokens["driver"] = people.resident_token(session, made.who)
        self.tokens.setdefault("other driver", people.resident_token(session, people.resident(session)))
        return made

    def _register_plate(self, session: Session) -> dict[str, Any]:
        self._driver(session)
        return {"who": "driver", "body": {"plate": parking.plate()}}

    def _remove_plate(self, session: Session) -> dict[str, Any]:
        return {"who": "driver", "params": {"plate_id": self._driver(session).plate_id}}

    def _set_plate_operator(self, session: Session) -> dict[str, Any]:
        made, partner_id = self._driver(session), self.the_park(session).shop.partner_id
        return {
            "who": "driver", "params": {"plate_id": made.plate_id, "partner_id": partner_id},
            "body": {"granted": True, "text_version": parking.version(session)},
        }  # fmt: skip

    def _confirm_plate(self, session: Session) -> dict[str, Any]:
        self.the_park(session)
        made = parking.registered(session, people.resident(session))
        code = coupons.presentation_code(session, made.id).text
        return {"who": "car park", "body": {"plate": made.plate, "code": code}}

    def _operated(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"who": "car park", "body": body, "sign": partial(parking.signature, self._park.device)}

    def _ask_parking_entitlement(self, session: Session) -> dict[str, Any]:
        return self._operated({"plate": self._driver(session).plate})

    def _report_parking_entry(self, session: Session) -> dict[str, Any]:
        at = (clock.now() - timedelta(minutes=5)).isoformat()
        return self._operated({"plate": self._driver(session).plate, "entered_at": at, "ticket": parking.new_ticket()})

    def _report_parking_exit(self, session: Session) -> dict[str, Any]:
        made, park = self._driver(session), self.the_park(session)
        ticket = parking.entered(session, park, made.plate)
        exit_ = {"ticket": ticket, "exited_at": clock.now().isoformat(), "fee_fen": 800}
        return self._operated({**exit_, "offer_id": str(park.offer_id)})
