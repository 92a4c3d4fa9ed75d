"""Every room that keeps something about a person, in the order in which they let go of her.

The order is that of the locks: consents and deeds before coupons, coupons before points, the person's own row last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from backend.accounts.personal import KEEPER as ACCOUNTS
from backend.admissions.personal import KEEPER as ADMISSIONS
from backend.batches.personal import KEEPER as BATCHES
from backend.bookings.personal import KEEPER as BOOKINGS
from backend.community.personal import KEEPER as COMMUNITY
from backend.consents.looks import KEPT_YEARS
from backend.consents.personal import KEEPER as CONSENTS
from backend.declarations.personal import KEEPER as DECLARATIONS
from backend.delegation.personal import KEEPER as DELEGATION
from backend.kit import city
from backend.kit.city import CityMissing
from backend.kit.db import Reader
from backend.kit.keepers import KEEPER as KIT
from backend.kit.personal import Keeper, Kept, Leaving, Section
from backend.ledger.personal import KEEPER as LEDGER
from backend.messages.personal import KEEPER as MESSAGES
from backend.obligations.personal import KEEPER as OBLIGATIONS
from backend.parking.personal import KEEPER as PARKING
from backend.perks.personal import KEEPER as PERKS
from backend.records.personal import KEEPER as RECORDS
from backend.scores.personal import KEEPER as SCORES
from backend.settlement.personal import KEEPER as SETTLEMENT
from backend.staff.personal import KEEPER as STAFF
from backend.statements.personal import KEEPER as STATEMENTS


def _nothing(_session: Session, _leaving: Leaving) -> dict[str, int]:
    return {}


_OWN = Keeper(
    room="privacy",
    sections=(),
    erase=_nothing,
    kept={
        "departures": Kept(
            "退出登记", "只有编号、时间和删除了多少条", "退出后 {proof_days} 天", "{proof_basis}"
        )
    },
)  # fmt: skip

ERASING: tuple[Keeper, ...] = (
    CONSENTS, COMMUNITY, PARKING, PERKS, ADMISSIONS, BOOKINGS, SETTLEMENT, OBLIGATIONS, LEDGER, STATEMENTS, SCORES,
    DECLARATIONS, RECORDS, BATCHES, DELEGATION, MESSAGES, KIT, STAFF, ACCOUNTS, _OWN,
)  # fmt: skip
SHOWING: tuple[Keeper, ...] = (
    ACCOUNTS, CONSENTS, SCORES, RECORDS, DECLARATIONS, LEDGER, STATEMENTS, PERKS, ADMISSIONS, BOOKINGS, OBLIGATIONS,
    PARKING, COMMUNITY, DELEGATION, MESSAGES, KIT,
)  # fmt: skip


def sections() -> tuple[Section, ...]:
    """Every list of what is kept about a person, in the order in which she reads them."""
    return tuple(section for keeper in SHOWING for section in keeper.sections)


def policy(reader: Reader) -> Mapping[str, Any]:
    """The city's own file. Raises CityMissing where it does not yet declare departures and looks."""
    content = city.get(reader, "city").content
    if "departure" not in content or "looks" not in content:
        raise CityMissing("city.toml 还没有 [departure] 和 [looks]。", kind="city")
    return content


def periods(content: Mapping[str, Any]) -> dict[str, Any]:
    """What the texts of keepers call ``{…}``: the city's periods and their bases."""
    departure = content["departure"]
    declared = {f"{name}_{part}" for name in ("tombstone", "proof") for part in ("days", "basis")}
    return {
        "evidence_days": content.get("kept_days", {}).get("submission_evidence", 365),
        "access_log_years": content.get("kept_years", {}).get("access_log", KEPT_YEARS),
        "access_log_basis": content.get("kept_years_basis", {}).get("access_log", "《征信业管理条例》第二十二条"),
        **{name: departure[name] for name in declared},
    }
