"""What anyone may fetch in order to verify our codes."""

from __future__ import annotations

from typing import Any

from flask import Response

from backend.codes import service
from backend.codes.errors import SigningKeyMissing
from backend.codes.schemas import KeySetView, StatusListsView
from backend.kit import db
from backend.kit.errors import NotFound
from backend.web.api import blueprint
from backend.web.callers import public
from backend.web.problems import problems

STATUS_LIST = "application/statuslist+jwt"
KEYS_FRESH = {"Cache-Control": "public, max-age=300"}
STATUS_FRESH = {"Cache-Control": "public, max-age=60"}

blp = blueprint("codes", "二维码的验证：公开密钥与撤销列表", url_prefix="")


@blp.route("/.well-known/jwks.json", methods=["GET"])
@public
@blp.response(200, KeySetView)
def show_keys() -> tuple[dict[str, Any], int, dict[str, str]]:
    """验证二维码签名用的公开密钥（JWKS）

    新密钥至少提前 25 小时公布，然后才用于签名；退役密钥保留到它签发的最后一个二维码过期。
    每把密钥只有一个用途（`purpose`）：优惠券的密钥不能用来验证出示码，反之亦然。可缓存 5 分钟。
    """
    with db.reading() as reader:
        return service.jwks(reader), 200, KEYS_FRESH


@blp.route("/.well-known/code-status", methods=["GET"])
@public
@blp.response(200, {"type": "string"}, content_type=STATUS_LIST)
@problems(SigningKeyMissing)
def show_code_status() -> Response:
    """第一份撤销列表（Token Status List，JWT）

    `status_list.lst` 为 DEFLATE（ZLIB）压缩的比特串，每个二维码一位，1 为已撤销；`ttl` 300 秒后应重新获取，
    `exp`（24 小时）之后列表不再证明任何事：获取不到新列表时，结论是“未验证”，而不是“有效”。
    二维码中的状态编号除以 2^20，商为列表号，余数为位置。
    """
    return _list(0)


@blp.route("/.well-known/code-status/<int:list_id>", methods=["GET"])
@public
@blp.response(200, {"type": "string"}, content_type=STATUS_LIST)
@problems(NotFound, SigningKeyMissing)
def show_code_status_list(list_id: int) -> Response:
    """其余的撤销列表

    与第一份相同；列表写满时才会增加。
    """
    return _list(list_id)


@blp.route("/.well-known/code-status-lists", methods=["GET"])
@public
@blp.response(200, StatusListsView)
def list_code_status_lists() -> tuple[dict[str, list[str]], int, dict[str, str]]:
    """全部撤销列表的地址

    离线核验前应全部获取。
    """
    with db.reading() as reader:
        return {"status_lists": service.status_list_uris(reader)}, 200, STATUS_FRESH


def _list(list_id: int) -> Response:
    with db.reading() as reader:
        token = service.status_list_token(reader, list_id)
    return Response(token, content_type=STATUS_LIST, headers=STATUS_FRESH)
