"""The demo's departments: their organisations, their data officers, and the folder of files that one may send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.demo import department_files
from backend.demo.department_rows import Shop, Subjects, departments
from backend.demo.install import Demo
from backend.demo.vocabulary import RESIDENTS, Vocabulary
from backend.kit import city, db
from backend.merchants.service import NewMerchant
from config.settings import ROOT

PEOPLE, SHOPS = 120, 60
"""How many of the demo's people and shops the files are about; the first of them are in the hand-over."""
Officer = tuple[str, str, list[tuple[str, UUID]]]


def ensure(session: Session, words: Vocabulary) -> list[Officer]:
    """The departments as organisations; a data officer for each as ``(username, display name, roles)``."""
    found = []
    for one in departments(words).values():
        organisation_id = accounts.ensure_organisation(session, one.slug, "department", one.name, one.code)
        found.append((one.officer, f"{one.name}数据专员（演示）", [("data-officer", organisation_id)]))
    return found


def keep_shops(demo: Demo, news: Sequence[NewMerchant]) -> None:
    """Remember the shops that files may be about."""
    shops = [Shop(new.name, new.unified_social_credit_code, new.legal_representative) for new in news[:SHOPS]]
    demo.shops_file.write_text(json.dumps([asdict(shop) for shop in shops], ensure_ascii=False), "utf-8")


def write_files(demo: Demo, folder: Path, today: date) -> bool:
    """Write the departments' files of ``today``; False for a demo that was made before there were any."""
    if not demo.shops_file.exists():
        return False
    with db.reading() as reader:
        content = {kind: city.get(reader, kind).content for kind in ("city", "catalogue")}
    words = Vocabulary.read(ROOT / "config" / "cities" / content["city"]["code"])
    items = {item["code"]: item for item in content["catalogue"]["items"]}
    made = department_files.files(items, words, subjects(demo, words), today)
    department_files.write(folder, made, today)
    return True


def subjects(demo: Demo, words: Vocabulary) -> Subjects:
    """The demo's people and shops that the files are about. ``words`` must be fresh: the first it names are these."""
    shops = [Shop(**kept) for kept in json.loads(demo.shops_file.read_text("utf-8"))]
    return Subjects(list(words.people(RESIDENTS))[:PEOPLE], shops)
