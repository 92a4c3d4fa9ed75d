"""Synthetic people, phones, shops and addresses out of the city's ``demo.toml``; the same ones every time."""

from __future__ import annotations

import itertools
import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from stdnum.cn import ric, uscc

SEED = 320115
RESIDENTS = 2000
"""How many people a demo has. Another number gives other names to the same id numbers."""


class Someone(NamedTuple):
    """A synthetic resident. ``phone`` is what the stand-in WeChat knows of ``openid``."""

    openid: str
    name: str
    id_number: str
    phone: str
    born_on: date


@dataclass(frozen=True)
class Vocabulary:
    """The words of ``demo.toml`` and a random source that depends on nothing else."""

    words: dict[str, Any]
    random: random.Random

    @classmethod
    def read(cls, folder: Path) -> Vocabulary:
        return cls(tomllib.loads((folder / "demo.toml").read_text("utf-8")), random.Random(SEED))

    def people(self, count: int, *, minors: int = 4) -> Iterator[Someone]:
        """``count`` residents, the last ``minors`` of them under 18. Names, numbers and phones do not repeat."""
        numbers = self._id_numbers(count - minors, "adult")
        numbers += self._id_numbers(minors, "teenager")
        phones, wechat = self.words["phones"], self.words["wechat"]
        for index, (name, (number, born)) in enumerate(zip(self._names(), numbers, strict=False), 1):
            phone = f"{phones['prefix']}{phones['first_serial'] + index - 1:08d}"
            yield Someone(f"{wechat['openid_prefix']}{index:04d}", name, number, phone, born)

    def _names(self) -> Iterator[str]:
        parts = self.words["names"]
        plain = ["".join(p) for p in itertools.product(parts["surnames"], parts["stems"], parts["branches"])]
        self.random.shuffle(plain)
        yield from plain
        yield from (name + stem for stem in parts["stems"] for name in plain)

    def _id_numbers(self, count: int, age: str) -> list[tuple[str, date]]:
        rules = self.words["id_numbers"]
        first, last = rules[f"{age}_born_from"], rules[f"{age}_born_until"]
        made: dict[str, date] = {}
        while len(made) < count:
            born = first + timedelta(days=self.random.randrange((last - first).days + 1))
            serial = self.random.randint(rules["sequence_from"], rules["sequence_until"])
            body = f"{_division(rules, born)}{born:%Y%m%d}{serial}"
            made[body + ric.calc_check_digit(body + "0")] = born
        return list(made.items())

    def credit_code(self, serial: int, *, company: bool) -> str:
        """A unified social credit code (GB 32100) of the range reserved for the demo."""
        rules = self.words["credit_codes"]
        return self._credit_code(rules["company_head"] if company else rules["individual_head"], serial)

    def department_code(self, serial: int) -> str:
        """The same for one of the demo's departments."""
        return self._credit_code(self.words["credit_codes"]["department_head"], serial)

    def _credit_code(self, head: str, serial: int) -> str:
        rules = self.words["credit_codes"]
        body = f"{head}{rules['division']}{rules['body_prefix']}{serial:04d}"
        organisation = body[8:16]
        full = body + _organisation_check(organisation)
        return str(full + uscc.calc_check_digit(full))

    def shop_name(self, trade: str) -> str:
        shops = self.words["shops"]
        return f"{shops['prefix']}{self.random.choice(shops['words'])}{self.random.choice(shops['trade_words'][trade])}"

    def address(self, street: str) -> str:
        where = self.words["addresses"]
        return f"江宁区{street}{self.random.choice(where['roads'])}{self.random.randint(1, 299)}号（演示）"

    def scattered(self, lat: float, lon: float) -> tuple[float, float]:
        by = self.words["addresses"]["scatter_degrees"]
        return (round(lat + self.random.uniform(-by, by), 6), round(lon + self.random.uniform(-by, by), 6))


def _division(rules: dict[str, Any], born: date) -> str:
    for division in rules["divisions"]:
        if division.get("born_from", date.min) <= born <= division.get("born_until", date.max):
            return str(division["code"])
    raise ValueError(f"demo.toml names no division for a birth on {born}")


_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _organisation_check(body: str) -> str:
    """The check character of an organisation code (GB 11714), which a credit code contains."""
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    rest = 11 - sum(weight * _ALPHABET.index(c) for weight, c in zip(weights, body, strict=True)) % 11
    return {10: "X", 11: "0"}.get(rest, str(rest))
