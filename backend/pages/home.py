"""The mini-program's first screen, in one answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import Select, select

from backend.accounts import service as accounts
from backend.community import service as community
from backend.kit import clock, db
from backend.kit.db import Reader
from backend.kit.errors import NotFound
from backend.kit.prepared import Prepared
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


def _asked() -> Select[Any]:
    ((people, her),) = accounts.NAMED.joins
    columns, tables = [*accounts.NAMED.columns], people
    for part in (ledger.SPENDABLE, perks.USABLE, scores.STANDING, community.JOINED):
        columns += part.columns
        for table, condition in part.joins:
            tables = tables.outerjoin(table, condition)
    return select(*columns).select_from(tables).where(her)


_FACTS = Prepared(_asked())
"""All that a resident's first screen says of her: a row for each of her communities, one where there is none."""


def _person(reader: Reader, resident_id: UUID) -> dict[str, Any]:
    rows = _FACTS.rows(reader, {"resident": resident_id, "today": clock.today(), "now": clock.now()})
    if not rows:
        raise NotFound()
    row = rows[0]
    consents, score = scores.stood(reader, resident_id, row)
    joined = {each.community_id for each in rows}
    return dict(
        bound=True,
        name=accounts.masked_name(resident_id, row.data_key, row.name_sealed),
        spending_paused_until=accounts.paused_until(row),
        score=score and dict(value=score.value, level_id=score.level.id, level_name=score.level.name),
        score_consent=consents,
        balance_points=int(row.balance_points),
        coupons={"usable": row.usable_coupons, "next_valid_until": row.next_valid_until},
        communities=[{"id": identity, "name": name} for identity, name in community.names_of(reader, joined)],
    )
