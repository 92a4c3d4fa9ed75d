"""The public records of legal entities, for anyone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

from flask import Response

from backend.kit import clock, db
from backend.kit.errors import FieldError, NotFound
from backend.publicity import service
from backend.publicity.errors import NameTooCommon
from backend.publicity.schemas import KindQuery, PublicityQuery, PublicRecordDetailView, PublicRecordPage
from backend.web.api import blueprint
from backend.web.callers import public
from backend.web.paging import decode_cursor, page
from backend.web.problems import problems

TITLES = {"licence": "行政许可公示", "penalty": "行政处罚公示", "all": "信用信息公示"}
OUT_OF_INDEXES = {"X-Robots-Tag": "noindex, noarchive"}
"""What a search engine kept would outlive the clock and the repair."""

blp = blueprint("publicity", "信用公示：法人和非法人组织的行政许可、行政处罚等公开信息")


@blp.route("/publicity/records", methods=["GET"])
@public
@blp.arguments(PublicityQuery, location="query")
@blp.response(200, PublicRecordPage)
@problems(FieldError, NameTooCommon)
def list_publicity_records(query: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """查询公示中的行政许可、行政处罚等信息

    任何人可查，不登录。只有法人和非法人组织的信息；自然人的信息不公示。name、code、document_no 至少给一项，
    几项同时给出时都要符合。
    只列今天可以公示的：公示期满、已修复、已撤销的不在其中；异议处理中的照常列出并标明（`disputed`）。
    按统一社会信用代码排列，同一单位的按决定日期从新到旧。新入档的单位几分钟后可按名称查到，按代码和文书号随时可查。
    法定代表人的证件从不公示。答复的 ETag 随内容和上海日期变化。
    """
    after = cast("service.Place | None", decode_cursor(query["cursor"], str, date, UUID))
    sought = {name: query[name] for name in ("kind", "name", "code", "document_no")}
    with db.reading() as reader:
        found = service.search(reader, **sought, limit=query["limit"] + 1, after=after)
    answer = page(found, query["limit"], lambda record: record.place)
    return {**answer, "as_of": clock.today()}, 200, OUT_OF_INDEXES


@blp.route("/publicity/records/<string:entity_code>/<uuid:record_id>", methods=["GET"])
@public
@blp.response(200, PublicRecordDetailView)
@problems(NotFound)
def show_publicity_record(entity_code: str, record_id: UUID) -> tuple[service.Shown, int, dict[str, str]]:
    """一条公示中的信息

    按公示标准的官方名称列出全部字段、公示依据和公示到哪一天；不利信息另附怎样修复。公示期满的次日、修复或撤销的当时，
    答复即变为 404，无需任何操作；从来没有的编号答复相同。
    """
    with db.reading() as reader:
        return service.show(reader, entity_code, record_id), 200, OUT_OF_INDEXES


@blp.route("/publicity/extract.csv", methods=["GET"])
@public
@blp.arguments(KindQuery, location="query")
@blp.response(200, {"type": "string", "format": "binary"}, content_type="text/csv")
def extract_publicity(query: dict[str, Any]) -> Response:
    """下载公示中的全部信息（CSV）

    今天可以公示的全部记录，一行一条，边查边发；每个来源地址每小时若干次（见 `RateLimit-Policy`）。UTF-8 带 BOM，
    逗号分隔，字段都加双引号；以 `'` 开头的单元格是为了不被表格软件当作公式。文件名带当天日期，第一列“数据日期”是
    该行成立的日期（上海）：次日起，已到期、已修复、已撤销的行不再成立，请以重新下载的为准，不要留用旧文件。

    每行先是十列：数据日期、信息类别、目录条目、主体名称、统一社会信用代码、标题、公示截止日期、公示状态
    （公示中或异议处理中）、公示依据、记录编号。之后：

    - `kind=licence`：行政许可的公示字段，即行政相对人名称、类别、代码_1 至 _6、法定代表人、行政许可决定文书名称、
      行政许可决定文书号、许可类别、许可证书名称、许可编号、许可内容、许可决定日期、有效期自、有效期至、许可机关
      及其代码、当前状态、数据来源单位及其代码、备注；
    - `kind=penalty`：行政处罚的公示字段，即行政相对人名称、类别、代码_1 至 _6、法定代表人、行政处罚决定书文号、
      违法行为类型、违法事实、处罚依据、处罚类别、处罚内容、罚款金额（万元）、没收金额（万元）、暂扣或吊销证照名称
      及编号、处罚决定日期、处罚有效期、公示截止期、失信严重程度、处罚机关及其代码、数据来源单位及其代码、备注；
    - `kind=all`：各条目字段不同，合写在最后一列“其他内容”（名称：值；……）。

    字段名称以本市目录为准，没有报送的留空；法定代表人的证件类型和号码从不公示。
    """
    with db.reading() as reader:
        extract = service.Extract(reader, query["kind"])
    day = clock.today().isoformat()
    name = quote(f"{TITLES[query['kind']]}-{day}.csv")
    given = f"attachment; filename=\"publicity-{query['kind']}-{day}.csv\"; filename*=UTF-8''{name}"
    headers = {"Content-Disposition": given, "Cache-Control": "no-store", **OUT_OF_INDEXES}
    return Response(_lines(extract), content_type="text/csv; charset=utf-8", headers=headers)


def _lines(extract: service.Extract) -> Iterator[bytes]:
    """The file, a chunk of the archive at a time: each is read for itself, and no connection waits for the caller."""
    yield b"\xef\xbb\xbf" + _csv([extract.header])
    after: tuple[str, UUID] | None = None
    while True:
        with db.reading() as reader:
            rows, after = extract.chunk(reader, after)
        if rows:
            yield _csv(rows)
        if after is None:
            return


def _csv(rows: list[list[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode("utf-8")
