"""Acting for another over HTTP, and every way in which somebody may try to who may not."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from backend.accounts import service as accounts
from backend.accounts.models import PersonRow
from backend.codes import service as codes
from backend.consents import service as consents
from backend.consents.models import AccessLogRow, ConsentEventRow
from backend.delegation import service as delegation
from backend.kit import clock, db
from backend.web import callers
from tests.accounts.test_routes import API, slug
from tests.checked_client import CheckedClient
from tests.conftest import SERVER_URL
from tests.factories import accounts as make
from tests.factories import guardians
from tests.factories import perks as shops

BORN_ON = date(2016, 5, 4)
AT_COUNTERS = ("窗口登记监护人", "窗口办理代办登记", "窗口结束代办", "窗口代办")


class Family:
    """A parent, a child too young to agree, and a stranger; each with a token."""

    def __init__(self) -> None:
        with db.transaction() as session:
            codes.ensure_keys(session, "320115")
            self.parent, self.stranger = make.resident(session), make.resident(session)
            self.child = make.resident(session, BORN_ON)
            self.tokens = {
                name: make.resident_token(session, who)
                for name, who in (("parent", self.parent), ("stranger", self.stranger), ("child", self.child))
            }
            self.clerk = make.staff(session, "counter-clerk")
            self.tokens["clerk"] = make.staff_token(session, self.clerk)
            self.tokens["other clerk"] = make.staff_token(session, make.staff(session, "counter-clerk"))
            self.tokens["office"] = make.staff_token(session, make.staff(session, "office"))
            self.tokens["device"] = make.device_token(session, make.device(session))

    def registered(self, **changed: Any) -> UUID:
        with db.transaction() as session:
            return guardians.guardian(session, self.parent, self.child, **changed).id


@pytest.fixture
def family(client: CheckedClient) -> Family:
    return Family()


def on_behalf(client: CheckedClient, who: str, family: Family, path: str = "/me/wallet", **options: Any) -> Any:
    headers = {"On-Behalf-Of": str(options.pop("of", family.child.resident_id))}
    method = options.pop("method", "GET")
    return client.open(f"{API}{path}", method=method, token=family.tokens[who], headers=headers, **options)


def looks(family: Family, who: str = "child", *, counters: bool = False) -> list[consents.Look]:
    """At a person, the newest first: by those who act for her, or those of counters."""
    with db.reading() as reader:
        found = consents.looks(reader, getattr(family, who).resident_id, 50)
    return [one for one in found if (one.purpose in AT_COUNTERS) is counters]


def count_looks() -> int:
    with db.reading() as reader:
        return int(reader.execute(select(func.count()).select_from(AccessLogRow)).scalar_one())


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, slug(answer)


def help_child(client: CheckedClient, family: Family, who: str = "clerk", key: object = None, **body: Any) -> Any:
    body = body or {"card": guardians.card(family.child)}
    return client.post(f"{API}/delegations/helping", json=body, token=family.tokens[who], key=key or uuid4())


# --- a guardian --------------------------------------------------------------------------------------------------


def test_a_counter_registers_a_guardian_whom_both_sides_see(client: CheckedClient, family: Family) -> None:
    body = guardians.body(family.parent, family.child)
    key = uuid4()
    made = client.post(f"{API}/delegations", json=body, token=family.tokens["clerk"], key=key)
    assert made.status_code == 201, made.get_json(force=True)
    again = client.post(f"{API}/delegations", json=body, token=family.tokens["clerk"], key=key)
    assert again.get_json() == made.get_json()
    (mine,) = client.get(f"{API}/me/delegations", token=family.tokens["parent"]).get_json()["items"]
    (hers,) = client.get(f"{API}/me/delegations", token=family.tokens["child"]).get_json()["items"]
    assert (mine["mine"], mine["resident_id"], mine["stands"]) == ("actor", str(family.child.resident_id), True)
    assert (hers["mine"], hers["resident_id"], hers["id"]) == ("represented", None, mine["id"])
    assert mine["represented"] == family.child.name[0] + "***" and mine["document_no"].endswith("0001")
    assert "T32" not in mine["document_no"]
    for who in ("parent", "child"):
        told = client.get(f"{API}/me/messages", token=family.tokens[who]).get_json()
        assert [one["kind"] for one in told["items"]] == ["delegation-registered"] and told["unread"] == 1


def test_both_sides_read_that_a_counter_saw_them(client: CheckedClient, family: Family) -> None:
    body, clerk = guardians.body(family.parent, family.child), family.tokens["clerk"]
    made = client.post(f"{API}/delegations", json=body, token=clerk, key=uuid4()).get_json()
    client.post(f"{API}/delegations/search", json=guardians.card(family.child), token=clerk)
    client.post(f"{API}/delegations/{family.child.resident_id}/{made['id']}/end", token=clerk)
    shown = {who: looks(family, who, counters=True)[::-1] for who in ("child", "parent")}
    assert [one.purpose for one in shown["child"]] == [one.purpose for one in shown["parent"]] == [*AT_COUNTERS[:3]]
    card, this = "presence:card", f"delegation:{made['id']}"
    assert [one.authorisation_id for one in shown["child"]] == [card, card, this]
    assert [one.authorisation_id for one in shown["parent"]] == [card, this, this]
    assert {one.role for one in shown["parent"]} == {"窗口工作人员"}
    assert {tuple(one.fields) for one in shown["parent"]} == {("遮盖后的姓名", "代办关系")}


def test_a_guardian_acts_for_a_child_and_the_log_has_it_first(client: CheckedClient, family: Family) -> None:
    delegation_id = family.registered()
    answer = on_behalf(client, "parent", family)
    assert answer.status_code == 200 and answer.get_json()["balance_points"] == 0
    (look,) = looks(family)
    assert (look.role, look.purpose, look.fields) == ("监护人", "代办：查看其积分", ["查看自己的积分"])
    assert look.actor == family.parent.name[0] + "***" and look.authorisation_id == f"delegation:{delegation_id}"
    shown = on_behalf(client, "parent", family, "/me/access-log").get_json()["items"]
    acts = ["代办：查看谁看过其信息", "代办：查看其积分"]
    assert [one["purpose"] for one in shown] == [*acts, "窗口登记监护人"]


def test_the_look_stays_written_when_the_act_itself_is_refused(client: CheckedClient, family: Family) -> None:
    family.registered()
    assert on_behalf(client, "parent", family, f"/me/coupons/{uuid4()}").status_code == 404
    assert len(looks(family)) == 1


def test_a_guardian_decides_where_the_child_is_too_young_to(client: CheckedClient, family: Family) -> None:
    with db.reading() as reader:
        version = consents.purpose_called(reader, "community").text_version
    body = {"granted": True, "text_version": version}
    alone = client.put(f"{API}/me/consents/community", json=body, token=family.tokens["child"])
    assert refused(alone) == (403, "guardian-needed")
    family.registered()
    given = on_behalf(client, "parent", family, "/me/consents/community", method="PUT", json=body)
    assert given.status_code == 200 and given.get_json()["granted"] is True
    with db.reading() as reader:
        mine = ConsentEventRow.resident_id == family.child.resident_id
        assert reader.execute(select(ConsentEventRow.given_by).where(mine)).scalars().all() == [
            family.parent.resident_id
        ]
        assert not consents.granted(reader, family.parent.resident_id, "community")
    taken = on_behalf(client, "parent", family, "/me/consents/withdrawal", method="POST", key=uuid4())
    assert taken.status_code == 200 and not any(one["granted"] for one in taken.get_json()["items"])
    with db.reading() as reader:
        who = select(ConsentEventRow.given_by).where(mine, ConsentEventRow.granted.is_(False))
        assert reader.execute(who).scalars().all() == [family.parent.resident_id]


@pytest.mark.parametrize("how", ["the delegation", "the guardian's sessions"])
def test_what_waits_while_its_delegation_ends_is_not_done(
    app: Flask, client: CheckedClient, family: Family, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The guardian is let in, then waits for the child's row, which the other transaction holds, in which it ends."""
    delegation_id, let_in, answers = family.registered(), threading.Event(), []
    with db.reading() as reader:
        version = consents.purpose_called(reader, "community").text_version
    door = "_delegations" if SERVER_URL else "_resolver"  # SQLite has one writer: there the look waits already
    let = getattr(callers, door)

    def let_through(*asked: Any) -> Any:
        found = let(*asked)
        let_in.set()
        return found

    monkeypatch.setattr(callers, door, let_through)
    body = {"granted": True, "text_version": version}
    path = "/me/consents/community"

    def agree() -> None:
        answers.append(on_behalf(CheckedClient(app), "parent", family, path, method="PUT", json=body))

    with db.transaction() as session:
        held = update(PersonRow).where(PersonRow.resident_id == family.child.resident_id)
        session.execute(held.values(status="active"))
        waits = threading.Thread(target=agree)
        waits.start()
        assert let_in.wait(30)
        if how == "the delegation":
            delegation.end_own(session, family.child.resident_id, delegation_id)
        else:
            assert family.parent.account_id
            accounts.end_sessions(session, family.parent.account_id, "ended-by-user")
    waits.join(30)
    assert [refused(answer) for answer in answers] == [(404, "not-found")]
    with db.reading() as reader:
        assert not consents.granted(reader, family.child.resident_id, "community")


def test_no_guardian_makes_a_minor_an_adult(client: CheckedClient, family: Family) -> None:
    family.registered()
    with db.reading() as reader:
        body = {"granted": True, "text_version": consents.purpose_called(reader, "score").text_version}
    answer = on_behalf(client, "parent", family, "/me/consents/score", method="PUT", json=body)
    assert refused(answer) == (403, "adults-only")


def test_points_and_keys_are_kept_apart(client: CheckedClient, family: Family) -> None:
    family.registered()
    with db.transaction() as session:
        shop = shops.shop(session, price_points=5)
        shops.give_points(session, family.child.resident_id, 50)
        shops.give_points(session, family.parent.resident_id, 50)
    path, key = f"/perks/offers/{shop.offer_id}/redemptions", uuid4()
    made = on_behalf(client, "parent", family, path, method="POST", key=key)
    assert made.status_code == 201
    assert on_behalf(client, "parent", family).get_json()["balance_points"] == 45
    assert client.get(f"{API}/me/wallet", token=family.tokens["parent"]).get_json()["balance_points"] == 50
    again = on_behalf(client, "parent", family, path, method="POST", key=key)
    assert again.get_json()["id"] == made.get_json()["id"]
    own = client.post(f"{API}{path}", token=family.tokens["parent"], key=key)
    assert refused(own) == (409, "idempotency-conflict")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/me"), ("POST", "/auth/logout"), ("PUT", "/me/identity"), ("POST", "/me/recovery"),
     ("GET", "/me/delegations"), ("POST", f"/me/delegations/{UUID(int=1)}/end"), ("GET", "/me/messages/templates")],
)  # fmt: skip
def test_what_is_ones_own_cannot_be_done_for_another(
    client: CheckedClient, family: Family, method: str, path: str
) -> None:
    family.registered()
    before = count_looks()
    answer = on_behalf(client, "parent", family, path, method=method)
    assert refused(answer) == (403, "not-delegable")
    assert answer.get_json(force=True)["permission"]
    assert count_looks() == before
    assert refused(on_behalf(client, "stranger", family, path, method=method)) == (403, "not-delegable")


# --- nobody learns whether there is such a person ------------------------------------------------------------------


@pytest.mark.parametrize("who", ["stranger", "child", "clerk", "office", "device"])
@pytest.mark.parametrize("of", ["child", "nobody", "nonsense", "nil"])
def test_without_a_delegation_nothing_is_told(client: CheckedClient, family: Family, who: str, of: str) -> None:
    family.registered()
    whom = {"child": family.child.resident_id, "nobody": uuid4(), "nonsense": "1; DROP", "nil": UUID(int=0)}[of]
    before = count_looks()
    answer = on_behalf(client, who, family, of=whom)
    assert refused(answer) == (404, "not-found")
    assert count_looks() == before


def test_nobody_signed_in_is_asked_to_sign_in(client: CheckedClient, family: Family) -> None:
    headers = {"On-Behalf-Of": str(family.child.resident_id)}
    assert refused(client.get(f"{API}/me/wallet", headers=headers)) == (401, "not-signed-in")


def test_an_unbound_wechat_acts_for_nobody(client: CheckedClient, family: Family) -> None:
    with db.transaction() as session:
        family.tokens["unbound"] = make.unbound_token(session)
    assert refused(on_behalf(client, "unbound", family)) == (404, "not-found")


def test_acting_for_a_child_gives_no_hold_on_whom_the_child_acts_for(client: CheckedClient, family: Family) -> None:
    """No chain: who stands for somebody is asked of the real actor alone."""
    family.registered()
    with db.transaction() as session:
        guardians.guardian(session, family.stranger, family.parent, kind="ward")
    assert on_behalf(client, "stranger", family, of=family.parent.resident_id).status_code == 200
    assert refused(on_behalf(client, "stranger", family)) == (404, "not-found")


def test_a_public_read_for_another_is_held_to_the_same(client: CheckedClient, family: Family) -> None:
    assert refused(on_behalf(client, "parent", family, "/perks/offers")) == (404, "not-found")
    family.registered()
    assert on_behalf(client, "parent", family, "/perks/offers").status_code == 200
    assert len(looks(family)) == 1


# --- time and end ------------------------------------------------------------------------------------------------


def test_it_ends_when_the_child_is_of_age(client: CheckedClient, family: Family) -> None:
    today = clock.today()
    born_on = date(today.year - 18, today.month, 1) + timedelta(days=40)
    with db.transaction() as session:
        family.child = make.resident(session, born_on)
    family.registered()
    assert on_behalf(client, "parent", family).status_code == 200
    birthday = born_on.replace(year=born_on.year + 18)
    with clock.at(clock.start_of_day(birthday) - timedelta(seconds=30)):
        with db.transaction() as session:
            family.tokens["parent"] = make.resident_token(session, family.parent)
        assert on_behalf(client, "parent", family).status_code == 200
    with clock.at(clock.start_of_day(birthday) + timedelta(seconds=1)):
        assert refused(on_behalf(client, "parent", family)) == (404, "not-found")
    late = guardians.body(family.parent, family.child, ends_on=birthday.isoformat())
    answer = client.post(f"{API}/delegations", json=late, token=family.tokens["clerk"], key=uuid4())
    assert refused(answer) == (422, "delegation-refused")
    told = answer.get_json(force=True)
    assert (told["why"], told["latest_on"]) == ("too-long", (birthday - timedelta(days=1)).isoformat())


def test_it_has_not_begun_before_it_was_registered(client: CheckedClient, family: Family) -> None:
    with clock.shifted(timedelta(minutes=5)):
        family.registered()
    assert refused(on_behalf(client, "parent", family)) == (404, "not-found")


def test_a_year_later_it_must_be_renewed_and_renewing_ends_the_first(client: CheckedClient, family: Family) -> None:
    first = family.registered()
    now = family.tokens["parent"]
    with clock.shifted(timedelta(days=365, hours=26)):
        with db.transaction() as session:
            family.tokens["parent"] = make.resident_token(session, family.parent)
        assert refused(on_behalf(client, "parent", family)) == (404, "not-found")
    family.tokens["parent"] = now
    second = family.registered()
    listed = client.get(f"{API}/me/delegations", token=family.tokens["parent"]).get_json()["items"]
    assert [(one["id"], one["stands"]) for one in listed] == [(str(second), True), (str(first), False)]


@pytest.mark.parametrize("who", ["parent", "child", "clerk"])
def test_either_side_and_the_clerk_end_it_at_once(client: CheckedClient, family: Family, who: str) -> None:
    delegation_id = family.registered()
    path = f"/me/delegations/{delegation_id}/end"
    if who == "clerk":
        body = guardians.card(family.child)
        found = client.post(f"{API}/delegations/search", json=body, token=family.tokens["clerk"]).get_json()["items"]
        path = f"/delegations/{found[0]['resident_id']}/{found[0]['id']}/end"
        assert looks(family, counters=True)[0].role == "窗口工作人员"
    assert on_behalf(client, "parent", family).status_code == 200
    stopped = client.post(f"{API}{path}", token=family.tokens[who])
    assert stopped.status_code == 200 and stopped.get_json()["stands"] is False
    assert refused(on_behalf(client, "parent", family)) == (404, "not-found")
    assert client.post(f"{API}{path}", token=family.tokens[who]).get_json() == stopped.get_json()
    for side in ("parent", "child"):
        told = client.get(f"{API}/me/messages", token=family.tokens[side]).get_json()["items"]
        assert [one["kind"] for one in told] == ["delegation-ended", "delegation-registered"]


def test_the_other_guardian_hears_of_a_new_one(client: CheckedClient, family: Family) -> None:
    family.registered()
    with db.transaction() as session:
        guardians.guardian(session, family.stranger, family.child)
    told = client.get(f"{API}/me/messages", token=family.tokens["parent"]).get_json()["items"]
    assert [one["kind"] for one in told] == ["delegation-registered"] * 2


@pytest.mark.parametrize(
    ("kind", "why"), [("ward", "not-of-age"), ("same", "same-person"), ("young", "guardian-not-adult")]
)
def test_who_cannot_be_a_guardian_is_told_why(client: CheckedClient, family: Family, kind: str, why: str) -> None:
    body = guardians.body(family.parent, family.child)
    if kind == "ward":
        body["kind"] = "ward"
    elif kind == "same":
        body["represented"] = body["guardian"]
    else:
        body["guardian"], body["represented"] = body["represented"], guardians.card(family.stranger)
    answer = client.post(f"{API}/delegations", json=body, token=family.tokens["clerk"], key=uuid4())
    assert refused(answer) == (422, "delegation-refused") and answer.get_json(force=True)["why"] == why


def test_a_card_with_another_name_registers_nobody(client: CheckedClient, family: Family) -> None:
    body = guardians.body(family.parent, family.child)
    body["guardian"] = {**body["guardian"], "name": make.name()}
    answer = client.post(f"{API}/delegations", json=body, token=family.tokens["clerk"], key=uuid4())
    assert refused(answer) == (403, "identity-not-verified")
    body["guardian"] = {**body["guardian"], "id_number": "110105194912310021"}
    answer = client.post(f"{API}/delegations", json=body, token=family.tokens["clerk"], key=uuid4())
    assert answer.get_json(force=True)["errors"][0]["pointer"] == "/guardian/id_number"


# --- a helper at a counter -----------------------------------------------------------------------------------------


def test_a_clerk_helps_whoever_stands_there_for_half_an_hour(client: CheckedClient, family: Family) -> None:
    made = help_child(client, family)
    assert made.status_code == 201, made.get_json(force=True)
    assert on_behalf(client, "clerk", family).status_code == 200
    assert looks(family)[0].role == "窗口代办"
    (now,) = client.get(f"{API}/delegations/helping", token=family.tokens["clerk"]).get_json()["items"]
    assert now["resident_id"] == str(family.child.resident_id)
    assert refused(on_behalf(client, "other clerk", family)) == (404, "not-found")
    told = client.get(f"{API}/me/messages", token=family.tokens["child"]).get_json()["items"]
    assert [one["kind"] for one in told] == ["delegation-registered"]
    with clock.shifted(timedelta(minutes=31)):
        with db.transaction() as session:
            family.tokens["clerk"] = make.staff_token(session, family.clerk)
        assert refused(on_behalf(client, "clerk", family)) == (404, "not-found")
        assert client.get(f"{API}/delegations/helping", token=family.tokens["clerk"]).get_json()["items"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/me/score"), ("GET", "/me/score/reasons"), ("GET", "/home"), ("PUT", "/me/consents/community"),
     ("POST", "/me/presentation-codes"), ("GET", "/me/messages")],
)  # fmt: skip
def test_a_helper_does_not_reach_so_far(client: CheckedClient, family: Family, method: str, path: str) -> None:
    help_child(client, family)
    before = count_looks()
    answer = on_behalf(client, "clerk", family, path, method=method)
    assert refused(answer) == (403, "not-delegable")
    assert count_looks() == before
    assert refused(on_behalf(client, "other clerk", family, path, method=method)) == (404, "not-found")


def test_a_clerk_who_lost_the_role_helps_no_longer(client: CheckedClient, family: Family) -> None:
    help_child(client, family)
    with db.transaction() as session:
        accounts.remove_membership(session, family.clerk.staff_id, family.clerk.organisation_id, "counter-clerk")
        accounts.add_membership(session, family.clerk.staff_id, family.clerk.organisation_id, "auditor")
    assert refused(on_behalf(client, "clerk", family)) == (404, "not-found")


def counter_code(client: CheckedClient, family: Family, purpose: str = "counter") -> str:
    body = {"purpose": purpose}
    return str(client.post(f"{API}/me/presentation-codes", json=body, token=family.tokens["child"]).get_json()["code"])


def test_a_shown_code_lets_one_clerk_help_once(client: CheckedClient, family: Family) -> None:
    code, key = counter_code(client, family), uuid4()
    made = help_child(client, family, code=code, key=key)
    assert made.status_code == 201
    assert help_child(client, family, code=code, key=key).get_json() == made.get_json()
    for who in ("clerk", "other clerk"):
        assert refused(help_child(client, family, who, code=code)) == (403, "identity-not-verified")
    assert on_behalf(client, "clerk", family).status_code == 200  # the replay took nothing away


def test_a_code_for_a_venue_or_an_old_one_lets_nobody_help(client: CheckedClient, family: Family) -> None:
    assert refused(help_child(client, family, code=counter_code(client, family, "offer")))[0] == 403
    old = counter_code(client, family)
    with clock.shifted(timedelta(seconds=70)):
        assert refused(help_child(client, family, code=old)) == (403, "identity-not-verified")
    assert refused(help_child(client, family, code="XY1:NONSENSE")) == (403, "identity-not-verified")
    assert help_child(client, family, code="x", card=guardians.card(family.child)).status_code == 422


def test_a_clerk_cannot_run_through_the_town(client: CheckedClient, family: Family) -> None:
    for _ in range(40):
        assert help_child(client, family).status_code == 201
    assert refused(help_child(client, family)) == (429, "too-many-attempts")
