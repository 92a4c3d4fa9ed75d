"""Correcting phone and name; withdrawing everything at once."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from backend.accounts import service as accounts
from backend.accounts.models import PersonLookupRow
from backend.consents.models import ConsentRow
from backend.identity import service as identity
from backend.kit import db, seal
from backend.kit.trail import TrailRow
from backend.scores import service as scores
from tests.checked_client import CheckedClient
from tests.factories import accounts as people
from tests.privacy.conftest import API, PHONE, Full
from tests.wechat_server import WechatServer, synthetic_phone


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True)["type"]).removeprefix("/problems/")


def opened(full: Full) -> accounts.OpenedPerson:
    with db.reading() as reader:
        return accounts.open_person(reader, full.resident_id)


def notes(full: Full) -> list[Any]:
    table = TrailRow.__table__
    with db.reading() as reader:
        return list(reader.execute(table.select().where(table.c.actor_id == full.who.account_id)))


def found_by(phone: str) -> list[Any]:
    digests = [digest for _, digest in seal.digests("phone", phone)]
    table = PersonLookupRow.__table__
    with db.reading() as reader:
        return [row.resident_id for row in reader.execute(table.select().where(table.c.digest.in_(digests)))]


def test_wechats_phone_replaces_the_old_one(client: CheckedClient, wechat: WechatServer, full: Full) -> None:
    code, mine = wechat.world.make_code("phone", full.who.openid), synthetic_phone(full.who.openid)
    answer = client.put(f"{API}/me/phone", json={"code": code}, token=full.token)
    assert (answer.status_code, answer.get_json()) == (200, {"phone": seal.mask_phone(mine)})
    assert opened(full).phone == mine
    assert found_by(mine) == [full.resident_id] and full.resident_id not in found_by(PHONE)
    (note,) = notes(full)
    assert note.action == "privacy.correct-phone" and mine not in str(note) and PHONE not in str(note)
    again = client.put(f"{API}/me/phone", json={"code": code}, token=full.token)
    assert (again.status_code, slug(again)) == (403, "identity-not-verified")


def test_somebody_elses_phone_code_is_refused(client: CheckedClient, wechat: WechatServer, full: Full) -> None:
    code = wechat.world.make_code("phone", people.openid())
    answer = client.put(f"{API}/me/phone", json={"code": code}, token=full.token)
    assert (answer.status_code, slug(answer)) == (403, "identity-not-verified") and opened(full).phone == PHONE


def test_phone_codes_are_not_tried_without_end(client: CheckedClient, full: Full) -> None:
    told = [slug(client.put(f"{API}/me/phone", json={"code": f"x{n}"}, token=full.token)) for n in range(7)]
    assert told == ["identity-not-verified"] * 5 + ["too-many-attempts"] * 2


def vouched(name: str, id_number: str) -> str:
    with db.transaction() as session:
        return identity.issue_counter_code(session, name, id_number, uuid4())[0]


def test_a_counter_vouches_for_a_new_name(client: CheckedClient, full: Full) -> None:
    name = people.name()
    code = vouched(name, full.who.id_number)
    body = {"name": f" {name} ", "counter_code": code.lower()}
    answer = client.put(f"{API}/me/name", json=body, token=full.token)
    assert (answer.status_code, answer.get_json()) == (200, {"name": name[0] + "***"})
    assert opened(full).name == name and opened(full).id_number == full.who.id_number
    (note,) = notes(full)
    assert note.action == "privacy.correct-name" and note.detail == {} and name not in str(note)
    assert slug(client.put(f"{API}/me/name", json=body, token=full.token)) == "identity-not-verified"


def test_a_name_is_not_changed_by_another_cards_code(client: CheckedClient, full: Full) -> None:
    name = people.name()
    codes = [vouched(name, people.id_number()), vouched(people.name(), full.who.id_number), "ABCD-EFGH"]
    for code in codes:
        answer = client.put(f"{API}/me/name", json={"name": name, "counter_code": code}, token=full.token)
        assert (answer.status_code, slug(answer)) == (403, "identity-not-verified")
    not_a_name = client.put(f"{API}/me/name", json={"name": "X Æ", "counter_code": codes[0]}, token=full.token)
    assert slug(not_a_name) == "identity-not-verified"
    assert opened(full).name == full.who.name and notes(full) == []


def test_everything_is_withdrawn_at_once(client: CheckedClient, full: Full) -> None:
    with db.reading() as reader:
        assert scores.current(reader, full.resident_id) is not None
    key = uuid4()
    answer = client.post(f"{API}/me/consents/withdrawal", token=full.token, key=key)
    assert answer.status_code == 200 and len(answer.get_json()["items"]) == 4
    assert not any(one["granted"] for one in answer.get_json()["items"])
    with db.reading() as reader:
        assert scores.current(reader, full.resident_id) is None
    assert client.post(f"{API}/me/consents/withdrawal", token=full.token, key=key).get_json() == answer.get_json()
    version = answer.get_json()["items"][0]["text_version"]
    given = {"granted": True, "text_version": version}
    client.put(f"{API}/me/consents/messages", json=given, token=full.token)
    client.post(f"{API}/me/consents/withdrawal", token=full.token, key=key)  # the old key's act is done
    listed = client.get(f"{API}/me/consents", token=full.token).get_json()["items"]
    assert [one["purpose"] for one in listed if one["granted"]] == ["messages"]


def test_a_consent_to_a_purpose_that_is_no_more_is_withdrawn_too(client: CheckedClient, full: Full) -> None:
    table = ConsentRow.__table__
    with db.transaction() as session:
        session.execute(table.update().where(table.c.resident_id == full.resident_id, table.c.purpose == "messages")
                        .values(purpose="of-old"))  # fmt: skip
    client.post(f"{API}/me/consents/withdrawal", token=full.token, key=uuid4())
    with db.reading() as reader:
        rows = reader.execute(table.select().where(table.c.resident_id == full.resident_id)).all()
    assert {row.purpose: row.granted for row in rows} == dict.fromkeys(
        ("of-old", "score", "community", "parking"), False
    )
