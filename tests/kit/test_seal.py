"""Sealed fields: what was sealed opens in its own place and nowhere else."""

from __future__ import annotations

import os
import string
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from backend.kit import seal
from backend.kit.seal import SealBroken, Sealer

K1, K2, H1, H2 = (bytes([n]) * 32 for n in (1, 2, 3, 4))
OLD = Sealer(master_keys={"k1": K1}, current="k1", hash_keys={"h1": H1}, current_hash="h1")
BOTH = Sealer(master_keys={"k1": K1, "k2": K2}, current="k2", hash_keys={"h1": H1, "h2": H2}, current_hash="h2")
PERSON = UUID("01890000-0000-7000-8000-000000000001")
WRAPPED = OLD.new_data_key(PERSON)
PLACE = {"table": "people", "column": "name"}

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
names = st.text(alphabet=string.ascii_lowercase + "_", max_size=12)


@given(texts, names, names, st.uuids())
def test_a_persons_field_opens_again(text: str, table: str, column: str, person: UUID) -> None:
    wrapped = OLD.new_data_key(person)
    sealed = OLD.seal(wrapped, text, table=table, column=column, person=person)
    assert OLD.open(wrapped, sealed, table=table, column=column, person=person) == text


@given(texts, names, names, st.uuids())
def test_a_system_secret_opens_again(text: str, table: str, column: str, row: UUID) -> None:
    sealed = OLD.seal_system(text, table=table, column=column, row=row)
    assert OLD.open_system(sealed, table=table, column=column, row=row) == text


def test_a_sealed_value_names_its_suite_and_key_and_not_its_content() -> None:
    sealed = OLD.seal(WRAPPED, "张小明", **PLACE, person=PERSON)
    suite, key_id, body = sealed.split("$")
    assert suite == "a1" and key_id.startswith("d") and "张" not in body
    assert OLD.seal_system("secret", table="t", column="c", row=PERSON).startswith("a1$k1$")


def test_the_same_text_never_seals_alike() -> None:
    assert len({OLD.seal(WRAPPED, "张小明", **PLACE, person=PERSON) for _ in range(50)}) == 50


@given(texts, st.tuples(names, names), st.tuples(names, names))
def test_a_field_opens_only_in_its_table_and_column(text: str, place: tuple[str, str], other: tuple[str, str]) -> None:
    sealed = OLD.seal(WRAPPED, text, table=place[0], column=place[1], person=PERSON)
    system = OLD.seal_system(text, table=place[0], column=place[1], row=PERSON)
    if place == other:
        return
    with pytest.raises(SealBroken):
        OLD.open(WRAPPED, sealed, table=other[0], column=other[1], person=PERSON)
    with pytest.raises(SealBroken):
        OLD.open_system(system, table=other[0], column=other[1], row=PERSON)


def test_moving_letters_between_table_and_column_does_not_open() -> None:
    sealed = OLD.seal_system("x", table="ab", column="c", row=PERSON)
    with pytest.raises(SealBroken):
        OLD.open_system(sealed, table="a", column="bc", row=PERSON)


def test_another_person_or_row_does_not_open() -> None:
    other = uuid4()
    sealed = OLD.seal(WRAPPED, "x", **PLACE, person=PERSON)
    for wrapped in (WRAPPED, OLD.new_data_key(other)):
        with pytest.raises(SealBroken):
            OLD.open(wrapped, sealed, **PLACE, person=other)
    with pytest.raises(SealBroken):
        OLD.open_system(OLD.seal_system("x", **PLACE, row=PERSON), **PLACE, row=other)


def test_another_data_key_of_the_same_person_does_not_open() -> None:
    sealed = OLD.seal(WRAPPED, "x", **PLACE, person=PERSON)
    with pytest.raises(SealBroken):
        OLD.open(OLD.new_data_key(PERSON), sealed, **PLACE, person=PERSON)


def test_a_field_and_a_system_secret_are_not_exchangeable() -> None:
    with pytest.raises(SealBroken):
        OLD.open_system(OLD.seal(WRAPPED, "x", **PLACE, person=PERSON), **PLACE, row=PERSON)
    with pytest.raises(SealBroken):
        OLD.open(WRAPPED, OLD.seal_system("x", **PLACE, row=PERSON), **PLACE, person=PERSON)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_any_changed_bit_is_refused(where: int, bit: int) -> None:
    raw = bytearray(OLD.seal(WRAPPED, "张小明", **PLACE, person=PERSON).encode())
    raw[where % len(raw)] ^= 1 << bit
    with pytest.raises(SealBroken):
        OLD.open(WRAPPED, raw.decode("latin-1"), **PLACE, person=PERSON)
    wrapped = bytearray(WRAPPED)
    wrapped[where % len(wrapped)] ^= 1 << bit
    with pytest.raises(SealBroken):
        OLD.open(bytes(wrapped), OLD.seal(WRAPPED, "x", **PLACE, person=PERSON), **PLACE, person=PERSON)


@given(st.text())
def test_anything_else_is_refused_as_broken(text: str) -> None:
    with pytest.raises(SealBroken):
        OLD.open(WRAPPED, text, **PLACE, person=PERSON)
    with pytest.raises(SealBroken):
        OLD.open_system(text, **PLACE, row=PERSON)
    with pytest.raises(SealBroken):
        OLD.seal(text.encode(errors="replace"), "x", **PLACE, person=PERSON)


def test_a_new_master_key_opens_the_old_and_rewraps_without_resealing() -> None:
    sealed = OLD.seal(WRAPPED, "张小明", **PLACE, person=PERSON)
    assert BOTH.open(WRAPPED, sealed, **PLACE, person=PERSON) == "张小明"
    rewrapped = BOTH.rewrap(WRAPPED, PERSON)
    only_new = Sealer(master_keys={"k2": K2}, current="k2", hash_keys={"h2": H2}, current_hash="h2")
    assert only_new.open(rewrapped, sealed, **PLACE, person=PERSON) == "张小明"
    with pytest.raises(SealBroken):
        only_new.open(WRAPPED, sealed, **PLACE, person=PERSON)
    with pytest.raises(SealBroken):
        BOTH.rewrap(WRAPPED, uuid4())


def test_digests_are_found_by_either_hash_key_and_differ_by_purpose() -> None:
    assert BOTH.digest("phone", "13800138000") == BOTH.digests("phone", "13800138000")[0]
    assert OLD.digest("phone", "13800138000") in BOTH.digests("phone", "13800138000")
    assert BOTH.digest("phone", "1") != BOTH.digest("id-number", "1")
    assert BOTH.digest("a", "bc") != BOTH.digest("ab", "c")
    assert {key_id for key_id, _ in BOTH.digests("phone", "1")} == {"h1", "h2"}
    assert all(len(value) == 32 for _, value in BOTH.digests("phone", "1"))


@pytest.mark.parametrize(
    "changed",
    [
        {"current": "k9"},
        {"current_hash": "h9"},
        {"master_keys": {"k1": b"short"}},
        {"hash_keys": {"h1": b"s" * 31}},
        {"master_keys": {"k1": K1, "K$": K2}},
    ],
)
def test_a_sealer_refuses_keys_that_cannot_be_used(changed: dict[str, object]) -> None:
    given_keys = {"master_keys": {"k1": K1}, "current": "k1", "hash_keys": {"h1": H1}, "current_hash": "h1"}
    with pytest.raises(ValueError):
        Sealer(**(given_keys | changed))  # type: ignore[arg-type]


def test_keys_do_not_show_when_a_sealer_is_printed() -> None:
    assert "\\x01" not in repr(OLD)


class ShangMi:
    """SM4-GCM with HMAC-SM3, as a city with that obligation would add it."""

    name = "s1"

    def encrypt(self, key: bytes, plaintext: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(12)
        encryptor = Cipher(algorithms.SM4(self.mac(key, b"sm4")[:16]), modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(aad)
        return nonce + encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag

    def decrypt(self, key: bytes, sealed: bytes, aad: bytes) -> bytes:
        cipher = Cipher(algorithms.SM4(self.mac(key, b"sm4")[:16]), modes.GCM(sealed[:12], sealed[-16:]))
        decryptor = cipher.decryptor()
        decryptor.authenticate_additional_data(aad)
        try:
            return decryptor.update(sealed[12:-16]) + decryptor.finalize()
        except InvalidTag as error:
            raise SealBroken("does not authenticate") from error

    def mac(self, key: bytes, message: bytes) -> bytes:
        keyed = hmac.HMAC(key, hashes.SM3())
        keyed.update(message)
        return keyed.finalize()


def test_another_suite_is_added_by_the_prefix_of_its_key_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "_suites", dict(seal._suites))
    seal.register_suite("sm", ShangMi())
    sealer = Sealer(
        master_keys={"k1": K1, "sm1": K2}, current="sm1", hash_keys={"h1": H1, "smh": H2}, current_hash="smh"
    )
    before = OLD.seal(WRAPPED, "张小明", **PLACE, person=PERSON)
    after = sealer.seal(WRAPPED, "张小明", **PLACE, person=PERSON)
    assert after.startswith("s1$")
    assert sealer.open(WRAPPED, before, **PLACE, person=PERSON) == "张小明"
    assert sealer.open(WRAPPED, after, **PLACE, person=PERSON) == "张小明"
    assert sealer.new_data_key(PERSON).startswith(b"s1$sm1$")
    assert sealer.digest("phone", "1")[0] == "smh"
    with pytest.raises(SealBroken):
        OLD.open(WRAPPED, after.replace("s1$", "a1$"), **PLACE, person=PERSON)
    with pytest.raises(ValueError):
        seal.register_suite("other", ShangMi())


def test_masks_show_little() -> None:
    assert seal.mask_name("张小明") == "张**"
    assert seal.mask_name("李雷") == "李*"
    assert seal.mask_name("李") == "*"
    assert seal.mask_id_number("11010519491231002X") == "110***********002X"
    assert seal.mask_id_number("123") == "***"
    assert seal.mask_phone("13812345678") == "138****5678"
    assert seal.mask_phone("02512345678901")[-4:] == "8901"
    assert seal.mask_phone("1234") == "****"
    assert seal.mask_name("") == ""


@given(st.text())
def test_masks_keep_the_length_and_hide_at_least_half_of_a_name(name: str) -> None:
    masked = seal.mask_name(name)
    assert len(masked) == len(name) and masked.count("*") * 2 >= len(name)


def test_the_bound_sealer_serves_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "_bound", None)
    with pytest.raises(RuntimeError):
        seal.current()
    seal.bind(OLD)
    wrapped = seal.new_data_key(PERSON)
    sealed = seal.seal(wrapped, "x", **PLACE, person=PERSON)
    assert seal.open(seal.rewrap(wrapped, PERSON), sealed, **PLACE, person=PERSON) == "x"
    system = seal.seal_system("x", **PLACE, row=PERSON)
    assert seal.open_system(system, **PLACE, row=PERSON) == "x"
    assert seal.digest("p", "v") in seal.digests("p", "v")
