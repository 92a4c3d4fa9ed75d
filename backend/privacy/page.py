"""The page inside the ZIP: it opens without a network, runs no script, asks no host, and fits a telephone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from html import escape
from typing import Any

from backend.kit import clock
from backend.kit.personal import Column, Row

STYLE = """
:root{color-scheme:light dark;--line:#d5dae0;--soft:#5a6472;--card:#fff;--back:#f3f5f7;--ink:#1b2430;--accent:#0b5c8a}
@media(prefers-color-scheme:dark){:root{--line:#3a4450;--soft:#a7b1bd;--card:#1c232b;--back:#12171c;--ink:#e8edf2;
--accent:#7cc4ef}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:16px/1.6 system-ui,sans-serif}
main{max-width:46rem;margin:0 auto;padding:1rem}h1{font-size:1.4rem}h2{font-size:1.15rem;margin:0 0 .4rem}
a{color:var(--accent)}section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;
margin:0 0 1rem}
.why{color:var(--soft);font-size:.875rem;margin:0 0 .6rem}ol,ul.plain{list-style:none;margin:0;padding:0}
ol>li{border-top:1px solid var(--line);padding:.6rem 0}dl{margin:0;display:grid;grid-template-columns:7rem 1fr;
gap:.15rem .6rem}dt{color:var(--soft);font-size:.875rem}dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}
img{max-width:100%;height:auto;border-radius:.4rem}nav li{display:inline-block;margin:0 .8rem .3rem 0}
"""
HEAD = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'; img-src 'self' file:">
<meta name="referrer" content="no-referrer"><title>我的个人信息 · {programme}</title><style>{style}</style></head>
<body><main><h1>我的个人信息</h1>
<p>这是您在“{programme}”的全部个人信息，制作于 {made_at}（北京时间）。
里面有您的姓名、证件号和手机号，请妥善保管，不要转发。</p>
<p>有不对的地方可以要求更正：{office}，电话 {phone}。</p>
"""

Part = tuple[Mapping[str, Any], tuple[Column, ...], Iterable[Row]]


def shown(value: Any, column: Column) -> str:
    """A value as a person reads it: Chinese words, Shanghai's time."""
    if value is None:
        return ""
    if column.words and (known := column.words.get(str(value))) is not None:
        return known
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return f"{value.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat() if value < date.max else "没有期限"
    if isinstance(value, list):
        return "、".join(str(one) for one in value)
    if isinstance(value, dict):
        names = column.words or {}
        return "\n".join(f"{names.get(name, name)}：{_part(inner)}" for name, inner in value.items())
    return str(value)


def _part(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def chunks(
    content: Mapping[str, Any], made_at: datetime, parts: Iterable[Part], photos: Iterable[str]
) -> Iterator[bytes]:
    """The page, piece by piece."""
    contact = content["contact"]
    told = {"programme": content["programme"], "office": contact["office"], "phone": contact["phone"]}
    stamp = shown(made_at, Column("", "", "instant"))
    yield HEAD.format(style=STYLE, made_at=stamp, **{name: escape(text) for name, text in told.items()}).encode()
    for about, columns, found in parts:
        yield from _section(about, columns, found)
    yield from _photos(photos)
    yield b"</main></body></html>\n"


def _section(about: Mapping[str, Any], columns: tuple[Column, ...], found: Iterable[Row]) -> Iterator[bytes]:
    said = {name: escape(str(about[name])) for name in ("id", "title", "purpose", "basis", "kept")}
    yield (
        (
            '<section aria-labelledby="{id}"><h2 id="{id}">{title}</h2>'
            '<p class="why">为什么：{purpose}。依据：{basis}。保存：{kept}。</p><ol>'
        )
        .format(**said)
        .encode()
    )
    count = 0
    for row in found:
        yield _item(columns, row).encode()
        count += 1
    yield ("</ol></section>\n" if count else "</ol><p>没有。</p></section>\n").encode()


def _item(columns: tuple[Column, ...], row: Row) -> str:
    cells = ((column.title, shown(row[column.name], column)) for column in columns)
    pairs = "".join(f"<dt>{escape(title)}</dt><dd>{escape(text)}</dd>" for title, text in cells if text)
    return f"<li><dl>{pairs}</dl></li>\n"


def _photos(photos: Iterable[str]) -> Iterator[bytes]:
    yield '<section aria-labelledby="pictures"><h2 id="pictures">照片</h2><ul class="plain">'.encode()
    number = 0
    for number, photo in enumerate(photos, start=1):
        yield f'<li><img src="photos/{escape(photo)}.webp" alt="我上传的照片 {number}" loading="lazy"></li>\n'.encode()
    yield ("</ul></section>\n" if number else "</ul><p>没有。</p></section>\n").encode()
