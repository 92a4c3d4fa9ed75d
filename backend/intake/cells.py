"""Columns of cells as values: every usual spelling of a day, a number or a code, and null where a text is none.

What is said here of whole columns is what ``records.rules`` and ``accounts.rules`` say of one value; a test compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from backend.records.rules import DECIMAL_PLACES

_PARTS = (
    r"^([0-9]{4})(?:[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?|([0-9]{2})([0-9]{2}))(?:[T ]00:00(?::00(?:\.0+)?)?)?$"
)
_SERIAL = r"^[0-9]{5}(?:\.0+)?$"
_FOUR_DIGITS = date(1000, 1, 1)
_SERIAL_ZERO = date(1899, 12, 30)
_CREDIT_CODE = r"^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$"
_CREDIT_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ID_NUMBER = r"^[1-9][0-9]{16}[0-9X]$"
_ID_CHECKS = {character: place for place, character in enumerate("10X98765432")}
_EARLIEST_BIRTH = date(1900, 1, 1)
_NAME = r"^[\x{3007}\x{3400}-\x{9fff}\x{f900}-\x{faff}\x{20000}-\x{323af}·]{2,50}$"
_DOTS = ["•", "‧", "∙", "⋅", "・", "."]


def trimmed(text: pl.Expr) -> pl.Expr:
    """A cell without the space around it and without the quote that guards a returned one; null when that is all."""
    bare = text.str.strip_chars()
    guarded = bare.str.starts_with("'")
    bare = pl.when(guarded).then(bare.str.replace(r"^'([=+\-@])", "${1}")).otherwise(bare)
    return pl.when(bare.str.len_bytes() > 0).then(bare)


def narrow(texts: pl.Series) -> pl.Series:
    """Full-width characters as their usual ones (NFKC)."""
    wide = (texts.str.len_bytes() != texts.str.len_chars()).any()
    return texts.str.normalize("NFKC").str.strip_chars() if wide else texts


def days(texts: pl.Series, *, serials: bool = False) -> pl.Series:
    """Days in any usual spelling: 2026-03-05, 2026/3/5, 2026.3.5, 20260305, 2026年3月5日; with ``serials`` also the
    numbers by which Excel counts days."""
    plain = narrow(texts)
    found = plain.str.to_date("%Y-%m-%d", strict=False)
    loose = plain.str.starts_with("+") | (found < _FOUR_DIGITS)
    found = found.set(loose.fill_null(False), None)
    if found.null_count() == plain.null_count():
        return found
    frame = pl.DataFrame({"text": plain, "found": found})
    parts = pl.col("text").str.extract_groups(_PARTS).struct
    month = pl.coalesce(parts.field("2"), parts.field("4")).str.zfill(2)
    day = pl.coalesce(parts.field("3"), parts.field("5")).str.zfill(2)
    spelled = pl.concat_str(parts.field("1"), pl.lit("-"), month, pl.lit("-"), day)
    ways = [pl.col("found"), spelled.str.to_date("%Y-%m-%d", strict=False)]
    if serials:
        number = pl.col("text").str.extract(r"^([0-9]{5})").cast(pl.Int32, strict=False)
        count = pl.when(pl.col("text").str.contains(_SERIAL)).then(number)
        ways.append(pl.lit(_SERIAL_ZERO) + pl.duration(days=count))
    return frame.select(pl.coalesce(ways)).to_series()


def wholes(texts: pl.Series) -> pl.Series:
    """Integers."""
    plain = narrow(texts)
    return plain.set(~plain.str.contains(r"^-?[0-9]{1,15}$").fill_null(True), None).cast(pl.Int64)


def decimals(texts: pl.Series) -> pl.Series:
    """Numbers of up to six places, as they are written."""
    plain = narrow(texts)
    return plain.set(~plain.str.contains(rf"^-?[0-9]{{1,12}}(\.[0-9]{{1,{DECIMAL_PLACES}}})?$").fill_null(True), None)


def credit_codes(texts: pl.Series) -> pl.Series:
    """Unified social credit codes (GB 32100-2015) in capitals. The check character of remainder 0 is 0."""
    codes = narrow(texts).str.to_uppercase()
    return _kept(codes, _valid_credit_codes(codes.unique()))


def _valid_credit_codes(codes: pl.Series) -> pl.Series:
    shaped = codes.filter(codes.str.contains(_CREDIT_CODE).fill_null(False))
    total, checks = _weighed(shaped, _CREDIT_CHARACTERS, [pow(3, place, 31) for place in range(17)])
    return shaped.filter((31 - total % 31) % 31 == checks)


def id_numbers(texts: pl.Series, today: date) -> pl.Series:
    """Resident id numbers (GB 11643): form, check character, and a birth date from 1900 to ``today``."""
    wide = (texts.str.len_bytes() != texts.str.len_chars()).any()
    plain = texts.str.normalize("NFKC") if wide else texts
    numbers = plain.str.replace_all(r"\s", "").str.to_uppercase()
    return _kept(numbers, _valid_id_numbers(numbers.unique(), today))


def _valid_id_numbers(numbers: pl.Series, today: date) -> pl.Series:
    shaped = numbers.filter(numbers.str.contains(_ID_NUMBER).fill_null(False))
    total, _ = _weighed(shaped, "0123456789", [2 ** (17 - place) % 11 for place in range(17)])
    checks = shaped.str.tail(1).replace_strict(_ID_CHECKS, default=None, return_dtype=pl.Int32)
    born = shaped.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    return shaped.filter((total % 11 == checks) & (born >= _EARLIEST_BIRTH).fill_null(False) & (born <= today))


def _weighed(texts: pl.Series, alphabet: str, weights: Sequence[int]) -> tuple[pl.Series, pl.Series]:
    """Of texts of 18 ASCII characters: the sum of the first 17 characters' values by their weights, and the last's
    value. A character's value is its place in ``alphabet``."""
    known = {ord(character): place for place, character in enumerate(alphabet)}
    values = pl.Series([known.get(byte, 0) for byte in range(256)], dtype=pl.Int32)
    each = texts.cast(pl.Binary).bin.reinterpret(dtype=pl.Array(pl.UInt8, 18))
    total = pl.Series([0], dtype=pl.Int32).new_from_index(0, len(texts))
    for place, weight in enumerate(weights):
        total += values.gather(each.arr.get(place)) * weight
    return total, values.gather(each.arr.get(17))


def _kept(texts: pl.Series, valid: pl.Series) -> pl.Series:
    return texts.set(~texts.is_in(valid.implode()).fill_null(True), None)


def person_names(texts: pl.Series) -> pl.Series:
    """Chinese names as they are compared: NFKC, no spaces, one kind of middle dot."""
    names = texts.str.normalize("NFKC").str.replace_all(r"\s", "")
    names = names.str.replace_many(_DOTS, ["·"] * len(_DOTS))
    broken = names.str.starts_with("·") | names.str.ends_with("·") | names.str.contains("··", literal=True)
    return names.set((~names.str.contains(_NAME) | broken).fill_null(True), None)


def aliases(texts: pl.Series) -> pl.Series:
    """Older codes as ``records.entities.normal_alias`` compares them: no hyphen, no space, capitals."""
    plain = narrow(texts).str.to_uppercase().str.replace_all(r"[\s\-\p{Cf}]", "").str.slice(0, 40)
    return plain.set((plain == "").fill_null(False), None)


def masked(numbers: pl.Expr) -> pl.Expr:
    """Numbers of certificates as ``kit.seal.mask_id_number`` shows them."""
    length = numbers.str.len_chars().cast(pl.Int64)
    hidden = length - 7
    stars = pl.lit("*" * 250)
    whole = pl.concat_str(numbers.str.slice(0, 3), stars.str.slice(0, hidden.clip(0)), numbers.str.slice(length - 4))
    return pl.when(hidden < (length + 1) // 2).then(stars.str.slice(0, length)).otherwise(whole)


def safe(text: pl.Expr) -> pl.Expr:
    """A cell that no spreadsheet takes for a formula: a quote stands before it, which :func:`trimmed` takes off."""
    risky = text.str.contains(r"^\s*[=+\-@]")
    return pl.when(risky).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)
