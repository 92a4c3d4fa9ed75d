"""What the routes of roots and proofs give."""

from __future__ import annotations

from marshmallow import fields

from backend.web.schemas import View


class RootView(View):
    day = fields.String(required=True, metadata={"description": "流水入账的日期（上海时区）", "format": "date"})
    number = fields.Integer(required=True, metadata={"description": "链上的序号，从 1 起，没有间断"})
    count = fields.Integer(required=True, metadata={"description": "当日的流水笔数，即树叶数"})
    points = fields.Integer(required=True, metadata={"description": "当日流水的积分合计"})
    root = fields.String(required=True, metadata={"description": "树根，SHA-256，十六进制"})
    previous = fields.String(required=True, metadata={"description": "上一份声明的 seal；第一份为 64 个 0"})
    kid = fields.String(required=True, metadata={"description": "签名密钥，见 /.well-known/jwks.json"})
    signed_at = fields.String(required=True, metadata={"description": "签名时间（UTC）", "format": "date-time"})
    version = fields.Integer(required=True)
    seal = fields.String(required=True, metadata={"description": 'SHA-256("xinyi-ledger-root-v1\\n" + 声明)'})
    signature = fields.String(required=True, metadata={"description": "同样字节的 Ed25519 签名，base64url"})


class ProofView(View):
    leaf = fields.String(required=True, metadata={"description": "树叶的原文：这一笔的 JSON，验证时按原样逐字节取用"})
    leaf_index = fields.Integer(required=True, metadata={"description": "树叶的位置，从 0 起"})
    tree_size = fields.Integer(required=True, metadata={"description": "树叶数"})
    path = fields.List(
        fields.String(), required=True, metadata={"description": "从下到上的相邻散列，十六进制（RFC 9162 2.1.3）"}
    )
    root = fields.Nested(RootView, required=True)
