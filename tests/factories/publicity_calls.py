"""Good calls of the public records."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from tests.publicity.conftest import entity_code, penalty


class PublicityCalls:
    """Each of its own entity, so that no call meets what another made."""

    def _list_publicity_records(self, session: Session) -> dict[str, Any]:
        code = entity_code()
        penalty(session, code, "演示公示商店")
        return {"query": {"code": code, "kind": "penalty"}}

    def _shown(self, session: Session) -> dict[str, Any]:
        code = entity_code()
        return {"params": {"entity_code": code, "record_id": penalty(session, code, "演示公示商店")}}

    _show_publicity_record = _open_publicity_record = _shown
