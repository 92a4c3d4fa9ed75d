"""Names, id numbers, ages and roles: pure functions over facts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import date, timedelta
from typing import NamedTuple

ADULT_YEARS = 18
"""民法典第十七条：十八周岁以上的自然人为成年人。"""

GUARDED_YEARS = 14
"""个人信息保护法第三十一条：不满十四周岁未成年人的个人信息，应当取得其父母或者其他监护人的同意。"""

ORGANISATION_KINDS = ("office", "department", "community", "partner", "market")

ROLES: dict[str, str] = {
    "office": "项目办公室",
    "auditor": "审计人员",
    "account-admin": "账号管理员",
    "counter-clerk": "窗口工作人员",
    "community-worker": "社区工作者",
    "partner-manager": "合作方管理员",
    "data-officer": "部门数据专员",
    "market-manager": "市场管理员",
}
"""Every role that staff can hold, and its name in Chinese."""

_READERS = frozenset({"office", "counter-clerk", "community-worker", "data-officer"})
SEPARATED: dict[str, frozenset[str]] = {
    "account-admin": _READERS | {"auditor"},
    "auditor": frozenset(ROLES) - {"auditor"},
}
"""Duties that one person must not hold together, in whatever organisation: whoever hands out accounts reads no
personal data, whoever audits changes nothing."""

ROLES_BY_TWO = SEPARATED["account-admin"]
"""Roles that an administrator of accounts gives only together with a second person: a second account with one of them,
made by her alone, would be hers."""

ROLES_OF_THE_OFFICE = frozenset({"office", "auditor", "account-admin"})
"""Roles whose word counts in the whole installation: held in an organisation of kind ``office`` alone."""

_ID_NUMBER = re.compile(r"[1-9][0-9]{16}[0-9X]")
_EARLIEST_BIRTH = date(1900, 1, 1)
_DOTS = str.maketrans(dict.fromkeys("•‧∙⋅・.", "·"))
_NAME = re.compile(r"[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af·]{2,50}")
_USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{1,38}[a-z0-9])")
_MAINLAND_PHONE = re.compile(r"1[3-9][0-9]{9}")


class Limit(NamedTuple):
    """At most ``most`` tries within ``window`` of the first."""

    most: int
    window: timedelta


def normal_name(text: str) -> str | None:
    """A Chinese name as it is compared: NFKC, no spaces, one kind of middle dot. None when it cannot be one.

    2 to 50 Han characters, with ``·`` between the parts of a transcribed name.
    """
    name = unicodedata.normalize("NFKC", text)
    name = "".join(name.split()).translate(_DOTS)
    if not _NAME.fullmatch(name) or name.startswith("·") or name.endswith("·") or "··" in name:
        return None
    return name


def check_character(seventeen: str) -> str:
    """The last character of an id number: ISO 7064 MOD 11-2 over its first 17 digits (GB 11643)."""
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(seventeen))
    return "10X98765432"[total % 11]


def normal_id_number(text: str, today: date) -> str | None:
    """An 18-character resident id number (GB 11643), X in upper case. None when it is not one.

    Form, check character and a birth date from 1900 to ``today`` are judged. The division code is not: divisions
    are renamed and abolished while the cards that carry their codes stay valid.
    """
    number = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    if not _ID_NUMBER.fullmatch(number) or number[17] != check_character(number[:17]):
        return None
    try:
        born_on = birth_on(number)
    except ValueError:
        return None
    return number if _EARLIEST_BIRTH <= born_on <= today else None


def birth_on(id_number: str) -> date:
    """The birth date inside an id number. Raises ValueError when there is no such day."""
    return date(int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14]))


def age_years(born_on: date, on: date) -> int:
    """Completed years of age on a day; a birthday completes one. Born on 29 February: on 1 March in common years."""
    return on.year - born_on.year - ((on.month, on.day) < (born_on.month, born_on.day))


def is_adult(born_on: date, on: date) -> bool:
    """Whether someone is of age on a day (18 completed years)."""
    return age_years(born_on, on) >= ADULT_YEARS


def normal_username(text: str) -> str | None:
    """A sign-in name in lower case: 3 to 40 of letters, digits, dot, hyphen, underscore. None when it is not one."""
    username = text.strip().lower()
    return username if _USERNAME.fullmatch(username) else None


def conflicts(roles: Collection[str]) -> list[tuple[str, str]]:
    """Pairs among ``roles`` that one person must not hold together, each once and in order."""
    held = sorted(set(roles))
    return [
        (one, other)
        for at, one in enumerate(held)
        for other in held[at + 1 :]
        if other in SEPARATED.get(one, ()) or one in SEPARATED.get(other, ())
    ]


_BROWSERS = (("MicroMessenger", "微信"), ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox", "Firefox"),
             ("Chrome", "Chrome"), ("Safari", "Safari"))  # fmt: skip
_SYSTEMS = (("OpenHarmony", "鸿蒙"), ("HarmonyOS", "鸿蒙"), ("Android", "Android"), ("iPhone", "iPhone"),
            ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip


def agent_summary(user_agent: str) -> str | None:
    """What a User-Agent header tells its owner, in two words (``Chrome · Windows``); None when it tells nothing.

    No version, no model, no build: enough to know one's own phone again, too little to follow anybody by.
    """
    told = [next((name for mark, name in known if mark in user_agent), "") for known in (_BROWSERS, _SYSTEMS)]
    return " · ".join(name for name in told if name) or None


def normal_phone(number: str, country_code: str = "86") -> str | None:
    """A mainland mobile number, 11 digits. None for any other."""
    digits = "".join(number.split()).removeprefix("+86")
    return digits if country_code == "86" and _MAINLAND_PHONE.fullmatch(digits) else None
