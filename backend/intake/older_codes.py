"""Codes from before GB 32100 among the cells of a piece: where they stand, and the credit codes put in their place."""

from __future__ import annotations

import polars as pl

from backend.catalogue.rules import Identity
from backend.intake import cells
from backend.intake.tables import ROW
from backend.records.entities import ALIAS_FIELDS, SCHEMES

CREDIT_CODE_LENGTH = 18
ALIASES = pl.Schema({"row": pl.UInt32, "scheme": pl.String, "value": pl.String})


def aliases_of(typed: pl.DataFrame) -> pl.DataFrame:
    """The older codes that rows give, in normal form."""
    given = [(name, scheme) for name, scheme in ALIAS_FIELDS.items() if name in typed.columns]
    told = [
        typed.select(
            pl.col(ROW).alias("row"), pl.lit(scheme).alias("scheme"), cells.aliases(typed[name]).alias("value")
        )
        for name, scheme in given
        if typed[name].null_count() < typed.height
    ]
    return pl.concat([pl.DataFrame(schema=ALIASES), *told]).drop_nulls()


def old_codes(texts: pl.DataFrame, identity: Identity) -> pl.DataFrame:
    """The older codes (row, scheme, value) of rows that give no credit code of the present form: whatever stands in
    its place, and what their own columns for older codes say."""
    code = texts[identity.code.name]
    lacking = code.is_null() | (cells.narrow(code).str.len_chars() != CREDIT_CODE_LENGTH)
    if not lacking.any():
        return pl.DataFrame(schema=ALIASES)
    rows = texts.filter(lacking)
    written = rows.select(pl.col(ROW).alias("row"), cells.aliases(rows[identity.code.name]).alias("value"))
    schemes = pl.DataFrame({"scheme": list(SCHEMES)})
    anywhere = written.join(schemes, how="cross").select("row", "scheme", "value")
    return pl.concat([aliases_of(rows), anywhere]).drop_nulls()


def with_codes(texts: pl.DataFrame, identity: Identity, found: pl.DataFrame) -> pl.DataFrame:
    """The cells with the credit codes to which the older ones lead. ``found``: row, code."""
    if not found.height:
        return texts
    name = identity.code.name
    led = found.unique("row", keep="first", maintain_order=True).select(pl.col("row").alias(ROW), "code")
    joined = texts.join(led.cast({ROW: texts.schema[ROW]}), on=ROW, how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("code", name).alias(name)).drop("code")
