"""A city of many residents in a PostgreSQL database of its own: consents and archives, made by the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from uuid import UUID

import psycopg
from sqlalchemy import make_url

from backend.kit import city, clock, db, migrations
from backend.kit.db import Database
from config.settings import ROOT
from tests.support.databases import own_database

RECORDS_EACH = 10
_KEY = "('01900000-0000-7000-8000-' || lpad(to_hex({}), 12, '0'))::uuid"
_ITEMS = (
    ["NP-PRO-01"] * 3 + ["NP-QUA-01", "NP-QUA-03", "NP-QUA-04", "NP-QUA-05", "NP-HON-01", "NP-HON-02", "NP-HON-03"]
    + ["NP-HON-04", "NP-LIC-01", "NP-LIC-01", "NP-PEN-01", "NP-QUA-02", "NP-PEN-02", "NP-PRO-02", "NP-EXA-01"]
    + ["NP-LST-03", "NP-JUD-01"]
)  # fmt: skip
"""Of twenty records eleven favourable, five adverse, four that feed no score."""

PEOPLE = f"""INSERT INTO consents (resident_id, purpose, granted, text_version, changed_at)
SELECT {_KEY.format("g")}, 'score', true, %(text)s, now() FROM generate_series(1, %(people)s) g"""
ARCHIVES = f"""INSERT INTO records (resident_id, id, version, item_code, effect, source_name, document_no, title,
  decided_on, counts_until_on, status, fields, known_from, changed_at, change_reason)
SELECT {_KEY.format("(g * 611953 %% %(people)s) + 1")}, {_KEY.format("g + 1099511627776")}, 1,
  (%(items)s::text[])[1 + (hashint8(g) & 1048575) %% {len(_ITEMS)}], 'neutral', '测试单位', '测试' || g, '测试记录',
  decided_on, decided_on + 1825, CASE WHEN hashint8(g + 7) %% 50 = 0 THEN 'disputed' ELSE 'active' END, '{{}}',
  now(), now(), ''
FROM (SELECT g, %(today)s - (hashint8(g + 3) & 1048575) %% 1000 AS decided_on
  FROM generate_series(1, %(people)s::bigint * {RECORDS_EACH}) g) made"""
"""Records lie as they would have arrived: a resident's are spread over the whole table."""


def plain(url: str) -> str:
    """The database's address for the driver alone."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def resident(number: int) -> UUID:
    return UUID(f"01900000-0000-7000-8000-{number:012x}")


@contextmanager
def city_of(people: int) -> Iterator[str]:
    """A database with that many residents who consent, ten records each; bound while it lasts, then dropped."""
    with own_database("postgresql") as url:
        database = Database(url, statement_timeout_seconds=3600)
        db.bind(database)
        try:
            migrations.upgrade()
            with db.transaction() as session:
                city.load(session, city.read_folder(ROOT / "config" / "cities" / "320115"))
                purposes = city.get(session, "consents").content["purposes"]
            text = next(each["text_version"] for each in purposes if each["id"] == "score")
            _fill(plain(url), people, text, clock.today())
            yield url
        finally:
            database.dispose()


def _fill(url: str, people: int, text: str, today: date) -> None:
    """The rows first, then the indexes that they had: sorting once is many times quicker than inserting in places."""
    told = {"people": people, "text": text, "today": today, "items": _ITEMS}
    with psycopg.connect(url, autocommit=True) as hand:
        hand.execute(PEOPLE, told)
        again = _without_indexes(hand)
        hand.execute(ARCHIVES, told)
        for statement in again:
            hand.execute(statement)
        hand.execute("VACUUM ANALYZE")


def _without_indexes(hand: psycopg.Connection) -> list[str]:
    """Drop the archive's constraints and indexes; what makes them again."""
    keys = hand.execute(
        "SELECT conname, 'ALTER TABLE records ADD CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE conrelid = 'records'::regclass AND contype IN ('p', 'u')"
    ).fetchall()
    for name, _ in keys:
        hand.execute(f'ALTER TABLE records DROP CONSTRAINT "{name}"')
    others = hand.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'records'").fetchall()
    for name, _ in others:
        hand.execute(f'DROP INDEX "{name}"')
    return [made for _, made in [*keys, *others]]
