"""Legal entities: one archive per unified social credit code (GB 32100), found by older codes too.

Name and code come together. A file that gives a known code another name is not merged: either may be mistyped, and
only a person can tell which.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.kit import clock, db
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.records import rules
from backend.records.errors import RecordRefused
from backend.records.models import entities, entity_aliases

CHUNK = 1_000
ORGANISATION_CODE = "organisation_code"
SCHEMES = ("registration_no", ORGANISATION_CODE, "tax_no", "institution_no", "social_organisation_no")
ALIAS_FIELDS: Mapping[str, str] = dict(
    zip(("party_code_2", "party_code_3", "party_code_4", "party_code_5", "party_code_6"), SCHEMES, strict=True)
)
"""行政相对人代码_2 to _6, and the scheme of each."""


@dataclass(frozen=True, slots=True)
class Entity:
    code: str
    name: str
    known_from: datetime
    changed_at: datetime


class NewEntity(NamedTuple):
    """What a row says about its subject. ``aliases``: (scheme, value) of older codes."""

    code: str
    name: str
    aliases: tuple[tuple[str, str], ...] = ()


def normal_alias(value: str) -> str:
    """An older code as it is compared: no hyphen, no space, capitals."""
    return rules.normal_entity_name(value).replace("-", "")[:40]


def entity(reader: Reader, code: str) -> Entity:
    """One legal entity. Raises NotFound."""
    columns = (entities.c.code, entities.c.name, entities.c.known_from, entities.c.changed_at)
    row = reader.execute(select(*columns).where(entities.c.code == code)).first()
    if row is None:
        raise NotFound("没有这个主体的档案。", "There is no archive of this entity.")
    return Entity(*row)


def ensure_entity(session: Session, code: str, name: str, aliases: Iterable[tuple[str, str]] = ()) -> str:
    """Make the archive of a normal code at first sight. ``known``, ``made``, or ``mismatch``: nothing was written.

    Raises RecordRefused when the code or the name cannot be one.
    """
    return ensure_entities(session, [NewEntity(code, name, tuple(aliases))])[0]


def ensure_entities(session: Session, news: Sequence[NewEntity]) -> list[str]:
    """``ensure_entity`` for thousands, in their order: a few statements for each thousand."""
    verdicts: list[str] = []
    for start in range(0, len(news), CHUNK):
        verdicts += _ensure(session, [_checked(new) for new in news[start : start + CHUNK]])
    return verdicts


def _checked(new: NewEntity) -> NewEntity:
    code = rules.normal_entity_code(new.code)
    if code is None or not rules.normal_entity_name(new.name) or len(new.name.strip()) > 200:
        problem = "统一社会信用代码校验不通过（GB 32100），或缺少名称"
        raise RecordRefused(problem, problems=[problem])
    aliases = tuple((scheme, normal_alias(value)) for scheme, value in new.aliases if normal_alias(value))
    return NewEntity(code, new.name.strip(), aliases)


def _ensure(session: Session, news: list[NewEntity]) -> list[str]:
    names = _names(session, {new.code for new in news})
    owners = codes_of_aliases(session, {alias for new in news for alias in new.aliases})
    missing: dict[str, str] = {}
    claims = dict(owners)
    for new in news:
        if new.code not in names and _agrees(new, missing, claims):
            missing.setdefault(new.code, new.name)
            claims.update(dict.fromkeys(new.aliases, new.code))
    made = _insert(session, missing) if missing else set()
    names |= {code: missing[code] for code in made}
    if lost := missing.keys() - made:  # another transaction made them meanwhile: its names hold
        names |= _names(session, lost)
    verdicts = []
    for new in news:
        agrees = new.code in names and _agrees(new, names, owners)
        verdicts.append("mismatch" if not agrees else "made" if new.code in made else "known")
        if agrees:
            owners.update(dict.fromkeys(new.aliases, new.code))
    _learn(session, owners, made)
    return verdicts


def _agrees(new: NewEntity, names: Mapping[str, str], owners: Mapping[tuple[str, str], str]) -> bool:
    """Whether nothing known under this code, or under one of its older codes, says otherwise."""
    known = rules.normal_entity_name(names.get(new.code, new.name))
    return known == rules.normal_entity_name(new.name) and all(
        owners.get(alias, new.code) == new.code for alias in new.aliases
    )


def _names(session: Session, codes: Collection[str]) -> dict[str, str]:
    rows = session.execute(select(entities.c.code, entities.c.name).where(entities.c.code.in_(sorted(codes))))
    return {row.code: row.name for row in rows}


def _insert(session: Session, names: Mapping[str, str]) -> set[str]:
    """Make entities, in one order for all; the codes that this transaction made."""
    instant = clock.now()
    told = dict(known_from=instant, changed_at=instant, changed_by=None, change_reason="")
    rows = [dict(code=code, name=names[code], **told) for code in sorted(names)]
    statement = db.insert(session, entities).on_conflict_do_nothing(index_elements=["code"])
    return set(session.execute(statement.returning(entities.c.code), rows).scalars())


def _learn(session: Session, owners: Mapping[tuple[str, str], str], made: Iterable[str]) -> None:
    """Keep what the codes of before lead to. An organisation code stands inside every new code."""
    known = {(ORGANISATION_CODE, rules.organisation_code(code)): code for code in made} | dict(owners)
    if known:
        rows = [dict(scheme=s, value=value, entity_code=known[(s, value)]) for s, value in sorted(known)]
        statement = db.insert(session, entity_aliases).on_conflict_do_nothing(index_elements=["scheme", "value"])
        session.execute(statement, rows)


def code_of_alias(reader: Reader, scheme: str, value: str) -> str | None:
    """The unified social credit code to which an older code leads; None when it is not known."""
    wanted = (entity_aliases.c.scheme == scheme, entity_aliases.c.value == normal_alias(value))
    found: str | None = reader.execute(select(entity_aliases.c.entity_code).where(*wanted)).scalar()
    return found


def codes_of_old(reader: Reader, value: str) -> list[str]:
    """The unified social credit codes to which an older code leads, whatever sort of number it was."""
    wanted = (entity_aliases.c.scheme.in_(SCHEMES), entity_aliases.c.value == normal_alias(value))
    return sorted(set(reader.execute(select(entity_aliases.c.entity_code).where(*wanted)).scalars()))


def codes_of_aliases(reader: Reader, aliases: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """``code_of_alias`` for many (scheme, value in normal form) at once; the unknown are left out."""
    found: dict[tuple[str, str], str] = {}
    wanted = sorted(aliases)
    for start in range(0, len(wanted), CHUNK):
        chunk = set(wanted[start : start + CHUNK])
        columns = (entity_aliases.c.scheme, entity_aliases.c.value, entity_aliases.c.entity_code)
        schemes, values = ({one[at] for one in chunk} for at in (0, 1))  # the key begins with the scheme
        those = (entity_aliases.c.scheme.in_(sorted(schemes)), entity_aliases.c.value.in_(sorted(values)))
        rows = reader.execute(select(*columns).where(*those))
        found |= {(row.scheme, row.value): row.entity_code for row in rows if (row.scheme, row.value) in chunk}
    return found


def rename_entity(session: Session, code: str, name: str, by: UUID | None, reason: str) -> Entity:
    """Give an entity its new name: from now on records under the old one are a mismatch. Raises NotFound."""
    new = _checked(NewEntity(code, name))
    values: dict[str, Any] = dict(name=new.name, changed_at=clock.now(), changed_by=by, change_reason=reason[:200])
    session.execute(update(entities).where(entities.c.code == new.code).values(**values))
    return entity(session, new.code)
