"""What can be wrong with a cell or a row, and the Chinese sentence that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from backend.catalogue.rules import ID_NUMBER, Field
from backend.intake.layouts import Sheet
from backend.kit.seal import mask_id_number
from backend.records.rules import DECIMAL_PLACES, EARLIEST_DAY, EARLIEST_DECISION, LATEST_DAY

ROW = ""
"""The column of a fault that is the row's as a whole."""
MOST_SHOWN = 60
"""Characters of a wrong value that a sentence repeats."""
SHAPE = pl.Schema({"row": pl.UInt32, "column": pl.String, "fault": pl.String, "value": pl.String})
"""A table of faults: one line for each row, column and fault."""

_SAID: Mapping[str, str] = {
    "required": "必填，不能为空",
    "formula": "是公式，请改成文字或数值",
    "control-character": "含有看不见的控制字符，请删去后重新输入",
    "too-long": "最长 {longest} 个字符",
    "not-a-date": "不是日期，请写成 2026-03-05 的样子，不写“同”“同上”",
    "day-out-of-range": "应在 {earliest} 至 {latest} 之间",
    "future": "不能晚于今天",
    "not-before": "不能早于“{not_before}”",
    "not-a-number": "{number}",
    "too-small": "不能小于 {minimum}",
    "too-large": "不能大于 {maximum}",
    "not-a-value": "应为 {values} 之一",
    "pattern": "格式应为 {pattern}",
    "bad-code": "不是有效的统一社会信用代码（GB 32100，18 位，校验位不符）",
    "bad-id-number": "不是有效的公民身份号码（GB 11643，18 位，校验位或出生日期不符）",
    "bad-name": "应为 2 至 50 个汉字的姓名，译名的各部分之间用“·”",
    "more-cells": "这一行的单元格比表头多，可能是多了逗号",
    "same-document": "同一主体的同一文书号已有不同内容；确有变更的，请用更正方式报送",
    "twice-in-file": "同一文件里已有同一主体的同一文书号，内容不同",
    "others-record": "这条记录由别的单位报送，不能由本单位更正",
    "closed-record": "这条记录已修复、撤销或过期，不能更正",
    "quarantine-rejected": "办公室核对后退回：名称与代码（姓名与号码）不是同一主体",
}  # fmt: skip
CODES = tuple(_SAID)
BAD_CODE = ("bad-code", "bad-id-number")


def sentences(sheet: Sheet) -> pl.DataFrame:
    """Every fault that a file about this item can have: column, fault, the column's title and what is said of it."""
    said = [
        {"column": f.name, "fault": fault, "title": f.title, "said": text.format(**_words(f, sheet))}
        for f in sheet.fields
        for fault, text in _SAID.items()
    ]
    said += [{"column": ROW, "fault": fault, "title": "整行", "said": text} for fault, text in _SAID.items()
             if "{" not in text]  # fmt: skip
    return pl.DataFrame(said)


def sentence(sheet: Sheet, column: str, fault: str) -> tuple[str, str]:
    """A column's title and what is said of a fault in it; the codes themselves where the catalogue has moved on."""
    f = sheet.by_name.get(column)
    text = _SAID.get(fault, fault)
    if f is None:
        return column or "整行", text if "{" not in text else fault
    return f.title, text.format(**_words(f, sheet))


def _words(f: Field, sheet: Sheet) -> dict[str, Any]:
    other = sheet.by_name.get(f.not_before or "")
    number = "不是整数" if f.type == "integer" else f"不是 {DECIMAL_PLACES} 位小数以内的数，例如 1.25"
    return {
        "longest": f.longest, "earliest": EARLIEST_DECISION if f.name == "decided_on" else EARLIEST_DAY,
        "latest": LATEST_DAY, "not_before": other.title if other else "", "number": number, "minimum": f.minimum,
        "maximum": f.maximum, "values": f.choices, "pattern": f.pattern,
    }  # fmt: skip


def shown_values(found: pl.DataFrame, sheet: Sheet) -> pl.DataFrame:
    """The faults with their values as they are repeated: certificates' numbers masked, long texts cut."""
    hidden = [f.name for f in sheet.fields if f.type == ID_NUMBER or f.name.endswith("_id_number")]
    masks = pl.col("value").map_elements(mask_id_number, return_dtype=pl.String)
    value = pl.when(pl.col("column").is_in(hidden)).then(masks).otherwise(pl.col("value"))
    return found.with_columns(value.str.slice(0, MOST_SHOWN).fill_null(""))


def explained(found: pl.DataFrame, sheet: Sheet) -> pl.DataFrame:
    """The faults with the column's ``title``, the ``value`` as it may be repeated, and the ``reason`` in a sentence."""
    words = shown_values(found, sheet).join(sentences(sheet), on=["column", "fault"], how="left", maintain_order="left")
    value = pl.when(pl.col("value") != "").then(pl.format("“{}”", pl.col("value"))).otherwise(pl.lit("："))
    return words.with_columns(pl.concat_str("title", value, "said").alias("reason"))


def told(found: pl.DataFrame, sheet: Sheet) -> pl.DataFrame:
    """One line for each faulty row: ``row``, and the titles, values and reasons of all that is wrong with it."""
    each = [pl.col(name).str.join("；") for name in ("title", "value", "reason")]
    return explained(found, sheet).group_by("row", maintain_order=True).agg(each).sort("row")
