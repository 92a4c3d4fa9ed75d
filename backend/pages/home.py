"""The mini-program's first screen, in one answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marshmallow import fields

from backend.accounts import service as accounts
from backend.community import service as community
from backend.consents import service as consents
from backend.kit import clock, db
from backend.kit.db import Reader
from backend.ledger import service as ledger
from backend.perks import service as perks
from backend.scores import service as scores
from backend.web.api import blueprint
from backend.web.callers import allow, current
from backend.web.schemas import Instant, View

blp = blueprint("home", "首页：小程序首屏所需，一次取回")


class HomeScoreView(View):
    """The score as the first screen shows it."""

    value = fields.Integer(required=True)
    level_id = fields.String(required=True)
    level_name = fields.String(required=True)


class HomeCouponsView(View):
    """How many coupons can be used now."""

    usable = fields.Integer(required=True)
    next_valid_until = Instant(required=True, allow_none=True)


class HomeCommunityView(View):
    """A community whose covenant she has signed."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)


class HomeSceneView(View):
    """A scene and how many offers are open in it."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    offers = fields.Integer(required=True)


class HomeView(View):
    """What is absent is null: no score without consent, nothing personal before the binding."""

    bound = fields.Boolean(required=True)
    name = fields.String(required=True, allow_none=True)
    score = fields.Nested(HomeScoreView, required=True, allow_none=True)
    score_consent = fields.Boolean(required=True)
    balance_points = fields.Integer(required=True, allow_none=True)
    coupons = fields.Nested(HomeCouponsView, required=True, allow_none=True)
    communities = fields.List(fields.Nested(HomeCommunityView), required=True)
    scenes = fields.List(fields.Nested(HomeSceneView), required=True)
    spending_paused_until = Instant(required=True, allow_none=True)


@blp.route("/home", methods=["GET"])
@allow("home.read")
@blp.response(200, HomeView)
def show_home() -> dict[str, Any]:
    """小程序首页

    登录后首屏所需的一切，一次取回：是否已实名、信用分与等级（须本人同意）、积分余额、可用的券、所在社区、优惠场景。
    未绑定或未同意的部分为 null，不影响其余内容。
    """
    resident_id = current().resident_id
    with db.reading() as reader:
        scenes = [{"id": s["id"], "name": s["name"], "offers": s["offers"]} for s in perks.scenes(reader)]
        return {"scenes": scenes, **(_nobody() if resident_id is None else _person(reader, resident_id))}


def _nobody() -> dict[str, Any]:
    return dict(
        bound=False, name=None, score=None, score_consent=False, balance_points=None, coupons=None, communities=[],
        spending_paused_until=None,
    )  # fmt: skip


def _person(reader: Reader, resident_id: UUID) -> dict[str, Any]:
    score, person = _score(reader, resident_id), accounts.person(reader, resident_id)
    usable = [c for c in perks.coupons(reader, resident_id, limit=50) if c.status == "issued"]
    return dict(
        bound=True,
        name=person.display_name,
        spending_paused_until=person.spending_paused_until,
        score=score,
        score_consent=score is not None or consents.granted(reader, resident_id, "score"),
        balance_points=ledger.balance(reader, resident_id, clock.today()),
        coupons={"usable": len(usable), "next_valid_until": min((c.valid_until for c in usable), default=None)},
        communities=[{"id": c.id, "name": c.name} for c in community.communities(reader, resident_id) if c.signed_at],
    )


def _score(reader: Reader, resident_id: UUID) -> dict[str, Any] | None:
    told = scores.current(reader, resident_id)
    return None if told is None else dict(value=told.value, level_id=told.level.id, level_name=told.level.name)
