"""What a plate is, what a ticket is, and when a reported time is believed. Pure.

Plates are those of GA 36—2018《中华人民共和国机动车号牌》 for civil vehicles: a province's character, the letter of the
issuing authority, and five characters; of new-energy vehicles six, with the letters D A B C E (pure electric) or F G H
J K (other) first (small vehicles) or last (large ones). The letters I and O are used nowhere.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Any

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGITS = "0123456789"
NEW_ENERGY = "ABCDEFGHJK"
_ANY = f"[{LETTERS}{DIGITS}]"
_PLATE = re.compile(
    f"[{PROVINCES}][{LETTERS}](?:{_ANY}{{5}}|[{NEW_ENERGY}]{_ANY}[{DIGITS}]{{4}}|[{DIGITS}]{{5}}[{NEW_ENERGY}])"
)
_BETWEEN = re.compile(r"[\s·•・‧∙⋅.\-]")

PENDING, CONFIRMED, ENDED = "pending", "confirmed", "ended"
STATE_TEXT = {PENDING: "待现场确认", CONFIRMED: "已确认", ENDED: "已由他人确认，不再是您的"}
INSIDE, LEFT, UNLINKED = "inside", "left", "unlinked"
STAY_TEXT = {INSIDE: "在场", LEFT: "已离场", UNLINKED: "已断开：您撤回了授权或删除了车牌"}
ASKED_TEXT = {"entitlement": "询问能否享受停车优惠", "entry": "车辆入场", "exit": "车辆离场"}

KINDS = frozenset({"parking", "pay_after", "service"})
"""Kinds of offers that can be applied by plate."""
HERE = "parking"
"""A venue where an offer of this kind is admitted is a car park."""
MOST_PLATES = 5
PENDING_DAYS = 30
"""A plate that nobody confirmed is forgotten after so many days."""
KEPT_DAYS = 90
"""How long questions and stays are kept where ``city.toml`` says nothing (``[parking] kept_days``, 1 to 366)."""
GOOD_SECONDS = 60
"""How long an operator may rely on an answer."""
FUTURE = timedelta(minutes=2)
LATE = timedelta(days=7)
"""How far a car park's clock may run ahead of ours, and how late it may report."""
SKEW_SECONDS = 60
"""How far the time of a signed request may be from ours, either way."""


def normal_plate(text: str) -> str | None:
    """A plate as it is compared: capitals, without spaces, dots and hyphens. None when it cannot be one."""
    plate = _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper()
    return plate if _PLATE.fullmatch(plate) else None


def names_plate(ticket: str, plate: str) -> bool:
    """Whether a ticket's number holds the plate: then it could not be kept without it."""
    return plate[1:] in re.sub(r"[^A-Z0-9]", "", ticket.upper())


def judge_time(at: datetime, now: datetime) -> str:
    """Why a reported instant is not believed, in Chinese; "" when it is."""
    if at > now + FUTURE:
        return "在未来；请校准时钟。"
    return f"早于 {LATE.days} 天前，太晚了。" if at < now - LATE else ""


def signed_text(method: str, path: str, timestamp: str, key: str, body_sha256: str) -> bytes:
    """What an operator's system signs of a request, ASCII. ``body_sha256``: lower-case hexadecimal."""
    return f"xinyi-request-v1|{method}|{path}|{timestamp}|{key}|{body_sha256}".encode("ascii", "replace")


def near(timestamp: str, now: datetime) -> bool:
    """Whether a request's time (Unix seconds, digits alone) is within ``SKEW_SECONDS`` of ours."""
    if not re.fullmatch(r"[0-9]{1,12}", timestamp, re.ASCII):
        return False
    return abs(int(timestamp) - now.timestamp()) <= SKEW_SECONDS


def lint(content: dict[str, Any]) -> list[str]:
    """What is wrong with ``[parking]`` of ``city.toml``; it may be left out."""
    said = content.get("parking", {})
    days = said.get("kept_days", KEPT_DAYS) if isinstance(said, dict) else None
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 366:
        return ["parking.kept_days 应为 1 至 366 的整数"]
    return []
