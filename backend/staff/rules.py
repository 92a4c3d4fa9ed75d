"""Passwords, recovery codes, addresses and limits: pure functions over facts."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Collection
from datetime import timedelta

LEAST_PASSWORD = 10
"""Characters. NIST SP 800-63B-4, 3.1.1.2: at least 15 where a password is the only factor, and no fewer than 8 where it
is only ever used together with another. Here it never goes alone (TOTP or a recovery code), so 8 would do; the house
asks for 10."""

MOST_PASSWORD = 200
"""63B-4, 3.1.1.2: at least 64 must be accepted."""

LEAST_GUESSES = 10**8
"""A password that zxcvbn expects to fall in fewer guesses is *common or expected* (63B-4, 3.1.1.2: blocklist)."""

JUDGED_CHARACTERS = 64
"""zxcvbn reads no more than 72."""

PRODUCT_WORDS = ("xinyi", "xinyiplus", "信易", "信易+")

INVITATION_HOURS = 72
PENDING_SECRET_MINUTES = 60
OIDC_FLOW_MINUTES = 10

RECOVERY_CODES = 10
RECOVERY_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No 0, O, 1, I, L: a code is written down and typed."""
RECOVERY_SELECTOR = 4
RECOVERY_SECRET = 16
"""79 bits, hashed with Argon2id as 63B-4, 3.1.2.2 asks of look-up secrets under 112 bits."""

KNOWN_ADDRESS_DAYS = 30
WINDOW = timedelta(minutes=15)

_RECOVERY = re.compile(f"[{RECOVERY_ALPHABET}]{{{RECOVERY_SELECTOR + RECOVERY_SECRET}}}")


def normal_password(text: str) -> str:
    """A password as it is hashed: NFC, without spaces at its ends, as the API trims every text."""
    return unicodedata.normalize("NFC", text).strip()


def password_problem(password: str, context: Collection[str], guesses: float) -> str | None:
    """Why a password (in normal form) is not acceptable, in Chinese; None when it is.

    ``context``: words that an attacker would try first (username, display name). ``guesses``: zxcvbn's estimate. There
    is no rule about kinds of characters and no rotation (63B-4, 3.1.1.2).
    """
    if len(password) < LEAST_PASSWORD:
        return f"至少 {LEAST_PASSWORD} 个字符；几个不相干的词连成一句最好记。"
    if len(password) > MOST_PASSWORD:
        return f"至多 {MOST_PASSWORD} 个字符。"
    if len(_without(password, context)) < LEAST_PASSWORD - 2:
        return "不能主要由用户名、姓名或系统名称组成。"
    if guesses < LEAST_GUESSES:
        return "太常见或太容易猜到（常用密码、键盘顺序、重复、日期）。请换几个不相干的词连成一句。"
    return None


def _without(password: str, context: Collection[str]) -> str:
    """What is left of a password when the words of its context are taken out."""
    rest = password.casefold()
    for word in sorted({word.casefold() for word in context}, key=len, reverse=True):
        if len(word) >= 2:
            rest = rest.replace(word, "")
    return rest


def context_words(username: str, display_name: str) -> list[str]:
    """What must not make up a password: the names of the account and of the product."""
    parts = re.split(r"[._-]+", username)
    return [username, display_name, *(part for part in parts if len(part) >= 3), *PRODUCT_WORDS]


def normal_recovery_code(text: str) -> str | None:
    """A recovery code without the spaces and hyphens that make it readable; None when it cannot be one."""
    code = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()
    return code if _RECOVERY.fullmatch(code) else None


def readable_recovery_code(code: str) -> str:
    """Groups of five, for people."""
    return "-".join(code[at : at + 5] for at in range(0, len(code), 5))


def counted_address(address: str) -> str | None:
    """The part of a client's address that is counted: an IPv4 address, the /64 of an IPv6 one.

    None for loopback and for what is no address: then every client looks alike (a proxy that is not trusted by
    settings, or a socket), and counting by it would lock everybody out for one guesser.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.is_loopback:
        return None
    if parsed.version == 6:
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)).network_address)
    return str(parsed)
