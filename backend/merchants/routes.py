"""A merchant's badge, for anyone."""

from __future__ import annotations

from backend.kit import db
from backend.merchants import service
from backend.merchants.errors import MerchantCodeRevoked, MerchantCodeUnknown
from backend.merchants.schemas import BadgeView
from backend.web.api import blueprint
from backend.web.callers import public
from backend.web.problems import problems

blp = blueprint("merchants", "商户信用码：扫码所见")


@blp.route("/merchants/<string:public_code>", methods=["GET"])
@public
@blp.response(200, BadgeView)
@problems(MerchantCodeUnknown, MerchantCodeRevoked)
def show_merchant(public_code: str) -> service.Badge:
    """商户信用码所示内容

    任何人可读，与亮码页一致：名称、地址、法定代表人、证照、等级及理由、诚信承诺、仍在公示期内的处罚和更新时间。
    等级按公开的评价政策当日计算；已修复、已过公示期的记录不显示也不计入，异议处理中的显示但不计入。
    base + Σ reasons.points = score（base 见评价政策 policy_version）。
    """
    with db.reading() as reader:
        return service.badge(reader, public_code)
