"""The published roots, for anyone; the proof of a line, for whose it is."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from backend.kit.db import reading
from backend.kit.errors import NotFound
from backend.proofs import service
from backend.proofs.errors import LineNotProven, RootNotYet
from backend.proofs.schemas import ProofView, RootView
from backend.web import callers, paging
from backend.web.api import blueprint
from backend.web.callers import IdentityNotBound, allow, public
from backend.web.problems import problems

FRESH = {"Cache-Control": "public, max-age=300"}
blp = blueprint("proofs", "积分账的公开证明")


@blp.route("/ledger/roots", methods=["GET"])
@public
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(RootView))
def list_roots(query: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """积分流水每日的根，新的在前，供任何人保存

    每天的积分流水在次日凌晨一点之后封账，全部流水散列成一棵树（RFC 9162，SHA-256），树根签名公布，并记着上一份。
    保存下来的根使日后对任何一笔流水的改动、删除或补写都能被发现。没有流水的日子没有根。
    `seal` 是 SHA-256("xinyi-ledger-root-v1\\n" + 声明)，声明是除 `seal` 与 `signature` 之外各成员的 JSON
    （名称排序、没有空格、UTF-8）；`signature` 是同样字节的 Ed25519 签名，公钥见 `/.well-known/jwks.json`
    （`purpose` 为 `seal`）。不含任何个人信息。
    """
    position = paging.decode_cursor(query["cursor"], int)
    with reading() as reader:
        found = service.roots(reader, query["limit"] + 1, position[0] if position else None)
    answer = paging.page(found, query["limit"], lambda root: (root.number,))
    return {**answer, "items": [root.published() for root in answer["items"]]}, 200, FRESH


@blp.route("/ledger/roots/<string:day>", methods=["GET"])
@public
@blp.response(200, RootView)
@problems(NotFound)
def read_root(day: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """某一天积分流水的根

    `day` 是上海时区的日期。当天没有流水，或还没有封账的，没有根。
    """
    with reading() as reader:
        return service.root_of(reader, _day(day)).published(), 200, FRESH


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotFound() from None


@blp.route("/me/wallet/entries/<uuid:entry_id>/proof", methods=["GET"])
@allow("wallet.read")
@blp.response(200, ProofView)
@problems(NotFound, IdentityNotBound, RootNotYet, LineNotProven)
def prove_wallet_entry(entry_id: UUID) -> service.Proof:
    """我的一笔积分明细在公布的根之内的证明

    把 `leaf` 的字节前加 0x00 取 SHA-256，沿 `path` 逐级与相邻散列合并（RFC 9162 2.1.3.2），应得到 `root.root`；再按
    `/ledger/roots` 所述核对签名。`leaf` 只说这一笔，其中没有您的编号，也看不出您的其他明细；给谁看由您决定。
    """
    with reading() as reader:
        return service.prove_entry(reader, callers.current().person(), entry_id)
