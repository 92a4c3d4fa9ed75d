"""Signing in by password and one-time code, and proving oneself once more.

Three steps at the edge: count the attempt (a transaction of its own), ``check`` (slow, outside any transaction),
``sign_in`` (which uses up the code and opens the session).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.errors import SignInRefused
from backend.kit.db import Reader
from backend.staff import guard, otp, passwords, recovery, rules
from backend.staff.errors import CredentialsRefused, NoLocalPassword


@dataclass(frozen=True)
class CheckedStaff:
    """Password and second factor were right; the code (``otp_step`` or ``selector``) is still to be used up."""

    staff_id: UUID
    username: str
    password_hash: str = field(repr=False)
    otp_step: int | None = None
    selector: str | None = None


def check_staff(
    reader: Reader, username: str, password: str, otp_code: str = "", recovery_code: str = ""
) -> CheckedStaff:
    """Whether name, password and second factor belong together. Raises SignInRefused, whatever is wrong.

    Every answer costs one Argon2id verification and one comparison with three one-time codes; with a recovery code in
    place of those, a second Argon2id.
    """
    known = accounts.credentials(reader, username=accounts.normal_username(username) or "")
    checked = _check(reader, known, password, otp_code, recovery_code)
    if known is not None and known.status != "active" and not isinstance(checked, str):
        checked = "suspended"
    if isinstance(checked, str):
        raise _refused(checked)
    return checked


def _refused(why: str) -> SignInRefused:
    """The one refusal; ``why`` is for the figures alone."""
    refusal = SignInRefused()
    refusal.counted_as = why
    return refusal


def check_again(
    reader: Reader, staff_id: UUID, password: str, otp_code: str = "", recovery_code: str = ""
) -> CheckedStaff:
    """The same for somebody who is signed in. Raises CredentialsRefused and NoLocalPassword."""
    known = accounts.credentials(reader, staff_id=staff_id)
    if known is not None and not known.password_hash:
        raise NoLocalPassword()
    checked = _check(reader, known, password, otp_code, recovery_code)
    if isinstance(checked, str):
        raise CredentialsRefused()
    return checked


def _check(
    reader: Reader, known: accounts.Credentials | None, password: str, otp_code: str, recovery_code: str
) -> CheckedStaff | str:
    """All the work first, the verdict after: nothing about the account shows in what was done.

    What was wrong, as text, where something was.
    """
    right = passwords.verify(known.password_hash if known else "", rules.normal_password(password))
    secret = (known.totp_secret if known else "") or otp.new_totp_secret()
    step = otp.matching_step(secret, otp_code) if otp_code else None
    selector = recovery.matching(reader, known.staff_id if known else None, recovery_code) if recovery_code else None
    if known is None:
        return "unknown-name"
    if not right:
        return "wrong-password"
    if step is None and selector is None:
        return "wrong-one-time-code"
    return CheckedStaff(known.staff_id, known.username, known.password_hash, step, selector)


def use_up(session: Session, checked: CheckedStaff) -> bool:
    """Use up the second factor. False when it was used, or the account or its password changed, a moment ago."""
    if not accounts.lock_active(session, checked.staff_id):
        return False
    now = accounts.credentials(session, staff_id=checked.staff_id)
    if now is None or now.password_hash != checked.password_hash:
        return False
    if checked.otp_step is not None:
        return accounts.use_otp_step(session, checked.staff_id, checked.otp_step)
    return checked.selector is not None and recovery.use(session, checked.staff_id, checked.selector)


def sign_in_staff(
    session: Session, checked: CheckedStaff, address: str = "", user_agent: str = ""
) -> accounts.Grant | SignInRefused:
    """Use up the code and open a session. A code that was used is refused, by *returning* the refusal.

    Such a refusal gives its attempt back: who knows the password and a true code was not guessing. A used recovery code
    gives nothing back, as nothing was counted: otherwise it would pay for guesses of the other factor.
    """
    if not use_up(session, checked):
        if checked.otp_step is not None:
            guard.give_back(session, checked.username, address)
        return _refused("used-one-time-code")
    guard.succeeded(session, checked.username, address)
    return accounts.open_session(session, "staff", checked.staff_id, user_agent)
