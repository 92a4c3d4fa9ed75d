"""What the demo's departments decide: rows of the catalogue's items about its synthetic people and shops.

A row is a mapping from a field's name in the catalogue to what stands in the cell, as a clerk would have typed it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from stdnum.iso7064 import mod_11_10

from backend.demo.vocabulary import Someone, Vocabulary

Row = dict[str, str]
PERSON_COLUMNS = (("name", "姓名"), ("id_number", "公民身份号码"))
ENTITY_COLUMNS = (("name", "主体名称"), ("unified_social_credit_code", "统一社会信用代码"))
"""The columns of the subject, which an item's fields do not repeat."""
OLD_DIVISION = "320121"
NEWEST_DAYS = 6
"""Correct rows are at most so many days old: never past the seven working days, whatever holidays come."""


@dataclass(frozen=True)
class Shop:
    name: str
    unified_social_credit_code: str
    legal_representative: str

    @property
    def registration_number(self) -> str:
        """The 15-digit number that registrars gave before there were credit codes; of a range of the demo's own."""
        body = f"{OLD_DIVISION}6999{self.unified_social_credit_code[12:16]}"
        return f"{body}{mod_11_10.calc_check_digit(body)}"


@dataclass(frozen=True)
class Department:
    """A department of the demo. ``name`` is the catalogue's word for it, ``officer`` its data officer's username."""

    name: str
    slug: str
    short: str
    code: str
    officer: str


@dataclass(frozen=True)
class Subjects:
    """Whom the files are about."""

    people: Sequence[Someone]
    shops: Sequence[Shop]

    @classmethod
    def of(cls, words: Vocabulary, count: int = 40) -> Subjects:
        """Subjects of its own for whoever has no seeded demo: the first of the demo's people, and shops of theirs."""
        people = list(words.people(count + 4))[:count]
        shops = [
            Shop(f"演示商店{n + 1:02d}（演示商户）", words.credit_code(1000 + n, company=False), one.name)
            for n, one in enumerate(people)
        ]
        return cls(people, shops)


def departments(words: Vocabulary) -> dict[str, Department]:
    """The demo's departments by name."""
    return {
        one["name"]: Department(
            one["name"], one["slug"], one["short"], words.department_code(one["serial"]), one["officer"]
        )
        for one in words.words["departments"]
    }


def columns(item: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The columns of an item's file as ``(name, title)``, the subject's first."""
    fields = tuple((f["name"], f["title"]) for f in item["fields"])
    if any(name == "party_name" for name, _ in fields):
        return fields
    return (PERSON_COLUMNS if item["subject"] == "natural_person" else ENTITY_COLUMNS) + fields


@dataclass
class Clerk:
    """Whoever fills a file in. The same seed, day and subjects give the same rows."""

    rng: random.Random
    words: Mapping[str, Any]
    department: Department
    subjects: Subjects
    today: date
    series: str
    written: int = field(default=0)

    def row(self, item: Mapping[str, Any], decided_on: date | None = None) -> Row:
        """One correct row of ``item``: decided within the last days, unless ``decided_on`` says when."""
        self.written += 1
        day = decided_on or self.today - timedelta(days=self.rng.randrange(NEWEST_DAYS))
        row = dict.fromkeys((name for name, _ in columns(item)), "")
        row["document_no"] = self._document_no(item["code"])
        row["decided_on"] = day.isoformat()
        row["authority"], row["authority_code"] = self.department.name, self.department.code
        if "party_name" in row:
            self._party(row)
        elif item["subject"] == "natural_person":
            one = self.rng.choice(self.people(item))
            row["name"], row["id_number"] = one.name, one.id_number
        else:
            shop = self.rng.choice(self.subjects.shops)
            row["name"], row["unified_social_credit_code"] = shop.name, shop.unified_social_credit_code
        WRITERS[item["code"]](self, row, day)
        return row

    def people(self, item: Mapping[str, Any]) -> Sequence[Someone]:
        """Whom an item is about. What is adverse concerns the later half: the first are those whom a visitor may be."""
        everyone = self.subjects.people
        return everyone[len(everyone) // 2 :] if item["effect"] == "adverse" else everyone

    def again(self, item: Mapping[str, Any], row: Row) -> Row:
        """A further decision like that of ``row``, about the same subject."""
        self.written += 1
        return {**row, "document_no": self._document_no(item["code"])}

    def _document_no(self, item_code: str) -> str:
        kind = item_code.replace("-", "")
        return (
            f"演示{self.department.short}{kind}〔{self.today.year}〕{self.today:%m%d}{self.series}{self.written:03d}号"
        )

    def _party(self, row: Row) -> None:
        shop = self.rng.choice(self.subjects.shops)
        row["party_name"], row["party_kind"] = shop.name, "个体工商户"
        row["party_code_1"], row["party_code_2"] = shop.unified_social_credit_code, shop.registration_number
        row["legal_representative"] = shop.legal_representative
        row["data_source"], row["data_source_code"] = self.department.name, self.department.code


def _penalty(clerk: Clerk, row: Row, day: date) -> None:
    found = clerk.rng.choice(clerk.words["violations"])
    row.update(
        violation_type=found["type"], violation_facts=found["facts"], penalty_basis=found["basis"],
        penalty_category=found["category"], penalty_content=found["content"], fine_wanyuan=found["fine"],
        severity=found["severity"], remarks="演示",
    )  # fmt: skip


def _licence(clerk: Clerk, row: Row, day: date) -> None:
    given = clerk.rng.choice(clerk.words["licences"])
    until = day.replace(year=day.year + given["years"], day=min(day.day, 28)) - timedelta(days=1)
    row.update(
        document_name=f"{given['document']}（准予决定书）", licence_category=given["category"],
        certificate_name=given["document"], licence_no=f"演示JY{clerk.today:%m%d}{clerk.series}{clerk.written:03d}",
        licence_content=given["content"], valid_from_on=day.isoformat(), valid_until_on=until.isoformat(),
        current_status="有效", remarks="演示",
    )  # fmt: skip


def _listing(clerk: Clerk, row: Row, day: date) -> None:
    row.update(document_name="列入经营异常名录决定书", listing_reason=clerk.rng.choice(clerk.words["listings"]))


def _promise(clerk: Clerk, row: Row, day: date) -> None:
    promised = day - timedelta(days=clerk.rng.randrange(20, 200))
    row.update(
        document_name="信用承诺书", promise_matter=clerk.rng.choice(clerk.words["promises"]),
        promised_on=promised.isoformat(), fulfilled_on=(day - timedelta(days=1)).isoformat(),
    )  # fmt: skip


def _honour(clerk: Clerk, row: Row, day: date) -> None:
    honour = clerk.rng.choice(clerk.words["honours"])
    row.update(document_name=honour, honour_name=honour, honour_level=clerk.rng.choice(clerk.words["honour_levels"]))


def _qualification(clerk: Clerk, row: Row, day: date) -> None:
    row.update(
        document_name="职业技能等级证书", occupation=clerk.rng.choice(clerk.words["occupations"]),
        grade=clerk.rng.choice(clerk.words["grades"]), current_status="有效",
    )  # fmt: skip


def _drink_driving(clerk: Clerk, row: Row, day: date) -> None:
    row.update(
        document_name="公安交通管理行政处罚决定书", violation_type="演示：饮酒后驾驶机动车",
        penalty_basis="《中华人民共和国道路交通安全法》第九十一条第一款",
        penalty_content="演示：暂扣机动车驾驶证六个月，罚款人民币1000元。",
    )  # fmt: skip


WRITERS: Mapping[str, Callable[[Clerk, Row, date], None]] = {
    "LE-PEN-01": _penalty,
    "LE-LIC-01": _licence,
    "LE-ABN-01": _listing,
    "NP-PRO-01": _promise,
    "NP-HON-01": _honour,
    "NP-QUA-01": _qualification,
    "NP-PEN-02": _drink_driving,
}
"""What else stands in a row of each item."""
