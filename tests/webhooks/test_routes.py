"""Webhooks over HTTP: whose they are, what is said once, and what is refused."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from backend.kit import clock, db, seal
from backend.kit.trail import TrailRow
from backend.staff import service as employed
from backend.webhooks import addresses, rotation, rules, schemas, secrets, sending
from backend.webhooks.models import WebhookSecret
from tests.factories import accounts as people
from tests.factories.webhook_calls import FIELDS
from tests.webhook_receiver import Receiver
from tests.webhooks.conftest import GUIDE, Partner

URL = FIELDS["url"]


def slug(answer: Any) -> str:
    return str(answer.get_json(force=True).get("type", "")).removeprefix("/problems/")


def test_the_secret_is_said_to_who_makes_it_and_never_shown(partner: Partner) -> None:
    key = uuid4()
    first = partner.ask("POST", body=FIELDS, key=key).get_json()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", first["secret"])
    assert partner.ask("POST", body=FIELDS, key=key).get_json() == first, "the answer may have got lost"
    hook_id = UUID(first["webhook"]["id"])
    with clock.shifted(timedelta(minutes=61)), db.reading() as reader:
        assert secrets.said_again(reader, hook_id) is None
    for path in ("", f"/{first['webhook']['id']}", f"/{first['webhook']['id']}/deliveries"):
        assert first["secret"][6:] not in partner.ask("GET", path).get_data(as_text=True)
    with db.reading() as reader:
        held = select(WebhookSecret.secret_sealed).where(WebhookSecret.webhook_id == UUID(first["webhook"]["id"]))
        assert first["secret"] not in reader.execute(held).scalar_one()


def test_a_sixth_webhook_is_refused_until_one_is_deleted(partner: Partner) -> None:
    hooks = [partner.webhook(URL) for _ in range(5)]
    answer = partner.ask("POST", body=FIELDS)
    assert (answer.status_code, slug(answer), answer.get_json()["most"]) == (409, "too-many-webhooks", 5)
    assert hooks[2].ask("DELETE").status_code == 204
    assert hooks[2].ask("GET").status_code == 404
    assert partner.ask("POST", body=FIELDS).status_code == 201
    assert len(partner.ask("GET").get_json()["items"]) == 5


@pytest.mark.parametrize(
    "url",
    ["http://till.example.cn:8080/", "https://10.0.0.1/", "https://[::1]/", "https://a:b@till.example.cn/", "x",
     "https://169.254.169.254/latest/", "https://till.example.cn:25/", "http://127.0.0.1:80/", "https://0x7f.1/"],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_when_made_and_when_changed(partner: Partner, url: str) -> None:
    hook = partner.webhook(URL)
    for answer in (partner.ask("POST", body={**FIELDS, "url": url}), hook.ask("PATCH", body={"url": url})):
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")
        assert [error["pointer"] for error in answer.get_json()["errors"]] == ["/url"]
    assert hook.view()["url"] == URL


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"events": []}, "/events"), ({"events": ["webhook.ping"]}, "/events/0"), ({"events": "x"}, "/events"),
     ({"status": "gone"}, "/status"), ({"secret": "whsec_x"}, "/secret"), ({"description": "x" * 201}, "/description")],
)  # fmt: skip
def test_a_field_that_cannot_be_is_named(partner: Partner, change: dict[str, Any], pointer: str) -> None:
    answer = partner.webhook(URL).ask("PATCH", body=change)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.get_json()["errors"]] == [pointer]


def test_what_is_changed_is_changed_and_noted_and_the_rest_stays(partner: Partner) -> None:
    hook = partner.webhook(URL)
    before = hook.view()
    changed = hook.ask(
        "PATCH", body={"events": ["coupon.cancelled", "coupon.cancelled", "admission.undone"]}
    ).get_json()
    assert changed["events"] == ["admission.undone", "coupon.cancelled"]
    ignored = ("events", "updated_at")
    assert {k: v for k, v in changed.items() if k not in ignored} == {
        k: v for k, v in before.items() if k not in ignored
    }
    hook.ask("PATCH", body={"description": before["description"]})
    with db.reading() as reader:
        noted = select(TrailRow.detail).where(TrailRow.subject_id == str(hook.id), TrailRow.action == "webhook.change")
        assert reader.execute(noted).scalars().all() == [{"fields": ["events"]}]


def test_a_disabled_webhook_is_neither_pinged_nor_retried(partner: Partner) -> None:
    hook = partner.webhook(URL)
    made = hook.ask("POST", "/pings").get_json()
    hook.ask("PATCH", body={"status": "disabled"})
    for path in ("/pings", f"/deliveries/{made['id']}/retries"):
        answer = hook.ask("POST", path)
        assert (answer.status_code, slug(answer)) == (409, "webhook-disabled")
        assert answer.get_json()["disabled_reason"] == "by-hand"
    assert hook.last()["last_error"] == "webhook-disabled"


def test_a_ping_arrives_whatever_is_subscribed_to_and_the_same_request_once(
    partner: Partner, receiver: Receiver
) -> None:
    hook, key = partner.webhook(receiver.url), uuid4()
    first, again = hook.ask("POST", "/pings", key=key), hook.ask("POST", "/pings", key=key)
    assert first.get_json() == again.get_json() and first.get_json()["event"] == rules.PING
    hook.go()
    (one,) = receiver.arrived
    assert hook.signed(one) and str(hook.id).encode() in one.body


def test_what_was_delivered_may_be_sent_again_and_the_same_request_sends_once(
    partner: Partner, receiver: Receiver
) -> None:
    hook, key = partner.webhook(receiver.url), uuid4()
    partner.tell()
    hook.go()
    path = f"/deliveries/{hook.last()['id']}/retries"
    assert hook.ask("POST", path, key=key).get_json()["state"] == "waiting"
    hook.go()
    assert hook.ask("POST", path, key=key).get_json()["state"] == "delivered"
    assert not hook.is_due() and len(receiver.arrived) == 2 and len(set(receiver.ids)) == 1
    assert hook.ask("POST", f"/deliveries/{uuid4()}/retries").status_code == 404


def test_a_second_rotation_before_the_first_is_over_keeps_the_one_that_the_partner_still_uses(
    partner: Partner, receiver: Receiver
) -> None:
    """An answer with a new secret may get lost; whoever then rotates again must not lose the old one by it."""
    hook = partner.webhook(receiver.url)
    for _ in range(2):
        hook.secrets.append(hook.ask("POST", "/secret", {}).get_json()["secret"])
    partner.tell()
    hook.go()
    assert all(hook.signed(receiver.arrived[0], secret) for secret in hook.secrets)
    ends = [one["ends_at"] for one in hook.view()["secrets"]]
    assert ends[0] is None and all(ends[1:]) and len(ends) == 3


def test_a_stolen_secret_ends_at_once_and_too_many_at_a_time_are_refused(partner: Partner, receiver: Receiver) -> None:
    hook = partner.webhook(receiver.url)
    for _ in range(4):
        assert hook.ask("POST", "/secret", {"overlap_hours": 1}).status_code == 201
    refused = hook.ask("POST", "/secret", {"overlap_hours": 1})
    assert (refused.status_code, slug(refused)) == (409, "too-many-webhook-secrets")
    last = hook.ask("POST", "/secret", {"overlap_hours": 0}).get_json()["secret"]
    partner.tell()
    hook.go()
    assert hook.signed(receiver.arrived[0], last) and not hook.signed(receiver.arrived[0], hook.secrets[0])
    assert len(receiver.arrived[0].headers["webhook-signature"].split()) == 1


def test_the_log_is_paged_and_asked_by_state(partner: Partner, receiver: Receiver) -> None:
    hook = partner.webhook(receiver.url)
    for _ in range(5):
        partner.tell()
    hook.go()
    partner.tell()
    first = hook.ask("GET", "/deliveries?limit=4").get_json()
    rest = hook.ask("GET", f"/deliveries?limit=4&cursor={first['next_cursor']}").get_json()
    seen = [one["id"] for one in first["items"] + rest["items"]]
    assert len(set(seen)) == 6 and rest["next_cursor"] is None
    states = {state: len(hook.ask("GET", f"/deliveries?state={state}").get_json()["items"]) for state in schemas.STATES}
    assert states == {"waiting": 1, "delivered": 5, "failed": 0}


def test_another_partners_manager_finds_nothing(partner: Partner) -> None:
    hook = partner.webhook(URL)
    made = hook.ask("POST", "/pings").get_json()["id"]
    asked = [
        ("GET", "", None), ("PATCH", "", {}), ("DELETE", "", None), ("POST", "/secret", {}), ("POST", "/pings", None),
        ("GET", "/deliveries", None), ("POST", f"/deliveries/{made}/retries", None),
    ]  # fmt: skip
    for method, path, body in asked:
        assert hook.ask(method, path, body, token=partner.other).status_code == 404, (method, path)
    assert partner.ask("GET", token=partner.other).get_json()["items"] == []
    named = partner.ask("POST", body={**FIELDS, "organisation_id": str(partner.id)}, token=partner.other)
    assert named.status_code == 404


def test_who_manages_two_organisations_names_one(partner: Partner) -> None:
    with db.transaction() as session:
        second = people.organisation(session, "partner")
        roles = [("partner-manager", partner.id), ("partner-manager", second)]
        name = f"t{uuid4().hex[:10]}"
        staff_id = employed.create_staff(session, name, people.PASSWORD, employed.new_totp_secret(), "测试", roles)
        token = people.staff_token(session, people.Staff(staff_id, name, second, ""))
    unnamed = partner.ask("POST", body=FIELDS, token=token)
    assert unnamed.status_code == 422 and unnamed.get_json()["errors"][0]["pointer"] == "/organisation_id"
    named = partner.ask("POST", body={**FIELDS, "organisation_id": str(second)}, token=token)
    assert named.get_json()["webhook"]["organisation_id"] == str(second)


def test_secrets_move_to_the_master_key_of_today_and_still_sign(partner: Partner, receiver: Receiver, app: Any) -> None:
    hook, now = partner.webhook(receiver.url), seal.current()
    new = seal.Sealer({"n9": b"n" * 16 + bytes(range(16)), **now.master_keys}, "n9", now.hash_keys, now.current_hash)
    seal.bind(new)
    try:
        with db.transaction() as session:
            assert rotation.rewrap_secrets(session, None, 10_000).changed >= 1
            assert rotation.rewrap_secrets(session, None, 10_000).changed == 0
        with db.reading() as reader:
            held = select(WebhookSecret.secret_sealed).where(WebhookSecret.webhook_id == hook.id)
            assert new.is_current(reader.execute(held).scalar_one())
        partner.tell()
        hook.go()
        assert hook.signed(receiver.arrived[0])
    finally:
        seal.bind(seal.Sealer(new.master_keys, now.current, now.hash_keys, now.current_hash))
        with db.transaction() as session:
            rotation.rewrap_secrets(session, None, 10_000)
        seal.bind(now)


@pytest.mark.once
def test_the_guide_names_every_word_of_the_log() -> None:
    told = set(re.findall(r"`([a-z-]+)`", GUIDE[GUIDE.index("| `last_error` |") : GUIDE.index("## 6.")]))
    code = "".join(Path(module.__file__).read_text("utf-8") for module in (sending, addresses))
    words = set(re.findall(r'Answer\(None, "([a-z-]+)"', code)) | {"gone", "redirect", "status", "webhook-disabled"}
    words |= {f"refused-{reason}" for reason in re.findall(r'Unacceptable\(\s*"([a-z]+)"', code)}
    assert words <= told and {one for one in told if one.startswith("refused-")} <= words
