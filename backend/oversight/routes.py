"""What the auditor reads, and the newest seal for anyone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.consents import service as consents
from backend.kit import trail
from backend.kit.db import reading, transaction
from backend.kit.errors import NotFound
from backend.oversight import schemas, service
from backend.web import callers, paging
from backend.web.api import blueprint
from backend.web.callers import allow, public
from backend.web.problems import problems

SEAL_FRESH = {"Cache-Control": "public, max-age=60"}
blp = blueprint("oversight", "监督：查询登记、操作日志与封存")
published = blueprint("seal", "封存的公开", url_prefix="")


def _searcher(action: str) -> service.Searcher:
    caller = callers.current()
    return service.Searcher(caller.account_id, caller.role_for(action))


@blp.route("/oversight/looks", methods=["GET"])
@allow("oversight.looks")
@blp.arguments(schemas.LooksQuery, location="query")
@blp.response(200, paging.page_of(schemas.LookFoundView))
def search_looks(query: dict[str, Any]) -> dict[str, Any]:
    """检索查询登记：谁、以什么身份、为什么、依据哪一份授权，看了谁的哪些信息

    可按查看人、单位、用途、起止时间和居民编号检索，新的在前。居民只以编号出现，不显示姓名。
    每次检索都记入操作日志。
    """
    position = paging.decode_cursor(query["cursor"], datetime, UUID)
    before = (position[0], position[1]) if position else None
    names = ("resident_id", "actor_id", "organisation_id", "purpose", "from_at", "until_at")
    wanted = consents.Wanted(**{name: query[name] for name in names})
    with transaction() as session:
        found = service.search_looks(session, _searcher("oversight.looks"), wanted, query["limit"] + 1, before)
    return paging.page(found, query["limit"], lambda look: (look.at, look.id))


@blp.route("/oversight/trail", methods=["GET"])
@allow("oversight.trail")
@blp.arguments(schemas.TrailQuery, location="query")
@blp.response(200, paging.page_of(schemas.ActView))
def search_trail(query: dict[str, Any]) -> dict[str, Any]:
    """检索操作日志：工作人员做过什么

    可按操作人、操作、对象和起止时间检索，新的在前。每次检索也记入操作日志。
    """
    position = paging.decode_cursor(query["cursor"], datetime, UUID)
    before = (position[0], position[1]) if position else None
    where = {name: query[name] for name in ("actor_id", "action", "subject_kind", "subject_id")}
    times = trail.Times(query["from_at"], query["until_at"])
    with transaction() as session:
        found = service.search_trail(
            session, _searcher("oversight.trail"), where, times, query["limit"] + 1, before
        )  # fmt: skip
    return paging.page(found, query["limit"], lambda act: (act.at, act.id))


@blp.route("/oversight/seals", methods=["GET"])
@allow("oversight.seals")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, schemas.SealsView)
def list_seals(query: dict[str, Any]) -> dict[str, Any]:
    """封存的链：每一批的编号、行数、树根、上一批和签名，新的在前

    `waiting` 是还没有封存的行数和其中最早的时间。逐行核对用命令 `flask oversight verify`。
    """
    position = paging.decode_cursor(query["cursor"], int)
    with reading() as reader:
        found = service.seals(reader, query["limit"] + 1, position[0] if position else None)
        rows, oldest_at = service.waiting(reader)
    answer = paging.page(found, query["limit"], lambda seal: (seal.number,))
    items = [seal.published() for seal in answer["items"]]
    return {**answer, "items": items, "waiting": {"rows": rows, "oldest_at": oldest_at}}


@published.route("/.well-known/trail-seal", methods=["GET"])
@public
@published.response(200, schemas.SealView)
@problems(NotFound)
def show_trail_seal() -> tuple[dict[str, Any], int, dict[str, str]]:
    """最新的封存，供任何人保存

    查询登记和操作日志每几分钟封存一批，每一批记着上一批。保存下来的封存使日后对任何一行的改动、删除或补写都能被发现。
    `seal` 是 SHA-256("xinyi-trail-seal-v1\\n" + 声明)，声明是除 `seal` 与 `signature` 之外各成员的 JSON
    （名称排序、没有空格、UTF-8）；`signature` 是同样字节的 Ed25519 签名，公钥见 `/.well-known/jwks.json`
    （`purpose` 为 `seal`）。不含任何个人信息。
    """
    with reading() as reader:
        return service.newest_published(reader), 200, SEAL_FRESH
