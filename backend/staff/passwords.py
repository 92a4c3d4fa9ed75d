"""Passwords: which are acceptable, how they are kept, and what a look at one costs."""

from __future__ import annotations

from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from backend.kit.errors import FieldError
from backend.staff import rules

_hasher = PasswordHasher()
_dummy_hash = ""
_nobodys_code = ""
CODE_PASSES, CODE_KIB = 2, 19_456
"""For codes that the house draws itself, 79 random bits each: less is enough, and ten are made at once."""
_code_hasher = PasswordHasher(time_cost=CODE_PASSES, memory_cost=CODE_KIB, parallelism=1)


@dataclass(frozen=True)
class PasswordCost:
    """Argon2id's cost; the default is RFC 9106's second recommendation."""

    passes: int = 3
    memory_kib: int = 65536
    lanes: int = 4


def set_cost(cost: PasswordCost) -> None:
    """The cost of every hash made from now on. Tests take less."""
    global _hasher, _code_hasher, _dummy_hash, _nobodys_code
    _hasher = PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes)
    passes, memory_kib = min(CODE_PASSES, cost.passes), min(CODE_KIB, cost.memory_kib)
    _code_hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
    _dummy_hash = _hasher.hash("nobody has this password")
    _nobodys_code = _code_hasher.hash("nobody has this code")


def nobodys_hash() -> str:
    """What an unknown name's password is compared with, so that the answer costs as much."""
    if not _dummy_hash:
        set_cost(PasswordCost())
    return _dummy_hash


def hash_secret(text: str) -> str:
    """Argon2id of a password, with a salt of its own. Slow: never inside a transaction."""
    return _hasher.hash(text)


def hash_code(text: str) -> str:
    """Argon2id of a code that the house drew."""
    return _code_hasher.hash(text)


def verify_code(kept: str, text: str) -> bool:
    """Whether ``text`` is the code that ``kept`` is the hash of. No hash costs as much and is never right."""
    return verify(kept or _nobodys_code, text) and bool(kept)


def verify(kept: str, text: str) -> bool:
    """Whether ``text`` is what ``kept`` is the hash of. An empty hash costs as much and is never right."""
    try:
        return _hasher.verify(kept or nobodys_hash(), text) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def problem(password: str, username: str, display_name: str) -> str | None:
    """Why a password is not acceptable for this account; None when it is.

    ``zxcvbn`` (MIT) brings the lists of common passwords, names and words, and knows keyboards, dates and repeats.
    """
    normal, context = rules.normal_password(password), rules.context_words(username, display_name)
    judged = normal[: rules.JUDGED_CHARACTERS]
    guesses = float(zxcvbn(judged, user_inputs=context)["guesses"]) if judged else 0.0
    return rules.password_problem(normal, context, guesses)


def require_acceptable(password: str, username: str, display_name: str, pointer: str = "/password") -> None:
    """Raise FieldError at ``pointer`` unless the password is acceptable."""
    if told := problem(password, username, display_name):
        raise FieldError.at(pointer, told, "Too short, too common, or made of the account's own names.")
