"""What hot paths cost in statements: a path that grows by one is noticed here, not in the rush."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from backend.codes import service as codes
from backend.kit import db
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories.perks import Shop, give_points, shop
from tests.support.statements import asked

V1 = "/api/v1"


@pytest.fixture
def sold(client: CheckedClient) -> Shop:
    """An offer that has a price, places and a limit for each person."""
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")
        limit = {"limit": 5, "window": "month"}
        return shop(session, price_points=3, stock_total=40, per_person=limit, uses=2)


@pytest.fixture
def token(client: CheckedClient) -> str:
    """A resident with points."""
    with db.transaction() as session:
        who = people.resident(session)
        give_points(session, who.resident_id, 100)
        return people.resident_token(session, who)


def redeem(client: CheckedClient, sold: Shop, token: str) -> Any:
    path = f"{V1}/perks/offers/{sold.offer_id}/redemptions"
    answer = client.post(path, token=token, headers={"Idempotency-Key": str(uuid4())})
    assert answer.status_code == 201
    return answer.get_json()


def test_a_redemption_asks_for_what_it_moves_and_no_more(
    client: CheckedClient, database: db.Database, sold: Shop, token: str
) -> None:
    for _ in range(2):  # a partner's escrow is opened by the first and found standing by the second
        redeem(client, sold, token)
    with asked(database) as said:
        redeem(client, sold, token)
    # The caller; operation, person with offer, turn, place, wallet with lots, place in the status list; then what is
    # written.
    assert len(said) <= 7 + (1 if database.dialect == "postgresql" else 6), said


def test_a_verification_is_the_caller_and_the_coupon(
    client: CheckedClient, database: db.Database, sold: Shop, token: str
) -> None:
    coupon = redeem(client, sold, token)["coupon"]
    code = client.post(f"{V1}/me/coupons/{coupon['id']}/codes", token=token).get_json()["code"]
    with db.transaction() as session:
        device = people.device_token(session, people.device(session, sold.partner_id, sold.venue_id))

    def verify() -> None:
        answer = client.post(f"{V1}/venue/verifications", token=device, json={"code": code})
        assert answer.get_json()["verdict"] == "valid"

    verify()
    with asked(database) as said:
        verify()
    assert len(said) <= 2, said


@pytest.mark.parametrize(("path", "most"), [("/home", 2), ("/me/wallet", 2), ("/me/coupons", 2), ("/perks/scenes", 1)])
def test_what_phones_ask_for_most_is_the_caller_and_one_statement(
    client: CheckedClient, database: db.Database, sold: Shop, token: str, path: str, most: int
) -> None:
    client.get(f"{V1}{path}", token=token)
    with asked(database) as said:
        client.get(f"{V1}{path}", token=token)
    assert len(said) <= most, said


def test_the_list_of_offers_asks_about_the_caller_alone(
    client: CheckedClient, database: db.Database, sold: Shop, token: str
) -> None:
    client.get(f"{V1}/perks/offers", token=token)
    with asked(database) as said:
        client.get(f"{V1}/perks/offers", token=token)
    assert not [statement for statement in said if "perks_venues" in statement or "perks_offers." in statement]
    # The caller; consents, person and counted turns, balance, places; then places of the day, slots, groups,
    # communities, and the pauses of arrears and of slots that were missed.
    assert len(said) <= 13, said


def test_plain_offers_ask_nothing_about_days_slots_groups_or_ages(
    client: CheckedClient, database: db.Database, sold: Shop, token: str
) -> None:
    path = f"{V1}/perks/offers?venue={sold.venue_id}"
    client.get(path, token=token)
    with asked(database) as said:
        assert len(client.get(path, token=token).get_json()["items"]) == 1
    for table in ("perks_day_stock", "perks_slots", "perks_group_holds", "people.id_number"):
        assert not [statement for statement in said if table in statement], table
    assert len(said) <= 4, said  # the caller, places, counted turns, balance
