from __future__ import annotations

import copy
import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.codes import service as codes
from backend.kit import city as cities
from backend.kit import clock, db
from backend.kit.errors import NotFound
from backend.merchants import service
from backend.merchants.errors import MerchantCodeRevoked, MerchantCodeUnknown, MerchantRefused
from backend.merchants.models import Evaluation, Merchant
from backend.records import service as records
from tests.merchants.conftest import entity_code, new_merchant, punish, registered
from tests.support.statements import asked

pytestmark = pytest.mark.usefixtures("city")
BASE = "https://xinyi.example.cn"


def test_register_prints_a_code_whose_badge_tells_the_archive(session: Session) -> None:
    made = registered(session)
    badge = service.badge(session, made.public_code)
    assert (badge.name, badge.district, badge.trade) == ("演示青禾面馆（演示商户）", "东山街道信用商圈", "餐饮")
    assert (badge.status, badge.score, badge.grade.id, badge.penalties) == ("active", 80, "B", [])
    assert badge.licence.valid and badge.legal_representative == "测试甲子"
    assert badge.pledge is not None and badge.pledge.signed_on == clock.today() and len(badge.pledge.articles) == 8
    assert badge.as_of == clock.today()


def test_register_again_brings_it_up_to_date_under_the_same_code(session: Session) -> None:
    code = entity_code()
    first = registered(session, unified_social_credit_code=code)
    second = registered(session, unified_social_credit_code=code.lower(), name="演示云溪粥铺（演示商户）")
    assert first == second
    assert service.badge(session, first.public_code).name == "演示云溪粥铺（演示商户）"


def test_register_three_hundred_at_once(session: Session) -> None:
    made = service.register_all(session, [new_merchant() for _ in range(300)])
    assert len({one.public_code for one in made}) == len({one.id for one in made}) == 300


@pytest.mark.parametrize(
    "wrong",
    [
        {"unified_social_credit_code": "92320115TDM000010A"}, {"district_id": "nowhere"}, {"trade_id": "nothing"},
        {"name": " "}, {"address": "路" * 201}, {"lat": None}, {"lat": 91.0}, {"lon": float("nan")},
    ],
)  # fmt: skip
def test_register_refuses(session: Session, wrong: dict[str, Any]) -> None:
    with pytest.raises(MerchantRefused):
        registered(session, **wrong)


def test_a_penalty_lowers_the_grade_and_is_shown_within_its_publicity(session: Session) -> None:
    code = entity_code()
    made = registered(session, unified_social_credit_code=code)
    punish(session, code)
    badge = service.badge(session, made.public_code)
    assert (badge.score, badge.grade.id) == (70, "B")
    (shown,) = badge.penalties
    assert (shown.violation, shown.authority, shown.disputed) == ("价格违法", "区市场监督管理局", False)
    assert badge.updated_at >= service.merchant(session, made.id).updated_at


def test_past_its_publicity_a_penalty_leaves_badge_and_grade_without_any_job(session: Session) -> None:
    code = entity_code()
    made = registered(session, unified_social_credit_code=code, licence_valid_until_on=None)
    punish(session, code)
    with clock.shifted(timedelta(days=365)):
        assert len(service.badge(session, made.public_code).penalties) == 1
    with clock.shifted(timedelta(days=366)):
        badge = service.badge(session, made.public_code)
    assert (badge.penalties, badge.score) == ([], 80)


def test_a_minor_penalty_is_not_published_at_all(session: Session) -> None:
    code = entity_code()
    made = registered(session, unified_social_credit_code=code)
    punish(session, code, "minor")
    badge = service.badge(session, made.public_code)
    assert (badge.penalties, badge.score) == ([], 80)


def test_a_disputed_penalty_is_shown_as_such_and_not_counted_and_a_repaired_one_is_gone(session: Session) -> None:
    code = entity_code()
    made = registered(session, unified_social_credit_code=code)
    record_id = punish(session, code)
    records.change_entity_status(session, code, record_id, "disputed", uuid4(), "提出异议")
    badge = service.badge(session, made.public_code)
    assert ([one.disputed for one in badge.penalties], badge.score) == ([True], 80)
    records.change_entity_status(session, code, record_id, "repaired", uuid4(), "准予修复")
    badge = service.badge(session, made.public_code)
    assert (badge.penalties, badge.score) == ([], 80)


def test_an_expired_licence_shows_itself(session: Session) -> None:
    made = registered(session)
    with clock.shifted(timedelta(days=31)):
        badge = service.badge(session, made.public_code)
    assert not badge.licence.valid and badge.score == 55


def test_evaluations_are_kept_when_they_change(session: Session) -> None:
    code = entity_code()
    made = registered(session, unified_social_credit_code=code)

    def kept() -> list[int]:
        query = select(Evaluation.score).where(Evaluation.merchant_id == made.id).order_by(Evaluation.evaluated_at)
        return list(session.execute(query).scalars())

    service.evaluate(session, made.id)
    service.evaluate(session, made.id)
    assert kept() == [80]
    punish(session, code, "serious")
    service.on_entity_changed(session, {"entity_code": code, "record_id": None, "change": "added"})
    assert kept() == [80, 50]
    service.on_entity_changed(session, {"entity_code": entity_code(), "record_id": None, "change": "added"})


def test_a_load_of_many_records_moves_the_grade_of_each_merchant_among_them_once(session: Session) -> None:
    codes_of_ours = [entity_code() for _ in range(3)]
    made = [registered(session, unified_social_credit_code=code) for code in codes_of_ours]
    with asked(db.current()) as sent:
        service.on_entities_loaded(session, {"entity_codes": [*codes_of_ours[:2], *(entity_code() for _ in range(50))]})
    assert sum("FROM merchants" in one and ("ANY (" in one or "json_each" in one) for one in sent) == 1
    ours = Evaluation.merchant_id.in_([one.id for one in made])
    kept = session.execute(select(Evaluation.merchant_id).where(ours)).scalars().all()
    assert sorted(kept) == sorted(one.id for one in made[:2])


def test_a_revoked_code_says_when_and_why_and_a_new_one_takes_over(session: Session) -> None:
    made = registered(session)
    service.revoke_code(session, made.public_code, "码牌遗失")
    with pytest.raises(MerchantCodeRevoked) as refused:
        service.badge(session, made.public_code)
    assert refused.value.members["reason"] == "码牌遗失" and refused.value.members["revoked_at"]
    again = service.print_code(session, made.id)
    assert again != made.public_code and service.badge(session, again).public_code == again


def test_unknown_codes_and_other_kinds_codes_are_not_found(session: Session) -> None:
    other = codes.printed_code(session, "venue", uuid4())
    for code in ("", "ABCDEFGHJK", "x" * 500, "你好", other):
        with pytest.raises(MerchantCodeUnknown):
            service.badge(session, code)
    with pytest.raises(MerchantCodeUnknown):
        service.revoke_code(session, other, "不是商户码")
    with pytest.raises(NotFound):
        service.print_code(session, uuid4())


def test_a_closed_merchant_says_so(session: Session) -> None:
    made = registered(session)
    service.close(session, made.id)
    assert service.badge(session, made.public_code).status == "closed"


def test_codes_are_drawn_and_printed(session: Session) -> None:
    made = registered(session)
    assert service.code_svg(session, BASE, made.public_code).startswith("<svg")
    assert service.code_png(session, BASE, made.public_code).startswith(b"\x89PNG")
    assert service.poster(session, BASE, made.public_code).startswith(b"%PDF")


def test_what_is_printed_opens_the_badge(session: Session) -> None:
    made = registered(session)
    image = Image.open(io.BytesIO(service.code_png(session, BASE, made.public_code))).convert("L")
    (read,) = zxingcpp.read_barcodes(image)
    assert read.text == f"{BASE}/m/{made.public_code}"


def test_a_published_pledge_is_never_changed(session: Session, city: dict[str, Any]) -> None:
    content = copy.deepcopy(city["merchants"])
    content["pledge"]["text"][0] = "另一条"
    with pytest.raises(cities.CityRefused, match="不可更改"):
        service.apply(session, cities.Policy("merchants", "2026.2", clock.today(), content))


def test_a_pledge_is_signed_once(session: Session) -> None:
    made = registered(session, pledged=False)
    assert service.badge(session, made.public_code).pledge is None
    assert service.sign_pledge(session, made.id) is True
    assert service.sign_pledge(session, made.id) is False


def test_a_closed_merchant_is_kept_as_closed(session: Session) -> None:
    made = registered(session)
    service.close(session, made.id)
    assert session.execute(select(Merchant.status).where(Merchant.id == made.id)).scalar_one() == "closed"
