"""Prove that nobody changed what a published root stands over, or say where somebody did.

Everything is read in order; a few thousand transfers are in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select

from backend.codes import service as codes
from backend.kit import merkle
from backend.kit.db import Reader
from backend.ledger import service as ledger
from backend.proofs import rules, service
from backend.proofs.models import ProofDayRow
from backend.proofs.service import Part, Root

_WHY = {
    "unknown-key": "签名的密钥不存在，或不是封存用的密钥",
    "not-yet": "签名的密钥当时尚未启用",
    "ended": "签名的密钥当时已退役或已收回",
    "wrong": "签名不符",
}


class Finding(NamedTuple):
    """What of a day is not as it was published."""

    day: date
    what: str

    def __str__(self) -> str:
        return f"{self.day}: {self.what}"


def verify(
    reader: Reader, kept: Mapping[str, Any] | None = None, progress: Callable[[Root], None] | None = None
) -> Iterator[Finding]:
    """Recompute every published root from the transfers. ``kept``: a root that somebody kept elsewhere."""
    previous, number = rules.BEGINNING, 0
    seen = kept is None
    for root in _chain(reader):
        number += 1
        if root.number != number or root.told.get("previous") != previous:
            yield Finding(root.day, "不在链上自己的位置：前一份声明缺失、被换过或被改过")
            number = root.number
        previous = root.value
        if kept is not None and root.day.isoformat() == kept.get("day"):
            seen = True
            if root.published() != dict(kept):
                yield Finding(root.day, "与外部保存的根不同：这一天被重写过")
        yield from (Finding(root.day, what) for what in _statement(reader, root))
        yield from (Finding(root.day, what) for what in _leaves(reader, root))
        if progress:
            progress(root)
    if kept is not None and not seen:
        yield Finding(date.fromisoformat(str(kept.get("day"))), "外部保存了这一天的根，这里没有")


def problems(reader: Reader) -> list[str]:
    """The findings as text, for whoever proves a restored copy."""
    return [str(finding) for finding in verify(reader)]


def _chain(reader: Reader) -> Iterator[Root]:
    after = 0
    while True:
        signed = select(ProofDayRow.day, ProofDayRow.number, ProofDayRow.statement, ProofDayRow.signature)
        page = signed.where(ProofDayRow.number > after).order_by(ProofDayRow.number).limit(200)
        rows = reader.execute(page).all()
        yield from (Root(row.day, row.number or 0, row.statement or "", row.signature or "") for row in rows)
        if len(rows) < 200:
            return
        after = rows[-1].number


def _statement(reader: Reader, root: Root) -> Iterator[str]:
    """That the statement says what stands in its row, and is signed."""
    try:
        said = root.told
        signed_at = datetime.fromisoformat(said["signed_at"])
        kid = said["kid"]
    except (json.JSONDecodeError, KeyError, TypeError, ValueError):
        yield "声明无法读取"
        return
    if (said.get("day"), said.get("number")) != (root.day.isoformat(), root.number):
        yield "声明说的不是这一天"
    content = root.signed
    if why := codes.check_statement(reader, codes.Purpose.SEAL, kid, content, root.signature, signed_at):
        yield _WHY[why]


def _leaves(reader: Reader, root: Root) -> Iterator[str]:
    """That the parts come to the root, and the transfers to the parts."""
    tops = service.part_roots(reader, root.day)
    if merkle.root(tops).hex() != root.told.get("root"):
        yield "保存的散列得不出公布的根"
    salt = reader.execute(select(ProofDayRow.salt).where(ProofDayRow.day == root.day)).scalar_one()
    after: tuple[datetime, UUID] | None = None
    number = 0
    while some := service.parts(reader, root.day, number):
        for part in some:
            yield from _part(reader, root.day, part, salt, after)
            after = (part.last_at, part.last_id)
        number = some[-1].part + 1
    yield from (f"流水 {line.id} 是公布之后补写的" for line in ledger.transfers_of_day(reader, root.day, after, 100))
    if number != len(tops):
        yield "散列不全"


def _part(
    reader: Reader, day: date, part: Part, salt: bytes, after: tuple[datetime, UUID] | None
) -> Iterator[str]:  # fmt: skip
    """The transfers between the ends of two parts beside the part's hashes."""
    found: dict[bytes, UUID] = {}
    last = (part.last_at, part.last_id)
    while True:
        lines = ledger.transfers_of_day(reader, day, after, rules.PART)
        mine = [line for line in lines if (line.created_at, line.id) <= last]
        found |= {merkle.leaf(rules.leaf_text(line, salt).encode()): line.id for line in mine}
        if len(mine) < rules.PART:
            break
        after = (mine[-1].created_at, mine[-1].id)
    kept = part.hashes
    if merkle.root(kept) != part.root:
        yield f"第 {part.part} 段的散列被改过"
    yield from (f"流水 {key} 在公布之后被改动或补写" for hashed, key in found.items() if hashed not in set(kept))
    if gone := len(set(kept) - set(found)):
        yield f"第 {part.part} 段有 {gone} 笔流水在公布之后被改动或删除"
