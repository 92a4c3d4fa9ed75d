"""The good calls of the routes by which departments report, and the office decides."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session
from stdnum.cn import uscc

from backend.batches import pushing
from backend.batches.service import NewBatch, Sender
from backend.kit import clock
from backend.kit.ids import new_id
from backend.kit.operations import Operation
from tests.factories import accounts as people
from tests.factories.record_calls import SOURCE

ITEM = "LE-HON-02"
STEM = "92320115TDMBATCH0"
CODE, NAME = STEM + uscc.calc_check_digit(STEM), "测试甲公司"


def row(name: str = NAME, number: object = None, **changes: str) -> dict[str, str]:
    """A row of ITEM that the catalogue admits."""
    return {
        "主体名称": name, "统一社会信用代码": CODE, "document_no": f"测试〔2026〕{number or uuid4().hex[:8]}号",
        "decided_on": clock.today().isoformat(), "authority": SOURCE, "honour_level": "区级",
        **changes,
    }  # fmt: skip


def push(session: Session, who: people.Staff, *rows: dict[str, str], item_code: str = ITEM) -> UUID:
    """A batch of rows that a department has sent."""
    body = json.dumps({"rows": rows}, ensure_ascii=False).encode()
    digest = hashlib.sha256(body).digest()
    new = NewBatch(new_id(), item_code, "report", "json", "", len(body), digest)
    sender = Sender(who.staff_id, "data-officer", who.organisation_id)
    return pushing.push(session, Operation(who.staff_id, uuid4(), digest), sender, new, rows, body)


class BatchCalls:
    """A part of ``World``: each method makes what the call of its name needs."""

    staff: dict[str, people.Staff]

    def _send_batch(self, _: Session) -> dict[str, Any]:
        return {"query": {"item_code": ITEM}, "body": {"rows": [row()]}}

    def _batch(self, session: Session) -> dict[str, Any]:
        batch_id = push(session, self.staff["data-officer"], row(), row(authority=""))
        return {"who": "data-officer", "params": {"batch_id": batch_id}}

    _read_batch = _download_rejected_csv = _download_rejected_xlsx = _batch

    def _withdraw_batch(self, session: Session) -> dict[str, Any]:
        return {**self._batch(session), "body": {"reason": "报错了文件"}}

    def _list_quarantined(self, session: Session) -> dict[str, Any]:
        batch_id = push(session, self.staff["data-officer"], row(), row("测试乙公司"))
        return {"who": "data-officer", "params": {"batch_id": batch_id}}

    def _decide_quarantined(self, session: Session) -> dict[str, Any]:
        params = {**self._list_quarantined(session)["params"], "row_number": 2}
        return {"params": params, "body": {"decision": "reject", "reason": "名称写错"}}

    def _show_template_csv(self, _: Session) -> dict[str, Any]:
        return {"params": {"code": ITEM}}

    _show_template_xlsx = _show_template_csv
