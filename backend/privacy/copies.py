"""A person's copy of everything: JSON in a published form (个人信息保护法第四十五条), and a ZIP that anyone can read.

Both are made while they are sent. A section is read a page at a time, each page with a connection of its own, so that
neither a long life nor a slow telephone holds more than a page or a connection.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from backend.kit import clock, files, keepers
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.personal import Column, Row, Section
from backend.kit.sheets import safe
from backend.privacy import page, rooms

OpenReader = Callable[[], AbstractContextManager[Reader]]
SCHEMA_VERSION = "1"
SCHEMA_PATH = "/schemas/personal-data-1.json"
"""The address of the form. A change that a reader of version 1 would not understand gets a new number."""

BOM = "\ufeff"
README = """这是您在“{programme}”的个人信息副本，制作于 {made_at}（北京时间）。

index.html   用浏览器打开就能看，不需要上网
data.json    同样的内容，供程序读取；格式公开：{schema}
csv/         每份清单一个表格，可用表格软件打开（UTF-8）；以 ' 开头的单元格是为了不被当作公式
photos/      您上传的照片

里面有您的姓名、证件号和手机号，请妥善保管，不要转发。
有不对的地方，可以要求更正；办法见“我的”页，或联系：{office}，{phone}。

This is your copy of what the programme keeps about you. data.json follows {schema}.
"""


def rows(open_reader: OpenReader, section: Section, resident_id: UUID) -> Iterator[Row]:
    """Every row of a section, page by page."""
    after: Any = None
    while True:
        with open_reader() as reader:
            found = section.page(reader, resident_id, after)
        yield from found.rows
        if found.after is None:
            return
        after = found.after


def _sections(open_reader: OpenReader) -> list[Section]:
    with open_reader() as reader:
        return [section.worded(reader) for section in rooms.sections()]


# --- JSON ------------------------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=_plain).encode()


def _head(content: Mapping[str, Any], schema_url: str) -> dict[str, Any]:
    return {
        "$schema": schema_url, "schema_version": SCHEMA_VERSION, "made_at": _plain(clock.now()),
        "programme": content["programme"], "city": content["code"], "contact": content["contact"],
    }  # fmt: skip


def _about(section: Section, content: Mapping[str, Any]) -> dict[str, Any]:
    """What a section says of itself before its items."""
    return {
        "id": section.id, "title": section.title, "purpose": section.purpose, "basis": section.basis,
        "kept": section.kept.format(**rooms.periods(content)),
        "columns": {column.name: column.title for column in section.columns},
        "words": {column.name: dict(column.words) for column in section.columns if column.words},
    }  # fmt: skip


def json_chunks(
    open_reader: OpenReader, content: Mapping[str, Any], resident_id: UUID, schema_url: str
) -> Iterator[bytes]:
    """The whole copy as one JSON document, in pieces."""
    yield _dumped(_head(content, schema_url))[:-1] + b', "sections": ['
    for number, section in enumerate(_sections(open_reader)):
        yield (b",\n" if number else b"\n") + _dumped(_about(section, content))[:-1] + b', "items": ['
        for place, row in enumerate(rows(open_reader, section, resident_id)):
            yield (b",\n" if place else b"\n") + _dumped(row)
        yield b"]}"
    yield b"\n]}\n"


_TYPES: Mapping[str, dict[str, Any]] = {
    "text": {"type": ["string", "null"]},
    "whole": {"type": ["integer", "null"]},
    "instant": {"type": ["string", "null"], "format": "date-time"},
    "day": {"type": ["string", "null"], "format": "date"},
    "flag": {"type": ["boolean", "null"]},
    "json": {},
}


def _section_schema(section: Section) -> dict[str, Any]:
    fields = {column.name: {"title": column.title, **_TYPES[column.kind]} for column in section.columns}
    item = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    texts: dict[str, Any] = {name: {"type": "string"} for name in ("title", "purpose", "basis", "kept")}
    properties = {
        "id": {"const": section.id}, **texts, "columns": {"type": "object", "additionalProperties": {"type": "string"}},
        "words": {
            "description": "各字段中代码和名称的含义",
            "type": "object", "additionalProperties": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "items": {"type": "array", "items": item},
    }  # fmt: skip
    return {
        "title": section.title, "type": "object", "properties": properties, "required": list(properties),
        "additionalProperties": False,
    }  # fmt: skip


def schema(schema_url: str) -> dict[str, Any]:
    """The published form of ``data.json``: JSON Schema 2020-12."""
    texts: dict[str, Any] = {name: {"type": "string"} for name in ("$schema", "programme", "city")}
    properties: dict[str, Any] = {
        **texts, "schema_version": {"const": SCHEMA_VERSION}, "made_at": {"type": "string", "format": "date-time"},
        "contact": {"type": "object", "additionalProperties": {"type": "string"}},
        "sections": {"type": "array", "items": {"oneOf": [_section_schema(one) for one in rooms.sections()]}},
    }  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": schema_url, "title": "信易+ 个人信息副本",
        "description": "一个人的全部个人信息，按清单列出，写明用途、依据和保存期限。时间为 UTC，日期为上海时区。",
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


# --- ZIP -------------------------------------------------------------------------------------------------------------


class _Sink(io.RawIOBase):
    """Where the archive is written to; ``take`` hands over what has come together. It cannot seek, so ``zipfile``
    streams."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def zip_chunks(
    open_reader: OpenReader, content: Mapping[str, Any], resident_id: UUID, schema_url: str
) -> Iterator[bytes]:
    """The whole copy as a ZIP archive, in pieces."""
    sink, made_at = _Sink(), clock.now()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, chunks in _members(open_reader, content, resident_id, schema_url, made_at):
            with archive.open(_info(name, made_at), "w") as member:
                for chunk in chunks:
                    member.write(chunk)
                    if ready := sink.take():
                        yield ready
    yield sink.take()


def _info(name: str, made_at: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, made_at.astimezone(clock.SHANGHAI).timetuple()[:6])
    info.compress_type = zipfile.ZIP_STORED if name.startswith("photos/") else zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


def _members(
    open_reader: OpenReader, content: Mapping[str, Any], resident_id: UUID, schema_url: str, made_at: datetime
) -> Iterator[tuple[str, Iterator[bytes]]]:
    yield "README.txt", iter([_readme(content, schema_url, made_at)])
    told = [(section, _about(section, content)) for section in _sections(open_reader)]
    parts = ((about, section.columns, rows(open_reader, section, resident_id)) for section, about in told)
    photos = (str(one) for one in _photo_ids(open_reader, resident_id))
    yield "index.html", page.chunks(content, made_at, parts, photos)
    yield "data.json", json_chunks(open_reader, content, resident_id, schema_url)
    for section, _ in told:
        yield f"csv/{section.id}.csv", _csv(section.columns, rows(open_reader, section, resident_id))
    for photo_id in _photo_ids(open_reader, resident_id):
        if picture := _photo(open_reader, resident_id, photo_id):
            yield f"photos/{photo_id}.webp", iter([picture])


def _readme(content: Mapping[str, Any], schema_url: str, made_at: datetime) -> bytes:
    contact = content["contact"]
    text = README.format(
        programme=content["programme"], made_at=page.shown(made_at, Column("", "", "instant")), schema=schema_url,
        office=contact["office"], phone=contact["phone"],
    )  # fmt: skip
    return (BOM + text).replace("\n", "\r\n").encode()


def _csv(columns: tuple[Column, ...], found: Iterator[Row]) -> Iterator[bytes]:
    def line(cells: list[str]) -> bytes:
        out = io.StringIO()
        csv.writer(out).writerow(cells)
        return out.getvalue().encode()

    yield BOM.encode() + line([column.title for column in columns])
    for row in found:
        yield line([_cell(row[column.name], column) for column in columns])


def _cell(value: Any, column: Column) -> str:
    text = page.shown(value, column)
    return text if column.kind in ("whole", "instant", "day", "flag") else safe(text)


def _photo_ids(open_reader: OpenReader, owner_id: UUID) -> Iterator[UUID]:
    after: Any = None
    while True:
        with open_reader() as reader:
            found = keepers.photo_ids(reader, owner_id, after)
        yield from (row["id"] for row in found.rows)
        if found.after is None:
            return
        after = found.after


def _photo(open_reader: OpenReader, owner_id: UUID, photo_id: UUID) -> bytes | None:
    """A picture's bytes; None where they are gone or damaged, which spoils nothing else."""
    try:
        with open_reader() as reader:
            return files.open_image(reader, owner_id, photo_id)[1]
    except NotFound:
        return None
