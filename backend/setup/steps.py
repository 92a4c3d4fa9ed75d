"""The steps of the first hour. Each looks first whether it is done, so that all of them may be repeated."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import qrcode
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from backend.accounts import service as accounts
from backend.codes import service as codes
from backend.kit import city, db, migrations, trail
from backend.kit.errors import NotFound
from backend.kit.ids import NIL
from backend.setup.answers import Person, SetupRefused
from backend.staff import service as staff
from config.settings import Settings

ISSUER = "信易+"
CREATE = "sudo -u postgres createuser xinyi && sudo -u postgres createdb -O xinyi -E UTF8 -T template0 xinyi"


@dataclass(frozen=True)
class Credentials:
    """A new account's, in the clear this once."""

    username: str
    password: str
    totp_secret: str

    @property
    def uri(self) -> str:
        return staff.provisioning_uri(self.username, self.totp_secret, ISSUER)


def connect(settings: Settings) -> None:
    """Bind the database. Raises SetupRefused where nobody answers or somebody else's tables stand."""
    from backend.app import prepare

    for folder in (settings.instance_root, settings.files_root, settings.backup_root):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    prepare(settings)
    try:
        with db.current().engine.connect() as connection:
            tables = set(inspect(connection).get_table_names())
            connection.execute(text("SELECT 1"))
    except DBAPIError as error:
        why = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
        raise SetupRefused(f"数据库没有答复（{why}）。PostgreSQL 可以这样建库：\n  {CREATE}") from None
    if tables and "alembic_version" not in tables:
        raise SetupRefused(f"这个数据库里有别人的表（{'、'.join(sorted(tables)[:5])}…），请给一个空库。")


def schema() -> str:
    """Bring the schema up to date and return its revision."""
    return migrations.upgrade()


def load_city(settings: Settings, folder: Path) -> list[str]:
    """Load the city's files and return what is in force. Raises SetupRefused naming every problem."""
    try:
        contents = city.read_folder(folder)
        if str(contents["city"].get("code")) != settings.city:
            raise SetupRefused(f"{folder} 是 {contents['city'].get('code')} 的配置，设置里的城市是 {settings.city}。")
        with db.transaction() as session:
            loaded = city.load(session, contents)
    except city.CityRefused as error:
        lines = "\n".join(f"  - {problem}" for problem in error.members["problems"])
        raise SetupRefused(f"城市配置没有通过检查：\n{lines}") from None
    return [f"{policy.kind} {policy.version}" for policy in loaded]


def signing_keys(settings: Settings) -> list[str]:
    """Make the signing keys that are missing and return their purposes."""
    with db.transaction() as session:
        return list(codes.ensure_keys(session, settings.city))


def office(slug: str, name: str) -> None:
    """The organisation of the programme office."""
    with db.transaction() as session:
        try:
            accounts.organisation_by_slug(session, slug)
        except NotFound:
            made = accounts.ensure_organisation(session, slug, "office", name)
            trail.note(session, NIL, "command-line", "organisation.add", "organisation", made)


def has_office(slug: str) -> bool:
    with db.reading() as reader:
        return any(one.slug == slug for one in accounts.organisations(reader, kind="office"))


def has_account(username: str) -> bool:
    with db.reading() as reader:
        try:
            accounts.staff_by_username(reader, username)
        except NotFound:
            return False
    return True


def has_role(role: str) -> bool:
    with db.reading() as reader:
        return accounts.active_staff_by_role(reader).get(role, 0) > 0


def username_problem(username: str, taken: Collection[str]) -> str | None:
    """Why a new account cannot have this name, ``taken`` being promised already; None when it can."""
    if accounts.normal_username(username) is None:
        return "用户名是 3 至 40 个小写字母、数字、点、横线或下划线。"
    return "这个用户名已有人使用。" if username in taken or has_account(username) else None


def password_problem(password: str, username: str, name: str) -> str | None:
    """Why a chosen password is not acceptable; None when it is."""
    return staff.password_problem(password, username, name)


def new_credentials(person: Person) -> Credentials:
    """A secret for the authenticator app, and a password unless one was chosen."""
    return Credentials(person.username, person.password or secrets.token_urlsafe(15), staff.new_totp_secret())


def create_account(person: Person, credentials: Credentials, office_slug: str) -> None:
    """The account with its one role at the office. Raises SetupRefused saying what is wrong."""
    from backend.accounts.errors import AccountRefused

    try:
        with db.transaction() as session:
            where = accounts.organisation_by_slug(session, office_slug).id
            staff_id = staff.create_staff(
                session, person.username, credentials.password, credentials.totp_secret, person.name,
                [(person.role, where)],
            )  # fmt: skip
            trail.note(session, NIL, "command-line", "staff.create", "staff", staff_id, {"role": person.role})
    except AccountRefused as refusal:
        raise SetupRefused(refusal.detail_zh) from None


def terminal_qr(text_of_code: str) -> str:
    """A QR code in half blocks, dark on light, for a terminal of either colour."""
    code = qrcode.QRCode(border=2, error_correction=qrcode.constants.ERROR_CORRECT_L)
    code.add_data(text_of_code)
    code.make(fit=True)
    rows = code.get_matrix()
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    glyphs = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join("".join(glyphs[pair] for pair in zip(up, down, strict=True)) for up, down in pairs)


def hand_over(path: Path, made: list[Credentials]) -> None:
    """Write what can be shown only once into a new file that its owner alone can read, before the accounts are made.

    Raises SetupRefused where the file exists: it may hold what an earlier run handed over.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise SetupRefused(f"{path} 已经存在，没有覆盖。请先移走它。") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("# 首次登录所需，只写这一次。登记到动态码应用之后请销毁本文件。\n")
        for one in made:
            file.write(f"\n用户名 {one.username}\n密码 {one.password}\n动态码 {one.uri}\n")
