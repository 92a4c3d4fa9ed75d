"""The directory of a demonstration: it stands where a city's real-name authority will."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from backend.accounts import rules
from backend.identity.binding import Evidence, Verdict
from backend.identity.models import DirectoryRow
from backend.kit import clock, db, seal

CHUNK = 500


@dataclass(frozen=True, repr=False)
class DirectoryEntry:
    name: str
    id_number: str
    phone: str


def add_to_directory(session: Session, entries: Iterable[DirectoryEntry]) -> None:
    """Let the demonstration's authority know these people. Only digests are kept; adding again replaces."""
    values = [row for entry in entries for row in _directory_rows(entry)]
    for at in range(0, len(values), CHUNK):
        statement = db.insert(session, DirectoryRow).values(values[at : at + CHUNK])
        names = ("name_digest", "phone_digest")
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["key_id", "id_number_digest"], set_={n: statement.excluded[n] for n in names}
            )
        )


def _directory_rows(entry: DirectoryEntry) -> list[dict[str, object]]:
    name, id_number = rules.normal_name(entry.name), rules.normal_id_number(entry.id_number, clock.today())
    phone = rules.normal_phone(entry.phone)
    if name is None or id_number is None or phone is None:
        raise ValueError("a directory entry needs a Chinese name, a valid id number and a mainland phone")
    columns = zip(
        seal.digests("directory-id-number", id_number),
        seal.digests("directory-name", name),
        seal.digests("directory-phone", phone),
        strict=True,
    )
    return [dict(key_id=a[0], id_number_digest=a[1], name_digest=b[1], phone_digest=c[1]) for a, b, c in columns]


class DirectoryVerifier:
    """Judges by name, id number and phone; by nothing that a government would sign."""

    proof_kinds = frozenset({"wechat_phone"})

    def verify(self, name: str, id_number: str, evidence: Evidence) -> Verdict:
        """Whether the directory knows this number with this name and this phone."""
        if evidence.phone is None:
            return Verdict(False, "no phone")
        row = DirectoryRow
        wanted = select(row.name_digest, row.phone_digest).where(or_(*(
            (row.key_id == key_id) & (row.id_number_digest == digest)
            for key_id, digest in seal.digests("directory-id-number", id_number)
        )))  # fmt: skip
        with db.reading() as reader:
            known = [tuple(found) for found in reader.execute(wanted)]
        told = zip(seal.digests("directory-name", name), seal.digests("directory-phone", evidence.phone), strict=True)
        if not known:
            return Verdict(False, "unknown")
        return Verdict(any((a[1], b[1]) in known for a, b in told), "compared")
