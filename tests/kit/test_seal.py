"""Sealed fields: what was sealed opens in its own place and nowhere else."""

from __future__ import annotations

import string
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from backend.kit import seal, suites
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


SM = Sealer(master_keys={"k1": K1, "sm1": K2}, current="sm1", hash_keys={"h1": H1, "smh": H2}, current_hash="smh")


@given(texts, names, names, st.uuids())
def test_the_commercial_ciphers_are_chosen_by_a_keys_name(text: str, table: str, column: str, person: UUID) -> None:
    wrapped = SM.new_data_key(person)
    sealed = SM.seal(wrapped, text, table=table, column=column, person=person)
    assert wrapped.startswith(b"s1$sm1$") and sealed.startswith("s1$")
    assert SM.open(wrapped, sealed, table=table, column=column, person=person) == text
    system = SM.seal_system(text, table=table, column=column, row=person)
    assert SM.open_system(system, table=table, column=column, row=person) == text


def test_what_the_other_suite_sealed_still_opens_and_no_value_passes_for_the_others() -> None:
    before, after = (each.seal(WRAPPED, "张小明", **PLACE, person=PERSON) for each in (OLD, SM))
    for sealed in (before, after):
        assert SM.open(WRAPPED, sealed, **PLACE, person=PERSON) == "张小明"
    assert SM.in_current_suite(after) and not SM.in_current_suite(before)
    for spoilt in (after.replace("s1$", "a1$"), before.replace("a1$", "s1$"), after.replace("s1$", "x9$")):
        with pytest.raises(SealBroken):
            SM.open(WRAPPED, spoilt, **PLACE, person=PERSON)


@pytest.mark.parametrize("suite", [suites.AesSuite(), suites.ShangMiSuite()])
@given(data=st.binary(max_size=200), aad=st.binary(max_size=50), at=st.integers(0, 10_000))
def test_a_changed_byte_never_opens(suite: suites.Suite, data: bytes, aad: bytes, at: int) -> None:
    sealed = bytearray(suite.encrypt(K1, data, aad))
    assert suite.decrypt(K1, bytes(sealed), aad) == data
    sealed[at % len(sealed)] ^= 1
    for spoilt in (bytes(sealed), bytes(sealed[:20])):
        with pytest.raises(SealBroken):
            suite.decrypt(K1, spoilt, aad)


def test_sm3_and_its_hmac_are_those_of_the_standard() -> None:
    """GB/T 32905-2016, example 1; HMAC by RFC 2104 over it."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(b"abc")
    assert digest.finalize().hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert SM.digest("phone", "1")[0] == "smh" and SM.digest("phone", "1") != OLD.digest("phone", "1")
    assert len(suites.ShangMiSuite().mac(K1, b"x")) == 32


def test_an_openssl_without_the_commercial_ciphers_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert suites.missing(["m1", "sm1"]) == "" and suites.missing(["m1"]) == ""

    def unsupported(*_: object) -> bytes:
        raise UnsupportedAlgorithm("SM4 is not supported by this OpenSSL")

    monkeypatch.setattr(suites.ShangMiSuite, "encrypt", unsupported)
    assert suites.missing(["m1"]) == ""
    assert "SM4" in suites.missing(["m1", "sm1"])


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
