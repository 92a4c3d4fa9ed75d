"""What is an acceptable password, a recovery code, a counted address: no I/O."""

from __future__ import annotations

import pytest

from backend.accounts import rules as roles
from backend.staff import passwords, rules
from tests.factories.accounts import PASSWORD

GOOD = [
    PASSWORD,
    "我家门前有两棵枣树一口井",
    "7hqZpL0-xw2k",
    "x" * 3 + " mornings with tea " * 5,
    "Überraschung am Montag",
]
BAD = {
    "too short": "7hqZpL0-x",
    "common": "qwertyuiop123",
    "the word itself and a year": "password2026",
    "one letter": "a" * 40,
    "a sequence": "abcdefghijklmnop",
    "the alphabet of a keyboard": "1qaz2wsx3edc",
    "its own name": "zhang.wei-zhang.wei",
    "its display name": "张伟伟张伟伟张伟伟张伟伟",
    "the product": "xinyiplus信易信易",
    "too long": "correct horse " * 20,
}


@pytest.mark.parametrize("password", GOOD)
def test_a_long_password_is_acceptable_whatever_its_characters(password: str) -> None:
    assert passwords.problem(password[:200], "li.na", "李娜") is None


@pytest.mark.parametrize("what", sorted(BAD))
def test_a_password_that_would_be_tried_early_is_not(what: str) -> None:
    assert passwords.problem(BAD[what], "zhang.wei", "张伟伟"), what


def test_two_spellings_of_one_password_are_the_same() -> None:
    assert rules.normal_password("cafe\u0301 ") == rules.normal_password("caf\u00e9")


def test_sixty_four_characters_are_accepted_and_the_last_one_counts() -> None:
    long = "Vier Enten, drei Boote und ein sehr langer Sommer am See 2031 x"
    kept = passwords.hash_secret(long + "a")
    assert passwords.problem(long + "a", "li.na", "李娜") is None
    assert passwords.verify(kept, long + "a") and not passwords.verify(kept, long + "b")


def test_an_empty_hash_is_never_right() -> None:
    assert not passwords.verify("", "nobody has this password")


def test_a_recovery_code_is_read_as_people_write_it() -> None:
    code = rules.RECOVERY_ALPHABET[:20]
    shown = rules.readable_recovery_code(code)
    for written in (shown, shown.lower(), shown.replace("-", " "), f" {code} "):
        assert rules.normal_recovery_code(written) == code
    for wrong in ("", code[:-1], code + "2", "0" * 20, "é" * 20):
        assert rules.normal_recovery_code(wrong) is None


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", None),
        ("::1", None),
        ("", None),
        ("unix:", None),
    ],
)
def test_an_address_is_counted_by_what_one_customer_has(address: str, counted: str | None) -> None:
    assert rules.counted_address(address) == counted


@pytest.mark.parametrize(
    ("held", "apart"),
    [
        ({"account-admin", "office"}, 1),
        ({"account-admin", "counter-clerk"}, 1),
        ({"account-admin", "auditor"}, 1),
        ({"office", "auditor", "account-admin"}, 3),
        *(({"auditor", role}, 1) for role in roles.ROLES if role != "auditor"),
        ({"office", "counter-clerk", "community-worker"}, 0),
        ({"auditor"}, 0),
    ],
)
def test_duties_are_separated(held: set[str], apart: int) -> None:
    assert len(roles.conflicts(held)) == apart


@pytest.mark.parametrize(
    ("agent", "summary"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36",
            "Chrome · Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari · iPhone"),
        ("Mozilla/5.0 (Linux; Android 15; SM-S9280 Build/X) MicroMessenger/8.0.5", "微信 · Android"),
        ("python-httpx/0.28", None),
        ("", None),
        ("<script>" * 9000, None),
    ],
)
def test_of_a_browser_two_words_are_kept(agent: str, summary: str | None) -> None:
    assert roles.agent_summary(agent) == summary
