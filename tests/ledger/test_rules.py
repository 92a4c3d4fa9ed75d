from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.ledger import rules
from backend.ledger.rules import Booked, Holding, LateReturn, Loss, Lot, Movement, Take

DAY = date(2026, 3, 5)
A, B = UUID(int=1), UUID(int=2)


def lot(ends: date, points: int, issuer: UUID = A) -> Lot:
    return Lot(uuid4(), issuer, ends, points)


LOTS = st.lists(
    st.builds(
        Lot,
        st.uuids(),
        st.sampled_from([A, B]),
        st.dates(DAY - timedelta(3), DAY + timedelta(3)) | st.just(rules.FOREVER),
        st.integers(0, 50),
    ),
    max_size=8,
    unique_by=lambda lot: lot.id,
)


@given(LOTS, st.integers(1, 200), st.none() | st.sets(st.sampled_from([A, B])))
def test_spending_takes_exactly_the_points_oldest_first_or_nothing(
    lots: list[Lot], points: int, issuers: set[UUID] | None
) -> None:
    spending = rules.spend(lots, points, DAY, issuers)
    good = [one for one in lots if one.expires_on >= DAY and (issuers is None or one.issuer_id in issuers)]
    assert spending.available_points == sum(one.remaining_points for one in good)
    taken = {take.lot.id: take.points for take in spending.takes}
    assert sum(taken.values()) == (points if spending.available_points >= points else 0)
    assert all(0 < part <= take.lot.remaining_points for take, part in zip(spending.takes, taken.values(), strict=True))
    if taken:
        last = max(take.lot.expires_on for take in spending.takes)
        assert all(taken.get(one.id, 0) == one.remaining_points for one in good if one.expires_on < last)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20)), min_size=1, max_size=5, unique_by=lambda t: t[0]))
def test_what_goes_home_in_parts_is_what_was_taken(shape: list[tuple[int, int]]) -> None:
    taken = [Take(lot(DAY + timedelta(days), points), points) for days, points in shape]
    total = sum(take.points for take in taken)
    home: dict[UUID, int] = {}
    for released in range(total):
        [part] = rules.home(taken, released, 1)
        home[part.lot.id] = home.get(part.lot.id, 0) + 1
    assert home == {take.lot.id: take.points for take in taken}
    with pytest.raises(ValueError, match="never held"):
        rules.home(taken, total, 1)


def test_the_latest_ending_points_go_home_first() -> None:
    early, late = lot(DAY, 5), lot(DAY + timedelta(9), 5)
    assert rules.home([Take(early, 5), Take(late, 5)], 0, 7) == [Take(late, 5), Take(early, 2)]
    assert rules.home([Take(early, 5), Take(late, 5)], 7, 3) == [Take(early, 3)]


def test_points_are_good_on_their_last_day_and_due_on_the_next() -> None:
    last = lot(DAY, 5)
    assert rules.due([last], DAY) == []
    assert rules.due([last], DAY + timedelta(1)) == [last]
    assert rules.due([lot(rules.FOREVER, 5), lot(DAY, 0)], DAY + timedelta(9999)) == []


def test_a_late_return_lands_in_its_lot_unless_grace_is_given() -> None:
    assert rules.landing_on(DAY, DAY + timedelta(1), rules.EXPIRE_AT_ONCE) == DAY
    grace = LateReturn("grace_days", 7)
    assert rules.landing_on(DAY, DAY + timedelta(1), grace) == DAY + timedelta(8)
    assert rules.landing_on(DAY, DAY, grace) == DAY
    with pytest.raises(ValueError, match="grace"):
        LateReturn("grace_days", -1)


def test_a_wrong_award_is_taken_from_its_own_lot_then_from_the_issuers_others() -> None:
    own, other, foreign = lot(DAY + timedelta(9), 4), lot(DAY, 5), lot(DAY, 50, B)
    assert rules.reclaim([foreign, other, own], own.id, A, 7) == ([Take(own, 4), Take(other, 3)], 0)
    assert rules.reclaim([foreign, other, own], own.id, A, 20) == ([Take(own, 4), Take(other, 5)], 11)


def test_points_that_come_home_repay_the_oldest_loss_of_their_issuer_only() -> None:
    mine, foreign = lot(DAY, 30), lot(DAY, 30, B)
    losses = [Loss(uuid4(), rules.account_id("loss", A), 4), Loss(uuid4(), rules.account_id("loss", A), 9)]
    paid = rules.repay(losses, [Take(foreign, 8), Take(mine, 6)])
    assert [(loss.id, sum(take.points for take in takes)) for loss, takes in paid] == [
        (losses[0].id, 4),
        (losses[1].id, 2),
    ]
    assert {take.lot.id for _, takes in paid for take in takes} == {mine.id}


def test_a_system_account_is_named_by_kind_and_owner() -> None:
    names = {rules.account_id(kind, owner) for kind in rules.ACCOUNT_KINDS if kind != "mint" for owner in (A, B)}
    assert len(names | {rules.account_id("mint", None)}) == 11
    assert rules.account_id("escrow", A) == rules.account_id("escrow", A)
    for kind, owner in (("wallet", A), ("mint", A), ("budget", None)):
        with pytest.raises(ValueError, match="no system account"):
            rules.account_id(kind, owner)


@pytest.mark.parametrize("points", [0, -1, True, 1.0, "1", rules.MOST_POINTS + 1])
def test_only_whole_positive_amounts_move(points: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        rules.check_points(points)  # type: ignore[arg-type]


# --- the audit's judgement -------------------------------------------------------------------------------------

RESIDENT, BUDGET, ESCROW, PARTNER, LOT = (UUID(int=n) for n in range(10, 15))


def movement(n: int, kind: str, debit: UUID, credit: UUID, points: int, **more: object) -> Movement:
    fields: dict[str, object] = {
        "entry_number": None,
        "balance_after_points": None,
        "hold_id": None,
        "reverses_id": None,
    }
    return Movement(UUID(int=100 + n), kind, debit, credit, points, **(fields | more))  # type: ignore[arg-type]


def sound() -> Holding:
    """10 points awarded, 6 held, 4 of these settled, 2 come home."""
    moves = [
        movement(1, "award", BUDGET, RESIDENT, 10, entry_number=1, balance_after_points=10),
        movement(2, "hold", RESIDENT, ESCROW, 6, entry_number=2, balance_after_points=4),
        movement(3, "settlement", ESCROW, PARTNER, 4, hold_id=UUID(int=102)),
        movement(4, "release", ESCROW, RESIDENT, 2, entry_number=3, balance_after_points=6, hold_id=UUID(int=102)),
    ]
    booked = [Booked(moves[0].id, LOT, 10), Booked(moves[1].id, LOT, -6), Booked(moves[3].id, LOT, 2)]
    return Holding(RESIDENT, 6, 3, [(LOT, 6)], moves, booked)


def altered(**changes: object) -> list[str]:
    return rules.disagreements(Holding(**(vars(sound()) | changes)))  # type: ignore[arg-type]


def test_a_sound_wallet_has_no_disagreement() -> None:
    assert altered() == []
    assert rules.open_points(sound().movements) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"balance_points": 7}, "balance 7, but lots sum to 6"),
        ({"balance_points": None}, "without a wallet"),
        ({"lots": [(LOT, 5)]}, "allocations sum to 6"),
        ({"lots": []}, "does not exist"),
        ({"entries": 4}, "counts 4 entries"),
        ({"booked": sound().booked[:2]}, "its allocations sum to 0"),
        ({"booked": [*sound().booked, Booked(UUID(int=9), LOT, 1)]}, "does not exist"),
        ({"movements": sound().movements[1:]}, "entry 1 is missing"),
        ({"movements": [m._replace(balance_after_points=1) for m in sound().movements]}, "states 1 after it"),
        ({"movements": [*sound().movements, movement(5, "settlement", ESCROW, PARTNER, 1, hold_id=UUID(int=102))]},
         "use of transfer 00000000-0000-0000-0000-000000000066 comes to 7, outside 0 to 6"),
        ({"movements": [*sound().movements, movement(5, "settlement", ESCROW, PARTNER, 1, hold_id=UUID(int=1))]},
         "belongs to a transfer 00000000-0000-0000-0000-000000000001 that does not exist"),
    ],
)  # fmt: skip
def test_every_kind_of_disagreement_is_named(changes: dict[str, object], said: str) -> None:
    assert any(said in line for line in altered(**changes)), altered(**changes)
