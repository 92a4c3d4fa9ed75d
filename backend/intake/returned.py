"""What goes back to a department: its faulty rows as it sent them with what is wrong, and the template to fill in.

No cell is a formula, whatever was sent; the quote that guards one is taken off when the file comes back. Workbooks are
written in memory: rows about people never lie in a temporary file.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

import polars as pl

from backend.catalogue.rules import CREDIT_CODE, ID_NUMBER, Field, Item
from backend.intake import cells, faults
from backend.intake.layouts import ADDED, REASONS, ROW_NUMBER, WRONG_COLUMNS, WRONG_VALUES, Layout, Sheet
from backend.intake.tables import ROW, columns
from backend.records.rules import DECIMAL_PLACES

BOM = "\ufeff"
"""Without it Excel takes UTF-8 for the system's own encoding."""
MOST_WORKBOOK_ROWS = 100_000


def faulty_rows(frame: pl.DataFrame, layout: Layout, sheet: Sheet, found: pl.DataFrame) -> pl.DataFrame:
    """The rows of a piece that have faults, as they were sent, with the four columns that say what is wrong."""
    told = faults.told(found, sheet)
    rows = frame.join(told.select(pl.col("row").alias(ROW), "title", "value", "reason"), on=ROW, how="inner")
    kept = [(column, head) for column, head in zip(columns(layout), layout.heads, strict=True) if head not in ADDED]
    return rows.sort(ROW).select(
        *(cells.safe(pl.col(column)).alias(column) for column, _ in kept),
        pl.col(ROW).cast(pl.String).alias(ROW_NUMBER), pl.col("title").alias(WRONG_COLUMNS),
        cells.safe(pl.col("value")).alias(WRONG_VALUES), pl.col("reason").alias(REASONS),
    )  # fmt: skip


def returned_heads(heads: Sequence[str]) -> list[str]:
    """The head of a file of faulty rows, out of the heads as they were sent."""
    return [head for head in heads if head not in ADDED] + list(ADDED)


def csv_text(rows: pl.DataFrame) -> bytes:
    """Rows as lines of a CSV."""
    return rows.write_csv(include_header=False, line_terminator="\r\n").encode()


def csv_head(heads: Sequence[str]) -> bytes:
    """The first line of a CSV that Excel reads as UTF-8."""
    head = pl.DataFrame([[head] for head in heads], schema=[str(place) for place in range(len(heads))])
    return BOM.encode() + csv_text(head)


def csv_rows(text: bytes) -> Iterator[tuple[str | None, ...]]:
    """The rows of :func:`csv_text` again."""
    if text:
        yield from pl.read_csv(io.BytesIO(text), has_header=False, infer_schema=False).iter_rows()


# --- workbooks -------------------------------------------------------------------------------------------------------

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_FROZEN = (
    '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" '
    'state="frozen"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight="15" defaultColWidth="20"/>'
)
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/></font><font><b/><sz val="11"/></font></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf numFmtId="49" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="1" applyFont="1" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
Row = Sequence[str | None]


def workbook(sheets: Sequence[tuple[str, Sequence[str], Iterable[Row]]]) -> bytes:
    """An .xlsx of sheets (title, head, rows), every cell a text, so that codes keep their zeros and X."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        numbers = range(1, len(sheets) + 1)
        overrides = "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPES}.worksheet+xml"/>' for n in numbers
        )
        archive.writestr("[Content_Types].xml", (
            f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>{overrides}</Types>'
        ))  # fmt: skip
        archive.writestr("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")]))
        named = "".join(
            f'<sheet name="{escape(title[:31])}" sheetId="{n}" r:id="rId{n}"/>'
            for n, (title, _, _) in zip(numbers, sheets, strict=True)
        )
        archive.writestr("xl/workbook.xml", (
            f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{named}</sheets></workbook>'
        ))  # fmt: skip
        targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
        archive.writestr("xl/_rels/workbook.xml.rels", _relations([*targets, ("styles", "styles.xml")]))
        archive.writestr("xl/styles.xml", _HEAD + _STYLES)
        for n, (_, heads, rows) in zip(numbers, sheets, strict=True):
            with archive.open(f"xl/worksheets/sheet{n}.xml", "w") as stream:
                stream.write(f'{_HEAD}<worksheet xmlns="{_MAIN}">{_FROZEN}<sheetData>{_row(heads, 1)}'.encode())
                for row in rows:
                    stream.write(_row(row, 0).encode("utf-8", "replace"))
                stream.write(b"</sheetData></worksheet>")
    return out.getvalue()


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    told = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{told}</Relationships>'


def _row(texts: Row, style: int) -> str:
    return "<row>" + "".join(_cell(text, style) for text in texts) + "</row>"


def _cell(text: str | None, style: int) -> str:
    if not text:
        return f'<c s="{style}"/>'
    shown = escape("".join(c for c in text[:32_767] if c >= " " or c in "\t\n"))
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{shown}</t></is></c>'


# --- the template ----------------------------------------------------------------------------------------------------


def template_csv(item: Item) -> bytes:
    """The head of an item's file, and nothing else."""
    return csv_head([f.title for f in Sheet(item).fields])


def template_workbook(item: Item) -> bytes:
    """The head of an item's file on the first sheet; the second explains the columns."""
    fields = Sheet(item).fields
    explained = [[f.title, "必填" if f.required else "选填", _kind(f), _allowed(f), "、".join(f.aliases)]
                 for f in fields]  # fmt: skip
    return workbook(
        [
            (item.code, [f.title for f in fields], []),
            ("填写说明", ["列名", "是否必填", "类型", "允许的内容", "也接受的列名"], [*explained, *_manners(item)]),
        ]
    )


def _manners(item: Item) -> list[list[str]]:
    return [
        [],
        ["条目", f"{item.code} {item.title}"],
        ["依据", item.legal_basis],
        ["来源单位", "、".join(item.source_departments)],
        ["报送时限", f"决定作出之日起 {item.due_workdays} 个工作日内"],
        ["表头", "第一张工作表第一行是列名，从第二行起填写；不合并单元格，不写公式，不写“同上”"],
        ["退回的文件", f"末尾的“{'”“'.join(ADDED)}”四列不必删除，改好后可以直接再报送"],
    ]


def _kind(f: Field) -> str:
    words = {"text": "文字", "date": "日期", "integer": "整数", "decimal": "数", CREDIT_CODE: "统一社会信用代码",
             ID_NUMBER: "公民身份号码"}  # fmt: skip
    return words[f.type]


def _allowed(f: Field) -> str:
    if f.values:
        return f.choices
    if f.type == "date":
        return "例如 2026-03-05" + ("" if f.may_be_future else "，不晚于当天")
    if f.type == CREDIT_CODE:
        return "18 位（GB 32100）"
    if f.type == ID_NUMBER:
        return "18 位（GB 11643）"
    bounds = [
        f"不小于 {f.minimum}" if f.minimum is not None else "",
        f"不大于 {f.maximum}" if f.maximum is not None else "",
    ]
    if f.type == "decimal":
        bounds.insert(0, f"{DECIMAL_PLACES} 位小数以内")
    if f.type == "text":
        bounds.append(f"最长 {f.longest} 个字符" + (f"，格式 {f.pattern}" if f.pattern else ""))
    return "，".join(bound for bound in bounds if bound)
