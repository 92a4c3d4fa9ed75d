"""Staff: made by an administrator, signed in by password and one-time code.

A sign-in has three steps at the edge: count the attempt (a transaction of its own), ``check_staff`` (slow, outside
any transaction), ``sign_in_staff`` (which uses up the one-time code and opens the session).
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from backend.accounts import attempts, rules, sessions
from backend.accounts.errors import AccountRefused, SignInRefused
from backend.accounts.models import DeviceRow, MembershipRow, OrganisationRow, StaffRow
from backend.kit import clock, seal
from backend.kit.db import Reader, insert_if_absent
from backend.kit.errors import NotFound
from backend.kit.ids import new_id

ATTEMPT = "staff-sign-in"
OTP_SECONDS = 30
OTP_STEPS = (-1, 0, 1)
LEAST_PASSWORD = 10

_hasher = PasswordHasher()
_dummy_hash = ""


def set_password_cost(*, passes: int = 3, memory_kib: int = 65536, lanes: int = 4) -> None:
    """The cost of Argon2id (RFC 9106's second recommendation by default). Tests take less."""
    global _hasher, _dummy_hash
    _hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
    _dummy_hash = _hasher.hash("nobody has this password")


def _nobodys_hash() -> str:
    """What an unknown name's password is compared with, so that the answer takes as long."""
    if not _dummy_hash:
        set_password_cost()
    return _dummy_hash


@dataclass(frozen=True)
class CheckedStaff:
    """Password and one-time code were right; ``otp_step`` is still to be used up."""

    staff_id: UUID
    username: str
    otp_step: int


def create_staff(
    session: Session,
    username: str,
    password: str,
    totp_secret: str,
    display_name: str,
    roles: Sequence[tuple[str, UUID]],
) -> UUID:
    """A staff account with its roles: (role, organisation id). ``totp_secret``: base32, 160 bits or more.

    Raises AccountRefused saying everything that is wrong.
    """
    if problems := _problems(session, username, password, totp_secret, display_name, roles):
        raise AccountRefused("；".join(problems), problems=problems)
    staff_id = new_id()
    values = dict(
        id=staff_id, username=rules.normal_username(username), display_name=display_name.strip(), status="active",
        password_hash=_hasher.hash(rules.normal_password(password)), otp_last_step=None, created_at=clock.now(),
        otp_secret_sealed=seal.seal_system(totp_secret, table="staff", column="otp_secret_sealed", row=staff_id),
    )  # fmt: skip
    if not insert_if_absent(session, StaffRow, values, ("username",)):
        raise AccountRefused("这个用户名已有人使用。", problems=["username: 已有人使用"])
    for role, organisation_id in roles:
        add_membership(session, staff_id, organisation_id, role)
    return staff_id


def _problems(
    session: Session,
    username: str,
    password: str,
    totp_secret: str,
    display_name: str,
    roles: Sequence[tuple[str, UUID]],
) -> list[str]:
    problems = []
    if rules.normal_username(username) is None:
        problems.append("username: 3 至 40 个小写字母、数字、点、横线或下划线")
    if not LEAST_PASSWORD <= len(rules.normal_password(password)) <= 200:
        problems.append(f"password: {LEAST_PASSWORD} 至 200 个字符")
    if not 1 <= len(display_name.strip()) <= 60:
        problems.append("display_name: 1 至 60 个字符")
    try:
        if len(pyotp.TOTP(totp_secret).byte_secret()) < 20:
            problems.append("totp_secret: 至少 160 位（base32 32 个字符）")
    except ValueError:
        problems.append("totp_secret: 应为 base32")
    known = set(
        session.execute(select(OrganisationRow.id).where(OrganisationRow.id.in_([o for _, o in roles]))).scalars()
    )
    for role, organisation_id in roles:
        if role not in rules.ROLES:
            problems.append(f"roles: 没有这种角色 {role}")
        if organisation_id not in known:
            problems.append(f"roles: 没有这个单位 {organisation_id}")
    return problems


def add_membership(session: Session, staff_id: UUID, organisation_id: UUID, role: str) -> None:
    """Give a staff member a role in an organisation; giving it twice changes nothing."""
    if role not in rules.ROLES:
        raise AccountRefused(f"没有这种角色：{role}", problems=[f"role: {role}"])
    values = dict(staff_id=staff_id, organisation_id=organisation_id, role=role)
    insert_if_absent(session, MembershipRow, values, ("staff_id", "organisation_id", "role"))


def remove_membership(session: Session, staff_id: UUID, organisation_id: UUID, role: str) -> None:
    """Take a role away; it is gone with the next request."""
    session.execute(
        delete(MembershipRow).where(
            MembershipRow.staff_id == staff_id,
            MembershipRow.organisation_id == organisation_id,
            MembershipRow.role == role,
        )
    )


def count_sign_in(session: Session, username: str) -> None:
    """Count a sign-in before it is judged, for known and unknown names alike. Raises TooManyAttempts."""
    attempts.count(session, ATTEMPT, username.strip().lower(), rules.STAFF_SIGN_IN)


def check_staff(reader: Reader, username: str, password: str, otp: str) -> CheckedStaff:
    """Whether name, password and one-time code belong together. Raises SignInRefused, whatever is wrong.

    Every answer costs one Argon2 verification and one comparison with three one-time codes.
    """
    normal = rules.normal_username(username) or ""
    row = reader.execute(
        select(StaffRow.id, StaffRow.password_hash, StaffRow.otp_secret_sealed, StaffRow.status).where(
            StaffRow.username == normal
        )
    ).first()
    right = _password_is_right(row.password_hash if row else _nobodys_hash(), rules.normal_password(password))
    secret = (
        seal.open_system(row.otp_secret_sealed, table="staff", column="otp_secret_sealed", row=row.id)
        if row
        else pyotp.random_base32()
    )
    step = matching_step(secret, otp)
    if row is None or not right or step is None or row.status != "active":
        refusal = SignInRefused()
        refusal.counted_as = (
            "unknown-name" if row is None else "wrong-password" if not right
            else "wrong-one-time-code" if step is None else "suspended"
        )  # fmt: skip
        raise refusal
    return CheckedStaff(row.id, normal, step)


def _password_is_right(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def matching_step(secret: str, otp: str) -> int | None:
    """The 30-second step whose code this is, one step before or after now at most (RFC 6238, 5.2). None otherwise."""
    totp, now_step = pyotp.TOTP(secret), int(clock.now().timestamp()) // OTP_SECONDS
    matching = [
        now_step + offset
        for offset in OTP_STEPS
        if hmac.compare_digest(totp.generate_otp(now_step + offset).encode(), otp.encode())
    ]
    return matching[0] if matching else None


def sign_in_staff(session: Session, checked: CheckedStaff) -> sessions.Grant | SignInRefused:
    """Use up the one-time code and open a session. A code that was used is refused, by *returning* the refusal.

    Such a refusal gives its attempt back: who knows the password and a true code was not guessing.
    """
    used = (
        update(StaffRow)
        .where(
            StaffRow.id == checked.staff_id,
            StaffRow.status == "active",
            StaffRow.otp_last_step.is_(None) | (StaffRow.otp_last_step < checked.otp_step),
        )
        .values(otp_last_step=checked.otp_step)
        .returning(StaffRow.id)
    )
    if session.execute(used).first() is None:
        attempts.give_back(session, ATTEMPT, checked.username)
        refusal = SignInRefused()
        refusal.counted_as = "used-one-time-code"
        return refusal
    attempts.clear(session, ATTEMPT, checked.username)
    return sessions.open_session(session, "staff", checked.staff_id)


def staff_by_username(reader: Reader, username: str) -> UUID:
    """The id behind a username. Raises NotFound."""
    normal = rules.normal_username(username) or ""
    staff_id: UUID | None = reader.execute(select(StaffRow.id).where(StaffRow.username == normal)).scalar()
    if staff_id is None:
        raise NotFound()
    return staff_id


def set_staff_status(session: Session, staff_id: UUID, status: str) -> None:
    """``suspended`` ends every session of the account at once; ``active`` lets it sign in again."""
    changed = update(StaffRow).where(StaffRow.id == staff_id).values(status=status).returning(StaffRow.id)
    if session.execute(changed).first() is None:
        raise NotFound()
    if status == "suspended":
        sessions.end_sessions(session, staff_id, "suspended")


def display_names(reader: Reader, account_ids: Collection[UUID]) -> dict[UUID, str]:
    """What staff and devices are called; other ids are left out."""
    found: dict[UUID, str] = {}
    for column, key in ((StaffRow.display_name, StaffRow.id), (DeviceRow.label, DeviceRow.id)):
        found.update({row[0]: row[1] for row in reader.execute(select(key, column).where(key.in_(account_ids)))})
    return found


def staff_memberships(reader: Reader, staff_id: UUID) -> list[dict[str, object]]:
    """The roles of a staff member with their organisations: ``{role, organisation_id, organisation_name}``."""
    rows = reader.execute(
        select(MembershipRow.role, MembershipRow.organisation_id, OrganisationRow.name.label("organisation_name"))
        .join(OrganisationRow, OrganisationRow.id == MembershipRow.organisation_id)
        .where(MembershipRow.staff_id == staff_id)
        .order_by(MembershipRow.role, OrganisationRow.name)
    )
    return [dict(row._mapping) for row in rows]


def new_totp_secret() -> str:
    """A fresh TOTP secret: 160 random bits in base32."""
    return pyotp.random_base32()


def provisioning_uri(username: str, totp_secret: str, issuer: str) -> str:
    """The ``otpauth://`` address that an authenticator app reads."""
    return pyotp.TOTP(totp_secret).provisioning_uri(name=username, issuer_name=issuer)
