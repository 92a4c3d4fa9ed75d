"""Leaving: said beforehand, done at once, everywhere, and for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from backend.accounts import service as accounts
from backend.admissions import service as admissions
from backend.community import points
from backend.community.models import Submission
from backend.consents import service as consents
from backend.kit import city as cities
from backend.kit import clock, db, files, jobs, operations, outbox, personal, seal
from backend.kit.errors import NotFound
from backend.ledger import service as ledger
from backend.ledger.audit import audit_resident
from backend.models import metadata
from backend.perks import service as perks
from backend.perks.errors import NotEntitled
from backend.perks.models import Coupon, Tombstone
from backend.privacy import departure, rooms
from backend.records import service as records
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.factories import perks as shops
from tests.privacy.conftest import API, PHONE, Full, come_back, give_everything, leave
from tests.records.test_service import honour

PERSONAL = {"resident_id", "account_id", "owner_id", "actor_id", "shard_id", "wechat_account_id"}
"""Columns by whose name a table may know of somebody."""


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True)["type"]).removeprefix("/problems/")


def told(client: CheckedClient, token: str) -> dict[str, Any]:
    answer = client.get(f"{API}/me/departure", token=token)
    assert answer.status_code == 200
    return dict(answer.get_json())


def depart(client: CheckedClient, full: Full, key: object = None, **changes: str) -> Any:
    said = told(client, full.token)
    body = {"version": said["version"], "confirmation": said["confirmation"], **changes}
    return client.post(f"{API}/me/departure", json=body, token=full.token, key=key or uuid4())


def everything() -> str:
    """Every row of every table, as text."""
    with db.current().engine.connect() as connection:
        quote = connection.dialect.identifier_preparer.quote
        return "\n".join(
            repr(tuple(row))
            for name in metadata.tables
            for row in connection.exec_driver_sql(f"SELECT * FROM {quote(name)}")
        )


def count(table: str, resident_id: UUID) -> int:
    found = metadata.tables[table]
    whose = next(
        found.c[name]
        for name in ("resident_id", "owner_id", "actor_id", "shard_id", "recipient_id", "account_id")
        if name in found.c
    )
    with db.reading() as reader:
        return int(reader.execute(select(func.count()).select_from(found).where(whose == resident_id)).scalar_one())


# --- every room has thought of it ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_every_table_that_may_know_a_person_has_a_keeper_that_says_what_becomes_of_it(name: str) -> None:
    table = metadata.tables[name]
    kind, *column = table.info["citus"]
    named = PERSONAL & set(table.c.keys())
    if named or (kind == "hash" and column[0] in PERSONAL):
        keepers = [keeper.room for keeper in rooms.ERASING if name in keeper.tables]
        assert len(keepers) == 1, f"{name}: say in one room's personal.py what becomes of it"


def test_every_keeper_speaks_of_tables_that_exist_and_of_each_once() -> None:
    spoken = [name for keeper in rooms.ERASING for name in (*keeper.deleted, *keeper.kept, *keeper.apart)]
    assert len(spoken) == len(set(spoken)) and set(spoken) <= set(metadata.tables)
    assert {keeper.room for keeper in rooms.SHOWING} == {keeper.room for keeper in rooms.ERASING} - {
        "privacy",
        "staff",
        "batches",
        "settlement",
    }


def test_every_section_says_what_it_is_for() -> None:
    sections = rooms.sections()
    assert len({one.id for one in sections}) == len(sections)
    for one in sections:
        assert all((one.title, one.purpose, one.basis, one.kept)), one.id
        assert {column.kind for column in one.columns} <= set(personal.KINDS), one.id


# --- beforehand ------------------------------------------------------------------------------------------------------


def test_the_notice_says_what_goes_what_stays_and_what_is_lost(client: CheckedClient, full: Full) -> None:
    said = told(client, full.token)
    assert said["lost"] == {"balance_points": 70, "open_coupons": 1, "consents": said["lost"]["consents"]}
    assert len(said["lost"]["consents"]) == 4
    assert {"信用档案", "信用分", "微信账号"} <= set(said["deleted"])
    assert all(one["basis"] and one["period"] and "{" not in "".join(one.values()) for one in said["kept"])
    assert "不能撤销" in said["cannot_be_undone"] and "35 天" in said["cannot_be_undone"]


def test_reading_the_notice_changes_nothing(client: CheckedClient, full: Full) -> None:
    before = everything()
    assert told(client, full.token) == told(client, full.token)
    assert everything() == before


def test_an_old_text_or_other_words_change_nothing(client: CheckedClient, full: Full) -> None:
    before = everything()
    old = depart(client, full, version="0" * 16)
    assert (old.status_code, slug(old)) == (409, "departure-text-changed")
    assert old.get_json(force=True)["version"] == told(client, full.token)["version"]
    other = depart(client, full, confirmation="我要退出")
    assert (other.status_code, slug(other)) == (422, "invalid-request")
    assert other.get_json(force=True)["errors"][0]["pointer"] == "/confirmation"
    assert everything() == before


def test_a_changed_period_makes_an_earlier_confirmation_void(full: Full, city: dict[str, Any]) -> None:
    with db.reading() as reader:
        content = dict(cities.get(reader, "city").content)
    changed = {**content, "departure": {**content["departure"], "tombstone_days": 731}}
    assert departure._version(content) != departure._version(changed)


# --- done ------------------------------------------------------------------------------------------------------------


def test_after_leaving_nothing_anywhere_tells_who_it_was(client: CheckedClient, full: Full) -> None:
    assert full.words in everything() and full.who.openid in everything()
    answer = depart(client, full)
    assert answer.status_code == 201, answer.get_json(force=True)
    assert (answer.get_json()["booked_out_points"], answer.get_json()["closed_coupons"]) == (100, 1)
    left = everything()
    for secret in (*full.secrets, full.words, str(full.photo_id), full.photo_id.hex):
        assert secret not in left, secret
    for number in [seal.digests(kind, value) for kind, value in (("id_number", full.who.id_number), ("phone", PHONE))]:
        for _, digest in number:
            assert repr(digest) not in left and digest.hex() not in left


def test_what_the_keepers_call_deleted_is_deleted(client: CheckedClient, full: Full) -> None:
    outbox.deliver(10_000)
    depart(client, full)
    for keeper in rooms.ERASING:
        for name in set(keeper.deleted) - {
            "sessions",
            "refresh_tokens",
            "wechat_openids",
            "operations",
            "message_acceptances",
        }:
            assert count(name, full.resident_id) == 0, name
    assert count("operations", full.resident_id) == 1  # the departure's own, so that a repeat on its way finds it


def test_the_key_is_destroyed_and_the_fields_are_empty(client: CheckedClient, full: Full) -> None:
    depart(client, full)
    with db.reading() as reader:
        people_table = metadata.tables["people"]
        row = reader.execute(people_table.select().where(people_table.c.resident_id == full.resident_id)).one()
    assert (row.status, row.data_key, row.name_sealed, row.id_number_sealed) == ("erased", None, "", "")
    assert (row.phone_sealed, row.wechat_account_id, row.bound_at) == (None, None, None)


def test_the_books_agree_and_show_where_the_points_went(client: CheckedClient, full: Full) -> None:
    depart(client, full)
    with db.reading() as reader:
        assert audit_resident(reader, full.resident_id) == []
        assert ledger.balance(reader, full.resident_id, clock.today()) == 0
        newest = ledger.entries(reader, full.resident_id, 5)
        coupon = reader.execute(select(Coupon.status).where(Coupon.id == full.coupon_id)).scalar_one()
    assert [(one.code, one.amount_points) for one in newest[:2]] == [("ledger.departure", -100), ("perks.left", 30)]
    assert coupon == "cancelled"


def test_every_token_ends_with_it_and_a_repeat_is_nobodys(client: CheckedClient, full: Full) -> None:
    with db.transaction() as session:
        other = accounts.sign_in_wechat(session, people.WechatUser(full.who.openid, None))
    key, said = uuid4(), told(client, full.token)
    body = {"version": said["version"], "confirmation": said["confirmation"]}
    assert client.post(f"{API}/me/departure", json=body, token=full.token, key=key).status_code == 201
    for token in (full.token, other.access_token):
        again = client.post(f"{API}/me/departure", json=body, token=token, key=key)
        assert (again.status_code, slug(again)) == (401, "not-signed-in")
        assert client.get(f"{API}/me", token=token).status_code == 401
    refreshed = client.post(f"{API}/auth/refresh", json={"refresh_token": other.refresh_token})
    assert slug(refreshed) == "refresh-refused"


def test_a_second_request_on_its_way_is_answered_like_the_first(full: Full) -> None:
    with db.transaction() as session:
        notice = departure.notice(session, full.resident_id)
        act = shops.act(full.resident_id)
        said = (full.resident_id, uuid4(), notice.confirmation, notice.version, act)
        first = departure.leave(session, *said)
    with db.transaction() as session:
        assert departure.leave(session, *said) == first
        with pytest.raises(NotFound):
            departure.leave(session, *said[:4], operations.Operation(full.resident_id, uuid4(), b"x" * 32))


def test_the_old_number_is_not_found_anywhere(client: CheckedClient, full: Full) -> None:
    with db.transaction() as session:
        office = people.staff_token(session, people.staff(session, "office"))
    depart(client, full)
    body = {"id_number": full.who.id_number, "purpose": "complaint", "authorisation": "信访〔2026〕1号", "fields": []}
    looked = client.post(f"{API}/people/looks", json=body, token=office)
    assert (looked.status_code, slug(looked)) == (404, "not-found")
    reversal = {"resident_id": str(full.resident_id), "transfer_id": str(uuid4()), "reason": "更正"}
    undone = client.post(f"{API}/approvals/points-reversals", json=reversal, token=office, key=uuid4())
    assert (undone.status_code, slug(undone)) == (404, "not-found")
    with db.transaction() as session:
        for act in (
            lambda: accounts.person(session, full.resident_id),
            lambda: accounts.require_standing(session, full.resident_id),
            lambda: consents.set_consent(session, full.resident_id, "messages", True, "2026.1"),
            lambda: perks.redeem(session, full.resident_id, full.shop.offer_id, shops.act(full.resident_id)),
            lambda: departure.leave_again(session, full.resident_id) or (_ for _ in ()).throw(NotFound()),
        ):
            with pytest.raises(NotFound):
                act()


def test_whatever_may_give_points_stops_before_who_has_left(full: Full) -> None:
    with db.transaction() as session:
        points.lock_member(session, full.resident_id)
        leave(session, full)
        with pytest.raises(NotFound):
            points.lock_member(session, full.resident_id)


def test_a_worker_in_the_middle_of_a_review_finds_nothing(client: CheckedClient, full: Full) -> None:
    with db.transaction() as session:
        where = accounts.organisation_by_slug(session, "dongshan-demo").id
        worker = people.staff_token(session, people.staff(session, "community-worker", where))
    depart(client, full)
    path = f"{API}/community/submissions/{full.submission_id}/reviews"
    answer = client.post(path, json={"decision": "approve", "reason": "属实"}, token=worker, key=uuid4())
    assert (answer.status_code, slug(answer)) == (404, "not-found")


def test_a_venue_is_told_no_by_the_codes_of_who_left(client: CheckedClient, full: Full) -> None:
    with db.transaction() as session:
        free = shops.shop(session)
        device = accounts.open_session(session, "device", free.door.device_id).access_token
    with db.reading() as reader:
        shown = perks.presentation_code(reader, full.resident_id).text
        coupon = perks.coupon_code(reader, full.resident_id, full.coupon_id).text
    depart(client, full)
    body = {"code": shown, "offer_id": str(free.offer_id)}
    asked = client.post(f"{API}/venue/verifications", json=body, token=device).get_json()
    assert (asked["verdict"], asked["reason"]) == ("refused", "code-expired")
    admitted = client.post(f"{API}/venue/admissions", json=body, token=device, key=uuid4())
    assert slug(admitted) == "code-expired"
    with db.transaction() as session:
        outcome = admissions.admit(session, full.shop.door, coupon, None, shops.act(full.shop.door.device_id))
    assert outcome.reason == "cancelled"


def test_who_comes_back_is_somebody_new(client: CheckedClient, full: Full) -> None:
    depart(client, full)
    with db.transaction() as session:
        again = come_back(session, full.who)
        records.add_record(session, again.resident_id, honour(2))
        token = people.resident_token(session, again)
    assert again.resident_id != full.resident_id and again.account_id != full.who.account_id
    data = client.get(f"{API}/me/data", token=token).get_json()
    items = {one["id"]: one["items"] for one in data["sections"]}
    assert len(items["records"]) == 1 and items["wallet-entries"] == items["consents"] == items["access-log"] == []


def test_the_photos_bytes_go_with_the_next_sweep(client: CheckedClient, full: Full) -> None:
    depart(client, full)
    with db.transaction() as session:
        with pytest.raises(NotFound):
            files.open_image(session, full.resident_id, full.photo_id)
        with clock.shifted(timedelta(hours=2)):
            assert files.sweep(session, grace=timedelta(0)) >= 1


def test_a_departure_that_fails_on_the_way_leaves_everything(full: Full, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> dict[str, int]:
        raise RuntimeError("on the way")

    before = everything()
    broken = personal.Keeper(room="test", sections=(), erase=fail)
    monkeypatch.setattr(rooms, "ERASING", (*rooms.ERASING, broken))
    with pytest.raises(RuntimeError, match="on the way"), db.transaction() as session:
        leave(session, full)
    assert everything() == before


def test_a_ticket_sold_for_a_kept_place_is_paid_to_the_partner(app: Any, city: dict[str, Any]) -> None:
    with db.transaction() as session:
        who = people.resident(session)
        shops.give_points(session, who.resident_id, 50)
        shop = shops.shop(session, price_points=20, refund="none", stock_total=3)
        perks.redeem(session, who.resident_id, shop.offer_id, shops.act(who.resident_id))
        done = leave(session, who)
        newest = ledger.entries(session, who.resident_id, 1)[0]
        assert (done.booked_out_points, newest.amount_points) == (30, -30)
        assert audit_resident(session, who.resident_id) == []
        assert perks.offer(session, shop.offer_id).left == 3


# --- tombstones and first-timers -------------------------------------------------------------------------------------


def test_a_first_timer_offer_is_not_had_twice_by_leaving_and_coming_back(app: Any, city: dict[str, Any]) -> None:
    with db.transaction() as session:
        full = give_everything(session, first_timers=True)
        leave(session, full)
        again = come_back(session, full.who)
        shops.give_points(session, again.resident_id, 100)
        asker = perks.Asker(True, again.resident_id)
        verdict = perks.offer(session, full.shop.offer_id, asker).entitled
        assert [one.slug for one in verdict.against] == ["first-time"] and "首次" in verdict.against[0].text
        with pytest.raises(NotEntitled):
            perks.redeem(session, again.resident_id, full.shop.offer_id, shops.act(again.resident_id))
        other = shops.shop(session, per_person={"limit": 1, "window": "ever"}, first_timers_only=True)
        assert perks.offer(session, other.offer_id, asker).entitled.entitled is True


def test_a_tombstone_stands_only_for_first_timer_offers_and_only_its_time(app: Any, city: dict[str, Any]) -> None:
    with db.transaction() as session:
        session.execute(Tombstone.__table__.delete())
        leave(session, give_everything(session))
        assert session.execute(select(func.count()).select_from(Tombstone)).scalar_one() == 0
        full = give_everything(session, first_timers=True)
        leave(session, full)
        (stone,) = session.execute(select(Tombstone.kept_until_on)).scalars()
        assert stone == clock.today() + timedelta(days=730)
        again = come_back(session, full.who)
        asker = perks.Asker(True, again.resident_id)
        shops.give_points(session, again.resident_id, 100)
    forget = next(job for job in jobs.registered() if job.name == "perks.forget-tombstones")
    with clock.shifted(timedelta(days=730)):
        forget.run(clock.today())
        with db.reading() as reader:
            assert perks.offer(reader, full.shop.offer_id, asker).entitled.entitled is False
    with clock.shifted(timedelta(days=731)):
        with db.reading() as reader:
            assert perks.offer(reader, full.shop.offer_id, asker).entitled.entitled is True
        forget.run(clock.today())
    assert count_stones() == 0


def count_stones() -> int:
    with db.reading() as reader:
        return int(reader.execute(select(func.count()).select_from(Tombstone)).scalar_one())


def test_a_coupon_given_back_does_not_count_as_the_first_time(app: Any, city: dict[str, Any]) -> None:
    with db.transaction() as session:
        full = give_everything(session, first_timers=True)
        mine = full.resident_id
        assert perks.offer(session, full.shop.offer_id, perks.Asker(True, mine)).entitled.entitled is False
        perks.cancel(session, mine, full.coupon_id, shops.act(mine))
        assert perks.offer(session, full.shop.offer_id, perks.Asker(True, mine)).entitled.entitled is True


# --- afterwards ------------------------------------------------------------------------------------------------------


def test_what_an_act_under_way_wrote_after_it_is_swept_away(client: CheckedClient, full: Full) -> None:
    depart(client, full)
    with db.transaction() as session:
        records.add_records(session, [(full.resident_id, honour(3))])
    sweep = next(job for job in jobs.registered() if job.name == "privacy.sweep-departed")
    with clock.shifted(timedelta(hours=13)):
        assert "rows found" in sweep.run(clock.today())
    assert count("records", full.resident_id) == 0
    with db.reading() as reader:
        assert audit_resident(reader, full.resident_id) == []


def test_proofs_stay_their_time_and_no_longer(client: CheckedClient, full: Full) -> None:
    depart(client, full)
    forget = next(job for job in jobs.registered() if job.name == "privacy.forget-proofs")
    with clock.shifted(timedelta(days=1095)):
        forget.run(clock.today())
    assert count("consent_events", full.resident_id) == 8 and count("departures", full.resident_id) == 1
    with clock.shifted(timedelta(days=1096)):
        forget.run(clock.today())
    assert count("consent_events", full.resident_id) == count("departures", full.resident_id) == 0


def test_records_that_the_law_orders_kept_stay_their_time(
    full: Full, city: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.reading() as reader:
        content = dict(rooms.policy(reader))
        item = records.records_of(reader, full.resident_id)[0].item_code
    kept = {"item_code": item, "days": 2000, "basis": "演示依据"}
    changed = {**content, "departure": {**content["departure"], "kept_records": [kept]}}
    monkeypatch.setattr(rooms, "policy", lambda _: changed)
    with db.transaction() as session:
        assert any(one.basis == "演示依据" for one in departure.notice(session, full.resident_id).kept)
        leave(session, full)
        departure.sweep(session, full.resident_id)
    assert count("records", full.resident_id) == 1
    with clock.shifted(timedelta(days=1100)), db.transaction() as session:
        departure.forget(session, clock.today())
    assert (count("records", full.resident_id), count("consent_events", full.resident_id)) == (1, 0)
    with clock.shifted(timedelta(days=2001)), db.transaction() as session:
        departure.forget(session, clock.today())
    assert count("records", full.resident_id) == count("departures", full.resident_id) == 0


def test_who_left_before_a_backup_was_restored_leaves_again(app: Any, full: Full) -> None:
    """The restored row stands for somebody who had left: the list of numbers makes her leave once more."""
    runner = app.test_cli_runner()
    listed = runner.invoke(args=["privacy", "departures"])
    assert listed.exit_code == 0 and str(full.resident_id) not in listed.output
    again = runner.invoke(args=["privacy", "leave-again", "-"], input=f"{full.resident_id}\n{uuid4()}\n\n")
    assert (again.exit_code, again.output) == (0, "1 people erased again.\n")
    assert (
        full.who.openid not in everything()
        and str(full.resident_id) in runner.invoke(args=["privacy", "departures"]).output
    )
    assert runner.invoke(args=["privacy", "leave-again", "-"], input=str(full.resident_id)).output.startswith("0 ")


def test_leaving_tells_the_trail_numbers_only(client: CheckedClient, full: Full) -> None:
    depart(client, full)
    trail = metadata.tables["trail"]
    with db.reading() as reader:
        row = reader.execute(
            trail.select().where(trail.c.subject_id == str(full.resident_id), trail.c.action == "privacy.leave")
        ).one()
    assert set(row.detail) == {"departure_id"} and row.role == "resident"


def test_submissions_are_gone_from_the_queue(client: CheckedClient, full: Full) -> None:
    depart(client, full)
    with db.reading() as reader:
        assert reader.execute(select(Submission.id).where(Submission.id == full.submission_id)).first() is None
