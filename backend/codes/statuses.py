"""The revocation list: which codes no longer count, for those who verify without asking us.

A place in a list is drawn at random, so that neighbours in a list say nothing about each other. The list is signed
when it is read, in memory, and the same bytes come from every process: its times are rounded and Ed25519 makes no
random choice.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import jwt
from sqlalchemy import Engine, Integer, bindparam, cast, delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from backend.codes import rules
from backend.codes.keys import engine_of, signing_key
from backend.codes.models import Revocation, Status, StatusList
from backend.codes.rules import Purpose, StatusRef
from backend.kit import clock
from backend.kit.db import Reader, UtcDateTime, insert_if_absent, insert_of
from backend.kit.errors import NotFound
from backend.kit.prepared import Batch, Prepared

TYPE = "statuslist+jwt"
TTL_SECONDS = 300
LIFETIME = timedelta(hours=24)
"""After this a list proves nothing: a verifier that could not fetch a newer one says *not verified*."""
TRIES = 8
REUSE_AFTER = timedelta(days=7)

_base_url: str | None = None


def bind(base_url: str | None) -> None:
    """The public address under which the lists are found; the composition root says it, once."""
    global _base_url
    _base_url = base_url.rstrip("/") if base_url else None


def list_uri(list_id: int) -> str:
    """Where a list is published; it stands in the list as ``sub``."""
    if _base_url is None:
        raise RuntimeError("no public address is bound; the composition root does that")
    return f"{_base_url}/.well-known/code-status" + (f"/{list_id}" if list_id else "")


def allocate_status(session: Session, expires_at: datetime) -> StatusRef:
    """A random free place for a code that ends at ``expires_at``, in the oldest list that has room.

    One statement while the oldest list has room. Where eight draws in every list hit taken places, the next is opened.
    """
    drawn = _DRAW.first(session, {"drawn": secrets.randbelow(1 << 31), "ends": expires_at})
    if drawn is not None:
        return StatusRef(*drawn)
    for list_id, size_bits in _lists(session):
        for _ in range(TRIES):
            index = secrets.randbelow(size_bits)
            row = {"list_id": list_id, "status_index": index, "expires_at": expires_at}
            if insert_if_absent(session, Status, row, ("list_id", "status_index")):
                return StatusRef(list_id, index)
    _open_list(session)
    return allocate_status(session, expires_at)


_OPENED: Any = StatusList.__table__


def _drawing(dialect: str) -> Any:
    """A place in the oldest list, unless it is taken."""
    place = cast(bindparam("drawn", type_=Integer) % _OPENED.c.size_bits, Integer)
    oldest = select(_OPENED.c.list_id, place, bindparam("ends", type_=UtcDateTime())).where(_OPENED.c.list_id >= 0)
    taken: Any = Status.__table__
    drawing = insert_of(dialect, taken).from_select(
        ["list_id", "status_index", "expires_at"], oldest.order_by(_OPENED.c.list_id).limit(1)
    )
    return drawing.on_conflict_do_nothing().returning(taken.c.list_id, taken.c.status_index)


_DRAW = Prepared(_drawing)
_LISTS = Prepared(select(_OPENED.c.list_id, _OPENED.c.size_bits).order_by(_OPENED.c.list_id))


def _lists(reader: Reader) -> list[tuple[int, int]]:
    return [(row.list_id, row.size_bits) for row in _LISTS.rows(reader, {})]


def _open_list(session: Session, size_bits: int = rules.STATUS_LIST_BITS) -> None:
    last = session.execute(select(func.max(StatusList.list_id))).scalar()
    list_id = 0 if last is None else last + 1
    if list_id >= rules.MOST_LISTS:
        raise RuntimeError("every revocation list is full")
    row = {"list_id": list_id, "size_bits": size_bits, "opened_at": clock.now()}
    insert_if_absent(session, StatusList, row, ("list_id",))


_PLACES: Any = Status.__table__
_HELD = Prepared(
    select(_PLACES.c.status_index).where(
        _PLACES.c.list_id == bindparam("list"), _PLACES.c.status_index == bindparam("place")
    )
)


def _revoking(dialect: str) -> Any:
    found = select(_PLACES.c.list_id, _PLACES.c.status_index, bindparam("revoked_at", type_=UtcDateTime()))
    held = found.where(_PLACES.c.list_id == bindparam("list"), _PLACES.c.status_index == bindparam("place"))
    revoked = insert_of(dialect, Revocation).from_select(["list_id", "status_index", "revoked_at"], held)
    unless = revoked.on_conflict_do_nothing(index_elements=["list_id", "status_index"])
    return unless.returning(Revocation.status_index)


_REVOKE = Prepared(_revoking)


def revoke_status(session: Session, list_id: int, bit: int, batch: Batch | None = None) -> bool:
    """Revoke the code at this place. True when this call did; a second time changes nothing.

    Raises NotFound for a place that no living code holds. With ``batch`` the writing is left to it: the answer is
    False, and such a place is passed over.
    """
    place = {"list": list_id, "place": bit}
    if batch is not None:
        batch.add(_REVOKE, {**place, "revoked_at": clock.now()})
        return False
    if _HELD.first(session, place) is None:
        raise NotFound("没有这个状态编号。", "No code holds this place.")
    return _REVOKE.first(session, {**place, "revoked_at": clock.now()}) is not None


def prolong_status(session: Session, list_id: int, bit: int, expires_at: datetime) -> None:
    """Keep a place for a code that ends later than was said, so that nobody else gets it before. Never shortens."""
    held = (Status.list_id == list_id, Status.status_index == bit, Status.expires_at < expires_at)
    session.execute(
        update(Status).where(*held).values(expires_at=expires_at).execution_options(synchronize_session=False)
    )


def restore_status(session: Session, list_id: int, bit: int) -> bool:
    """Lift the revocation of a place whose code counts again (a use was taken back). True when this call did.

    Only for whoever knows that the place is still the same code's. A verifier with an older list refuses the code
    until it has fetched a newer one: late in the safe direction.
    """
    place = (Revocation.list_id == list_id, Revocation.status_index == bit)
    lifted = delete(Revocation).where(*place).returning(Revocation.status_index)
    return session.execute(lifted.execution_options(synchronize_session=False)).first() is not None


def is_revoked(reader: Reader, list_id: int, bit: int) -> bool:
    """Whether this place is revoked now."""
    found = select(Revocation.status_index).where(Revocation.list_id == list_id, Revocation.status_index == bit)
    return reader.execute(found).first() is not None


def revoked_at(reader: Reader, list_id: int, bit: int) -> datetime | None:
    """When this place was revoked; None where it is not."""
    held = (Revocation.list_id == list_id, Revocation.status_index == bit)
    at: datetime | None = reader.execute(select(Revocation.revoked_at).where(*held)).scalar()
    return at


class _Version(NamedTuple):
    """What a signed list depends on. ``places``: the sum of what is revoked, for one may be lifted as another comes."""

    revoked: int
    places: int
    last: datetime | None
    window: int
    key: str
    uri: str


_cache: WeakKeyDictionary[Engine, dict[int, tuple[_Version, str]]] = WeakKeyDictionary()


def status_list_token(reader: Reader, list_id: int = 0) -> str:
    """The signed list as a JWT (``application/statuslist+jwt``, one bit a code, DEFLATE).

    ``ttl`` 300 s, ``exp`` 24 h after ``iat``. One small query while nothing was revoked since it was last signed.
    Raises NotFound for a list that was never opened; list 0 always stands.
    """
    sizes = dict(_lists(reader)) if list_id else {0: rules.STATUS_LIST_BITS}
    if list_id not in sizes:
        raise NotFound("没有这个撤销列表。", "There is no such list.")
    figures = (func.count(), func.coalesce(func.sum(Revocation.status_index), 0), func.max(Revocation.revoked_at))
    count, places, last = reader.execute(select(*figures).where(Revocation.list_id == list_id)).one()
    version = _version(reader, list_id, count, int(places), last)
    held = _cache.setdefault(engine_of(reader), {})
    if (known := held.get(list_id)) is not None and known[0] == version:
        return known[1]
    of_list = select(Revocation.status_index, Revocation.revoked_at).where(Revocation.list_id == list_id)
    rows = reader.execute(of_list).all()
    revoked = [row.status_index for row in rows]
    newest = max((row.revoked_at for row in rows), default=None)
    version = _version(reader, list_id, len(revoked), sum(revoked), newest)
    token = _signed(reader, version, sizes[list_id], revoked)
    held[list_id] = (version, token)
    return token


def _version(reader: Reader, list_id: int, count: int, places: int, last: datetime | None) -> _Version:
    window = int(clock.now().timestamp()) // TTL_SECONDS
    return _Version(count, places, last, window, signing_key(reader, Purpose.STATUS).public_jwk["x"], list_uri(list_id))


def _signed(reader: Reader, version: _Version, size_bits: int, revoked: Sequence[int]) -> str:
    key = signing_key(reader, Purpose.STATUS)
    # Rounded down, never later than the truth: a verifier shows the list at most one `ttl` older than it is.
    issued = max(version.window * TTL_SECONDS, int(version.last.timestamp()) if version.last else 0)
    lst = rules.encode_status_bits(rules.status_bits(size_bits, revoked))
    claims: dict[str, Any] = {
        "iss": key.issuer,
        "sub": version.uri,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
        "ttl": TTL_SECONDS,
        "status_list": {"bits": 1, "lst": lst, "aggregation_uri": f"{list_uri(0)}-lists"},
    }
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"typ": TYPE, "kid": key.kid})


def status_list_age_seconds(reader: Reader) -> float:
    """How old the first list is that anybody would be given now. Raises SigningKeyMissing when none can be signed."""
    claims = jwt.decode(status_list_token(reader), options={"verify_signature": False})
    return max(0.0, clock.now().timestamp() - float(claims["iat"]))


def status_list_tokens(reader: Reader) -> list[str]:
    """Every list, signed: for a venue's offline pack. In its order; the first is list 0."""
    return [status_list_token(reader, list_id) for list_id in {0: None, **dict(_lists(reader))}]


def status_list_uris(reader: Reader) -> list[str]:
    """Where the lists are, list 0 first (Token Status List, "aggregation")."""
    return [list_uri(list_id) for list_id in {0: None, **dict(_lists(reader))}]


def purge_statuses(session: Session, most: int = 1000) -> int:
    """Free the places of codes that ended a week ago, ``most`` at a time; how many were freed."""
    due = select(Status.list_id, Status.status_index).where(Status.expires_at < clock.now() - REUSE_AFTER).limit(most)
    places = [(row.list_id, row.status_index) for row in session.execute(due)]
    for size in range(0, len(places), 200):
        chunk = places[size : size + 200]
        session.execute(delete(Revocation).where(tuple_(Revocation.list_id, Revocation.status_index).in_(chunk)))
        session.execute(delete(Status).where(tuple_(Status.list_id, Status.status_index).in_(chunk)))
    return len(places)


def list_states(reader: Reader) -> list[dict[str, Any]]:
    """Each list with how many places are held and how many are revoked; for an administrator's eyes."""
    held = dict(_counted(reader, Status))
    revoked = dict(_counted(reader, Revocation))
    return [
        {"list_id": list_id, "size_bits": size, "held": held.get(list_id, 0), "revoked": revoked.get(list_id, 0)}
        for list_id, size in _lists(reader)
    ]


def _counted(reader: Reader, model: type[Status] | type[Revocation]) -> list[tuple[int, int]]:
    rows = reader.execute(select(model.list_id, func.count()).group_by(model.list_id))
    return [(list_id, count) for list_id, count in rows]
