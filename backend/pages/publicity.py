"""The pages of public records: one form, what it finds, and one page a record. They work without scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, cast
from uuid import UUID

from flask import Response, request

from backend.kit import city, clock, db
from backend.kit.db import Reader
from backend.kit.errors import DomainError, FieldError, NotFound
from backend.pages.rendering import page, wants_html
from backend.publicity import rules
from backend.publicity import service as publicity
from backend.publicity.errors import NameTooCommon
from backend.web import problems as rendered
from backend.web.api import blueprint
from backend.web.callers import public
from backend.web.paging import decode_cursor
from backend.web.paging import page as page_of
from backend.web.problems import problems

AT_ONCE = 20
MOST_ASKED = 120
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
TEXT = {"type": "string"}
RAIL = (8.0, 312.0)
"""From where to where the line of the clock is drawn."""

blp = blueprint("publicity_pages", "网页：信用公示", url_prefix="")


@dataclass(frozen=True)
class Asked:
    """What the form was sent with."""

    kind: str
    text: str

    @classmethod
    def of_request(cls) -> Asked:
        return cls(request.args.get("kind") or "all", " ".join(request.args.get("q", "").split()))

    def check(self) -> None:
        """Raises FieldError."""
        if self.kind not in rules.KINDS:
            raise FieldError.at("/query/kind", f"应为 {'、'.join(rules.KINDS)} 之一。", "Not a kind of record.")
        if len(self.text) > MOST_ASKED or _CONTROL.search(self.text):
            detail = f"最长 {MOST_ASKED} 个字，不能含有控制字符。"
            raise FieldError.at("/query/q", detail, f"{MOST_ASKED} characters at most, no control characters.")

    def sought(self) -> dict[str, str]:
        """What is looked for, by what the typed line means."""
        return {"kind": self.kind, rules.sort_of_search(self.text): self.text}


@blp.route("/publicity", methods=["GET"])
@public
@blp.response(200, TEXT, content_type="text/html")
@problems(FieldError, NameTooCommon)
def open_publicity() -> Response:
    """信用公示查询页

    `q`：名称的一部分、统一社会信用代码（或旧代码）或文书号，自动辨认；`kind`：licence、penalty、all；`cursor`：下一页。
    与 `/api/v1/publicity/records` 同一份数据，没有脚本也能用。ETag 覆盖内容和上海日期。
    """
    asked = Asked.of_request()
    with db.reading() as reader:
        town = city.get(reader, "city").content
        try:
            asked.check()
            found = _found(reader, asked) if asked.text else None
        except (FieldError, NameTooCommon) as error:
            return _refused(error, asked, town)
    response = page("publicity.html", asked=asked, found=found, town=town, today=clock.today(), error=None)
    if asked.text:
        response.headers["X-Robots-Tag"] = "noindex, noarchive"
    return response


def _found(reader: Reader, asked: Asked) -> dict[str, Any]:
    after = cast("publicity.Place | None", decode_cursor(request.args.get("cursor") or None, str, date, UUID))
    rows = publicity.search(reader, **asked.sought(), limit=AT_ONCE + 1, after=after)
    answer = page_of(rows, AT_ONCE, lambda record: record.place)
    by_entity = [list(group) for _, group in groupby(answer["items"], key=lambda record: record.entity_code)]
    return {**answer, "by_entity": by_entity, "continued": after is not None}


def _refused(error: DomainError, asked: Asked, town: dict[str, Any]) -> Response:
    """The form again, with what was wrong; a problem for who did not ask for a page."""
    if wants_html():
        kind = asked.kind if asked.kind in rules.KINDS else "all"
        known = Asked(kind, _CONTROL.sub("", asked.text)[:MOST_ASKED])
        response = page(
            "publicity.html", error.status, asked=known, found=None, town=town, today=clock.today(), error=error
        )
    else:
        response = rendered.render(error)
    response.headers.add("Vary", "Accept")
    return response


@blp.route("/publicity/<string:entity_code>/<uuid:record_id>", methods=["GET"])
@public
@blp.response(200, TEXT, content_type="text/html")
@problems(NotFound)
def open_publicity_record(entity_code: str, record_id: UUID) -> Response:
    """一条公示信息的网页

    公示期满的次日、修复或撤销的当时变为 404。不利信息的页面请搜索引擎不要收录，其余的请它在公示期满后删去。
    """
    with db.reading() as reader:
        town = city.get(reader, "city").content
        try:
            shown = publicity.show(reader, entity_code, record_id)
        except NotFound as error:
            return _gone(error, town)
    adverse = shown.repair is not None
    robots = "noindex, noarchive" if adverse else f"noarchive, unavailable_after: {shown.publicity_until_on}"
    response = page("publicity_record.html", record=shown, town=town, drawn=_drawn(shown), robots=robots)
    response.headers["X-Robots-Tag"] = robots
    return response


def _gone(error: NotFound, town: dict[str, Any]) -> Response:
    response = page("publicity_gone.html", error.status, town=town) if wants_html() else rendered.render(error)
    response.headers.add("Vary", "Accept")
    return response


def _drawn(shown: publicity.Shown) -> dict[str, Any]:
    """Where on the line of the clock today stands, and the first day of repair where there is one before the end."""
    begin, end = RAIL

    def place(day: date) -> float:
        return round(begin + (end - begin) * rules.elapsed(shown.decided_on, shown.publicity_until_on, day), 1)

    repair = shown.repair.from_on if shown.repair else None
    marked = repair is not None and shown.decided_on < repair <= shown.publicity_until_on
    return {
        "begin": begin,
        "end": end,
        "today": place(shown.as_of),
        "repair": place(repair) if marked and repair else None,
    }
