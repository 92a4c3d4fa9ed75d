"""What settlement keeps of a person: a number in the line of her visit, and nothing else."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.kit.personal import Keeper, Leaving, table_of
from backend.perks.personal import SETTLED
from backend.settlement.models import LineRow


def _nothing(_session: Session, _leaving: Leaving) -> dict[str, int]:
    return {}


KEEPER = Keeper(room="settlement", sections=(), erase=_nothing, kept={table_of(LineRow).name: SETTLED})
