"""Hash each closed day's transfers into a tree, sign its root, and prove that a line is in it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.kit import clock, db, merkle
from backend.kit.chained import Chained, signed_bytes
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.ledger import service as ledger
from backend.proofs import rules
from backend.proofs.errors import LineNotProven, RootNotYet
from backend.proofs.models import LeavesPartRow, ProofDayRow

SIZE = 32
PARTS = 4
"""Parts written in one transaction."""

log = structlog.get_logger("proofs")


@dataclass(frozen=True)
class Root(Chained):
    """A signed day. ``text``: the statement exactly as it was signed."""

    domain = rules.DOMAIN
    day: date
    number: int
    text: str
    signature: str


class Proof(NamedTuple):
    """That ``leaf``, the ``leaf_index``-th of ``tree_size``, is under the root: hashes from the bottom to the top."""

    leaf: str
    leaf_index: int
    tree_size: int
    path: list[str]
    root: dict[str, Any]


class Part(NamedTuple):
    """A run of leaves of a day: the last transfer in it, their root, their hashes."""

    part: int
    last_at: datetime
    last_id: UUID
    root: bytes
    content: bytes

    @property
    def hashes(self) -> list[bytes]:
        return [self.content[at : at + SIZE] for at in range(0, len(self.content), SIZE)]


_ROOT = (ProofDayRow.day, ProofDayRow.number, ProofDayRow.statement, ProofDayRow.signature)
_PART = (
    LeavesPartRow.part, LeavesPartRow.last_at, LeavesPartRow.last_id, LeavesPartRow.root, LeavesPartRow.content,
)  # fmt: skip


def _root(row: Any) -> Root:
    return Root(row.day, row.number, row.statement, row.signature)


def roots(reader: Reader, limit: int, before: int | None = None) -> list[Root]:
    """Up to ``limit`` signed days, the newest first, those before a number."""
    signed = select(*_ROOT).where(ProofDayRow.number.is_not(None)).order_by(ProofDayRow.number.desc()).limit(limit)
    if before is not None:
        signed = signed.where(ProofDayRow.number < before)
    return [_root(row) for row in reader.execute(signed)]


def root_of(reader: Reader, day: date) -> Root:
    """The root of a Shanghai day. Raises NotFound where none is published: nothing moved, or not yet."""
    signed = select(*_ROOT).where(ProofDayRow.day == day, ProofDayRow.number.is_not(None))
    row = reader.execute(signed).first()
    if row is None:
        raise NotFound("这一天没有公布的根：当天没有积分流水，或尚未封账。", "No root is published for this day.")
    return _root(row)


def prove_entry(reader: Reader, resident_id: UUID, entry_id: UUID) -> Proof:
    """The proof of one line of a resident's statement. Raises NotFound, RootNotYet, LineNotProven."""
    line = ledger.transfer(reader, resident_id, entry_id)
    if line.entry_number is None:
        raise NotFound()
    day = clock.shanghai_date(line.created_at)
    row = reader.execute(select(ProofDayRow.salt, *_ROOT).where(ProofDayRow.day == day)).first()
    if row is None or row.number is None:
        raise RootNotYet(day=day.isoformat())
    return _proof(reader, line, row.salt, _root(row))


def _proof(reader: Reader, line: ledger.Transfer, salt: bytes, root: Root) -> Proof:
    """Read the part in which the line lies, and the roots of all parts of its day."""
    text = rules.leaf_text(line, salt)
    place = tuple_(LeavesPartRow.last_at, LeavesPartRow.last_id)
    mine = select(*_PART).where(LeavesPartRow.day == root.day, place >= (line.created_at, line.id))
    row = reader.execute(mine.order_by(LeavesPartRow.part).limit(1)).first()
    hashes = Part(*row).hashes if row else []
    if row is None or (hashed := merkle.leaf(text.encode())) not in hashes:
        raise LineNotProven(day=root.day.isoformat())
    within = hashes.index(hashed)
    tops = part_roots(reader, root.day)
    path = [*merkle.path(hashes, within), *merkle.path(tops, row.part)]
    index = row.part * rules.PART + within
    return Proof(text, index, root.told["count"], [each.hex() for each in path], root.published())


def part_roots(reader: Reader, day: date) -> list[bytes]:
    """The roots of a day's parts, in order."""
    tops = select(LeavesPartRow.root).where(LeavesPartRow.day == day).order_by(LeavesPartRow.part)
    return list(reader.execute(tops).scalars())


def parts(reader: Reader, day: date, first: int) -> list[Part]:
    """A few of a day's parts, from number ``first`` on."""
    some = select(*_PART).where(LeavesPartRow.day == day, LeavesPartRow.part >= first)
    return [Part(*row) for row in reader.execute(some.order_by(LeavesPartRow.part).limit(PARTS))]


# --- making --------------------------------------------------------------------------------------------------------


def publish_all() -> list[Root]:
    """Sign every closed day that is not signed, oldest first; the roots made. It may be cut anywhere and taken up.

    A day whose transfers are no longer those with which it was closed is not signed, nor any day after it. For jobs
    and commands: it opens its own transactions.
    """
    made: list[Root] = []
    while day := _next_day():
        complete = False
        while not complete:
            with db.transaction() as session:
                complete = add_parts(session, day)
        with db.transaction() as session:
            root = sign(session, day)
        if root is None:
            return made
        made.append(root)
    return made


def _next_day() -> ledger.ClosedDay | None:
    with db.reading() as reader:
        newest = reader.execute(select(func.max(ProofDayRow.day)).where(ProofDayRow.number.is_not(None))).scalar()
        return next(iter(ledger.closed_days(reader, newest)), None)


def add_parts(session: Session, day: ledger.ClosedDay) -> bool:
    """Hash the next few thousand transfers of a day; whether all of them are hashed now."""
    fresh = {"day": day.day, "salt": secrets.token_bytes(32), "number": None, "statement": None, "signature": None}
    insert_if_absent(session, ProofDayRow, fresh, ("day",))
    salt = session.execute(db.for_update(select(ProofDayRow.salt).where(ProofDayRow.day == day.day))).scalar_one()
    last = _last_part(session, day.day)
    if last is not None and len(last.content) < rules.PART * SIZE:
        return True
    after = (last.last_at, last.last_id) if last else None
    found = ledger.transfers_of_day(session, day.day, after, rules.PART * PARTS)
    number = last.part + 1 if last else 0
    for at in range(0, len(found), rules.PART):
        _add_part(session, day.day, number + at // rules.PART, found[at : at + rules.PART], salt)
    return len(found) < rules.PART * PARTS


def _last_part(reader: Reader, day: date) -> Part | None:
    newest = select(*_PART).where(LeavesPartRow.day == day).order_by(LeavesPartRow.part.desc()).limit(1)
    row = reader.execute(newest).first()
    return Part(*row) if row else None


def _add_part(session: Session, day: date, number: int, lines: list[ledger.Transfer], salt: bytes) -> None:
    hashes = [merkle.leaf(rules.leaf_text(line, salt).encode()) for line in lines]
    session.execute(
        insert(LeavesPartRow).values(
            day=day, part=number, last_at=lines[-1].created_at, last_id=lines[-1].id, root=merkle.root(hashes),
            content=b"".join(hashes),
        )
    )  # fmt: skip


def sign(session: Session, day: ledger.ClosedDay) -> Root | None:
    """Sign a day whose parts are all there; None when another process did, or when the day has changed."""
    mine = select(ProofDayRow.number).where(ProofDayRow.day == day.day)
    if session.execute(db.for_update(mine)).scalar_one() is not None:
        return None
    count = _count(session, day.day)
    if count != day.transfers:
        log.error("proofs.day_differs", day=day.day.isoformat(), closed=day.transfers, found=count)
        return None
    last = next(iter(roots(session, 1)), None)
    kid = codes.statement_key(session, codes.Purpose.SEAL)
    number = last.number + 1 if last else 1
    text = rules.statement_text(
        {
            "count": count, "day": day.day.isoformat(), "kid": kid, "number": number, "points": day.points,
            "previous": last.value if last else rules.BEGINNING,
            "root": merkle.root(part_roots(session, day.day)).hex(), "signed_at": rules.told(clock.now()),
        }
    )  # fmt: skip
    signature = codes.sign_statement(session, kid, signed_bytes(rules.DOMAIN, text))
    signed = update(ProofDayRow).where(ProofDayRow.day == day.day)
    session.execute(signed.values(number=number, statement=text, signature=signature))
    return Root(day.day, number, text, signature)


def _count(reader: Reader, day: date) -> int:
    last = _last_part(reader, day)
    return last.part * rules.PART + len(last.content) // SIZE if last else 0
