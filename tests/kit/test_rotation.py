"""Keys rotate: what stands under the old ones is brought under the new, and nothing is lost on the way."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Text, select

from backend.accounts import people as private
from backend.accounts import service as accounts
from backend.accounts.models import PersonLookupRow, PersonRow, StaffRow
from backend.app import bind_keys
from backend.codes import service as codes
from backend.codes.models import CodeKey
from backend.kit import db, keys_cli, rotation, seal, watch
from backend.models import metadata
from backend.staff import service as staff
from config import secrets_file
from config.settings import Settings, SettingsError, new_secrets
from tests.factories import accounts as people


@pytest.fixture
def keys(app: Flask, settings: Settings) -> Iterator[Settings]:
    """Two keys of each kind, the old one current; the suite's own afterwards, with all that stands under them."""
    m, h, t = (dict(each) for each in (settings.master_keys, settings.hash_keys, settings.session_keys))
    both = replace(
        settings, master_keys=m | {"m2": os.urandom(32), "sm2": os.urandom(32)}, hash_keys=h | {"h2": os.urandom(32)},
        session_keys=t | {"t2": os.urandom(32)},
    )  # fmt: skip
    yield both
    bind_keys(replace(both, master_keys=m | both.master_keys))
    for each in rotation.registered("master"):
        rotation.run(each)
    for gone in ("h2",):
        rotation.forget(gone)
    bind_keys(settings)


def first(keys: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {name: keys[name], **keys}


def run(kind: str) -> int:
    return sum(rotation.run(each) for each in rotation.registered(kind))


@pytest.mark.parametrize("fresh", ["m2", "sm2"])
def test_what_the_old_master_key_sealed_opens_without_it_after_a_pass(keys: Settings, fresh: str) -> None:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
        who, clerk = people.resident(session), people.staff(session)
    bind_keys(replace(keys, master_keys=first(keys.master_keys, fresh)))
    assert run("master") >= 3
    bind_keys(replace(keys, master_keys={fresh: keys.master_keys[fresh]}))
    with db.reading() as reader:
        assert accounts.open_person(reader, who.resident_id).id_number == who.id_number
        sealed = reader.execute(select(PersonRow.name_sealed).where(PersonRow.resident_id == who.resident_id)).scalar()
        checked = staff.check_staff(reader, clerk.username, people.PASSWORD, clerk.otp())
        secrets = reader.execute(select(CodeKey.pointer_sealed)).scalars().all()
    assert str(sealed).startswith("s1$" if fresh == "sm2" else "a1$")
    assert checked.staff_id == clerk.staff_id
    assert {text.split("$")[1] for text in secrets} == {fresh}
    assert run("master") == 0, "a second pass finds nothing to do"


def test_a_pass_that_is_stopped_goes_on_where_it_was(keys: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "CHUNK", 2)
    with db.transaction() as session:
        made = [people.resident(session, bound=False).resident_id for _ in range(5)]
    bind_keys(replace(keys, master_keys=first(keys.master_keys, "m2")))
    (mine,) = [each for each in rotation.registered("master") if "people.data_key" in each.columns]

    def stop(progress: rotation.Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotation.run(mine, stop)
    assert rotation.run(mine) > 0 and rotation.run(mine) == 0
    with db.reading() as reader:
        under = reader.execute(select(PersonRow.data_key).where(PersonRow.resident_id.in_(made))).scalars().all()
    assert {bytes(each).split(b"$")[1] for each in under} == {b"m2"}


def test_people_are_found_by_the_new_hash_key_alone_after_a_pass(keys: Settings) -> None:
    old = next(iter(keys.hash_keys))
    with db.transaction() as session:
        who = people.resident(session)
        phone = people.phone()
        key = private.sealed_row(session, who.resident_id).data_key
        sealed = private.seal_field(key, "phone_sealed", who.resident_id, phone)
        session.execute(
            PersonRow.__table__.update().where(PersonRow.resident_id == who.resident_id).values(phone_sealed=sealed)
        )
        private.remember_phone(session, who.resident_id, phone)
    bind_keys(keys)
    assert run("hash") >= 2
    bind_keys(replace(keys, hash_keys={"h2": keys.hash_keys["h2"]}))
    with db.reading() as reader:
        assert accounts.find_person(reader, who.id_number) == who.resident_id
        assert _holder(reader, phone) == who.resident_id
        assert old in reader.execute(select(PersonLookupRow.key_id)).scalars().all()


def _holder(reader: Any, phone: str) -> UUID | None:
    (digest,) = [digest for _, digest in seal.digests("phone", phone)]
    found: UUID | None = reader.execute(
        select(PersonLookupRow.resident_id).where(PersonLookupRow.kind == "phone", PersonLookupRow.digest == digest)
    ).scalar()
    return found


def test_a_phone_that_changed_hands_is_not_taken_back_by_a_pass(keys: Settings) -> None:
    with db.transaction() as session:
        before, now = people.resident(session), people.resident(session)
        phone = people.phone()
        for each in (before, now):
            key = private.sealed_row(session, each.resident_id).data_key
            sealed = private.seal_field(key, "phone_sealed", each.resident_id, phone)
            session.execute(
                PersonRow.__table__.update()
                .where(PersonRow.resident_id == each.resident_id)
                .values(phone_sealed=sealed)
            )
            private.remember_phone(session, each.resident_id, phone)
    bind_keys(keys)
    run("hash")
    bind_keys(replace(keys, hash_keys={"h2": keys.hash_keys["h2"]}))
    with db.reading() as reader:
        assert _holder(reader, phone) == now.resident_id


def test_a_forgotten_hash_keys_digests_are_deleted_and_no_others(keys: Settings) -> None:
    old = next(iter(keys.hash_keys))
    bind_keys(keys)
    with db.transaction() as session:
        who = people.resident(session, bound=False)
    assert rotation.forget("h2") > 0 and rotation.forget("h2") == 0
    with db.reading() as reader:
        assert accounts.find_person(reader, who.id_number) == who.resident_id
        assert old in reader.execute(select(PersonLookupRow.key_id)).scalars().all()


def test_an_access_token_of_the_old_session_key_stands_until_the_key_is_dropped(keys: Settings) -> None:
    old = next(iter(keys.session_keys))
    with db.transaction() as session:
        token = people.resident_token(session, people.resident(session))
    for kept, stands in ((first(keys.session_keys, "t2"), True), ({"t2": keys.session_keys["t2"]}, False)):
        bind_keys(replace(keys, session_keys=kept))
        with db.reading() as reader:
            assert (accounts.resolve(reader, token) is not None) is stands
    assert old != "t2"


def test_everything_that_is_kept_sealed_has_a_pass() -> None:
    kept = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if column.name == "data_key" or (column.name.endswith("_sealed") and isinstance(column.type, Text))
    }
    passed = {name for each in rotation.registered("master") for name in each.columns}
    assert kept == passed | rotation.needless_columns()
    assert StaffRow.__tablename__ in {name.partition(".")[0] for name in passed}


# --- where keys come from ------------------------------------------------------------------------------------------


def environment(**more: str) -> dict[str, str]:
    return {
        "XINYI_ENVIRONMENT": "test", "DATABASE_URL": "sqlite:////nowhere/x.db",
        "XINYI_PUBLIC_BASE_URL": "http://127.0.0.1:1", "XINYI_WECHAT_APP_ID": "a", "XINYI_WECHAT_APP_SECRET": "b",
    } | more  # fmt: skip


def kept_in(path: Path, values: dict[str, str]) -> Path:
    path.write_text("# ours\n" + "".join(f"{name}={value}\n" for name, value in values.items()), "utf-8")
    path.chmod(0o600)
    return path


def test_secrets_may_lie_in_a_file_and_the_environment_comes_first(tmp_path: Path) -> None:
    inside, outside = new_secrets(), new_secrets()
    path = kept_in(tmp_path / "secrets", inside)
    env = environment(XINYI_SECRETS_FILE=str(path), XINYI_HASH_KEYS=outside["XINYI_HASH_KEYS"])
    settings, plain = Settings.from_env(env), Settings.from_env(environment(**inside))
    assert settings.master_keys == plain.master_keys
    assert settings.hash_keys == Settings.from_env(environment(**outside)).hash_keys != plain.hash_keys


@pytest.mark.parametrize("spoil", ["mode", "line", "missing"])
def test_a_file_of_secrets_that_is_open_or_unreadable_is_refused(tmp_path: Path, spoil: str) -> None:
    path = kept_in(tmp_path / "secrets", new_secrets())
    if spoil == "mode":
        path.chmod(0o644)
    if spoil == "line":
        path.write_text("XINYI_MASTER_KEYS\n")
    if spoil == "missing":
        path.unlink()
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(environment(XINYI_SECRETS_FILE=str(path)))
    assert refused.value.problems[0].startswith("XINYI_SECRETS_FILE is not acceptable")


def test_master_keys_may_be_fetched_by_a_command(tmp_path: Path) -> None:
    values = new_secrets()
    vault = tmp_path / "vault"
    vault.write_text(values.pop("XINYI_MASTER_KEYS"))
    settings = Settings.from_env(environment(**values, XINYI_MASTER_KEYS_COMMAND=f"cat {vault}"))
    assert list(settings.master_keys) == ["m1"]
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(environment(**values, XINYI_MASTER_KEYS_COMMAND="false; cat"))
    assert "XINYI_MASTER_KEYS_COMMAND did not give the keys" in refused.value.problems[0]


def test_a_value_of_the_file_is_replaced_whole_and_stays_private(tmp_path: Path) -> None:
    path = kept_in(tmp_path / "secrets", {"XINYI_MASTER_KEYS": "a:1", "XINYI_HASH_KEYS": "b:2"})
    secrets_file.change(path, "XINYI_MASTER_KEYS", "c:3,a:1")
    secrets_file.change(path, "XINYI_SESSION_KEYS", "d:4")
    assert path.read_text().splitlines() == [
        "# ours", "XINYI_MASTER_KEYS=c:3,a:1", "XINYI_HASH_KEYS=b:2", "XINYI_SESSION_KEYS=d:4",
    ]  # fmt: skip
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_replaced_file_is_noticed_and_a_failure_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY_SECONDS", 0.01)
    path, heard, stop = kept_in(tmp_path / "secrets", {"XINYI_CITY": "1"}), threading.Event(), threading.Event()
    calls: list[int] = []

    def changed() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise SettingsError(["not yet"])
        heard.set()

    thread = watch.follow(path, changed, stop)
    secrets_file.change(path, "XINYI_CITY", "22")
    assert _within(lambda: bool(calls), stop)
    secrets_file.change(path, "XINYI_CITY", "333")
    assert heard.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def _within(true: Any, pause: threading.Event, tries: int = 1000) -> bool:
    return any(true() or pause.wait(0.01) for _ in range(tries))


@pytest.mark.parametrize("kind", list(keys_cli.KINDS))
def test_a_new_keys_name_is_free_and_says_its_suite(kind: str) -> None:
    name = keys_cli._new_id(kind, {}, shangmi=False)
    assert name.isalnum() and not name.startswith("sm")
    again = keys_cli._new_id(kind, {name: ""}, shangmi=False)
    assert again != name and again.isalnum()
    if kind != "session":
        assert keys_cli._new_id(kind, {}, shangmi=True).startswith("sm")
