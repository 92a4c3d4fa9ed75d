"""The main journey through the running demo, as a stranger walks it: from a reviewed deed to an admitted visitor."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import zxingcpp
from PIL import Image

from backend.admissions import offline
from config.settings import ROOT
from tests.journey import callers
from tests.journey.callers import Caller
from tests.support import net

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]


def free_port() -> int:
    """A port whose successor is free as well; the stand-in takes that one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def start_demo(folder: Path, port: int) -> subprocess.Popen[str]:
    """``make demo`` with its data in ``folder``; returns once it says that it is ready."""
    env = {**os.environ, "XINYI_INSTANCE_ROOT": str(folder), "PORT": str(port), "DATABASE_URL": "",
           "XINYI_LOG_LEVEL": "info"}  # fmt: skip
    with net.open_for("journey") as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "backend.demonstrate"], cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE,
            stderr=said,
        )  # fmt: skip
    assert child.stdout is not None
    for line in child.stdout:
        if "Ctrl-C" in line:
            return child
    raise AssertionError(f"the demo ended with {child.wait()}")


def end_demo(child: subprocess.Popen[str]) -> int:
    child.send_signal(signal.SIGINT)
    child.stdout.close()  # type: ignore[union-attr]
    return child.wait(timeout=60)


@pytest.fixture(autouse=True)
def hang_up() -> Iterator[None]:
    yield
    callers.close_all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("instance")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[dict[str, Any]]:
    child = start_demo(folder, free_port())
    told = json.loads((folder / "demo.json").read_text("utf-8"))
    net.tell_of_demo(told)
    yield told
    assert end_demo(child) == 0


def bound(demo: dict[str, Any], index: int) -> tuple[Caller, dict[str, Any]]:
    """A resident who has signed in and bound her identity."""
    someone = demo["residents"][index]
    caller = callers.resident(demo, someone)
    proof = {"kind": "wechat_phone", "value": callers.wechat_code(demo, "phone", someone["openid"])}
    answer = caller.put("/me/identity", {"name": someone["name"], "id_number": someone["id_number"], "proof": proof})
    assert answer.status_code == 200, answer.text
    return caller, someone


def consent(caller: Caller, *purposes: str) -> None:
    texts = {item["purpose"]: item["text_version"] for item in caller.get("/me/consents").json()["items"]}
    for purpose in purposes:
        answer = caller.put(f"/me/consents/{purpose}", {"granted": True, "text_version": texts[purpose]})
        assert answer.status_code == 200, answer.text


def offer_called(caller: Caller, words: str) -> dict[str, Any]:
    items = caller.get("/perks/offers", limit=100).json()["items"]
    found: dict[str, Any] = next(item for item in items if words in item["title"])
    return found


def device_named(demo: dict[str, Any], offer: dict[str, Any]) -> dict[str, Any]:
    """Of the hand-over: a device of one of the offer's venues."""
    names = tuple(venue["name"] for venue in offer["venues"])
    found: dict[str, Any] = next(one for one in demo["devices"] if one["label"].startswith(names))
    return found


def device_at(demo: dict[str, Any], offer: dict[str, Any]) -> Caller:
    return callers.device(demo, device_named(demo, offer))


def device_elsewhere(demo: dict[str, Any], offer: dict[str, Any]) -> Caller:
    names = tuple(venue["name"] for venue in offer["venues"])
    return callers.device(demo, next(one for one in demo["devices"] if not one["label"].startswith(names)))


def test_the_handover_names_everything_that_a_stranger_needs(demo: dict[str, Any]) -> None:
    assert set(demo) == {"base_url", "wechat_url", "residents", "staff", "devices", "merchants", "offers"}
    assert len(demo["residents"]) >= 10
    assert all(one["name"].startswith(("演示", "示例", "测试")) for one in demo["residents"])
    assert {"you", "xing"} <= {offer["scene"] for offer in demo["offers"]} and len(demo["offers"]) >= 8


def test_a_score_is_opt_in_and_taken_apart_to_the_record(demo: dict[str, Any]) -> None:
    stranger = callers.resident(demo, demo["residents"][0])
    assert stranger.get("/me/score").status_code == 403
    resident, _ = bound(demo, 0)
    refused = resident.get("/me/score").json()
    assert refused["type"] == "/problems/consent-missing"
    assert refused["opt_in"] == {"method": "PUT", "path": "/api/v1/me/consents/score"}
    consent(resident, "score")
    score = resident.get("/me/score").json()
    reasons = resident.get("/me/score/reasons").json()["items"]
    assert score["scale"]["base"] + sum(reason["points"] for reason in reasons) == score["value"]
    assert reasons and all(reason["record_id"] and reason["source"] for reason in reasons)
    assert resident.get("/home").json()["score"]["value"] == score["value"]


def test_withdrawing_the_consent_deletes_the_score_within_the_request_and_leaves_the_wallet(
    demo: dict[str, Any],
) -> None:
    resident, _ = bound(demo, 1)
    consent(resident, "score")
    balance = resident.get("/me/wallet").json()
    answer = resident.put("/me/consents/score", {"granted": False, "text_version": "any"})
    assert answer.status_code == 200, answer.text
    for path in ("/me/score", "/me/score/reasons", "/me/score/history"):
        assert resident.get(path).json()["type"] == "/problems/consent-missing"
    assert resident.get("/me/wallet").json() == balance


def test_a_minor_has_no_score(demo: dict[str, Any]) -> None:
    resident, _ = bound(demo, len(demo["residents"]) - 1)
    answer = resident.put("/me/consents/score", {"granted": True, "text_version": "2026.1"})
    assert answer.json()["type"] == "/problems/adults-only"


def _community(resident: Caller) -> dict[str, Any]:
    consent(resident, "community")
    found: dict[str, Any] = resident.get("/communities").json()["items"][0]
    assert resident.get(f"/communities/{found['id']}/covenant").json()["articles"]
    answer = resident.post(f"/communities/{found['id']}/covenant/signatures")
    assert answer.status_code == 201, answer.text
    return found


def _worker_of(demo: dict[str, Any], community: dict[str, Any]) -> Caller:
    return callers.worker(demo, next(one for one in demo["staff"] if one["username"].endswith(community["slug"])))


def test_a_deed_with_a_photo_is_reviewed_and_points_arrive(demo: dict[str, Any]) -> None:
    resident, _ = bound(demo, 2)
    community = _community(resident)
    worker = _worker_of(demo, community)
    before = resident.get("/me/wallet").json()["balance_points"]
    activity = resident.get("/community/activities", community_id=community["id"]).json()["items"][0]
    shown = worker.get(f"/community/activities/{activity['id']}/check-in-code").json()["code"]
    checked_in = resident.post(f"/community/activities/{activity['id']}/check-ins", {"code": shown})
    assert checked_in.status_code == 201, checked_in.text
    deed = {
        "behaviour": "hazard-report",
        "happened_at": datetime.now(UTC).isoformat(),
        "text": "演示：楼道灯线裸露，已报告。",
        "photo_ids": [resident.upload_photo()],
    }
    sent = resident.post("/community/submissions", deed)
    assert sent.status_code == 201, sent.text
    queue = worker.get("/community/review-queue").json()["items"]
    assert [item["id"] for item in queue] == [sent.json()["id"]]
    reviewed = worker.post(
        f"/community/submissions/{sent.json()['id']}/reviews", {"decision": "approve", "reason": "演示：照片清楚。"}
    )
    assert reviewed.status_code == 201, reviewed.text
    gained = reviewed.json()["points"] + checked_in.json()["points"]
    assert gained > 0
    assert resident.get("/me/wallet").json()["balance_points"] == before + gained
    looks = resident.get("/me/access-log").json()["items"]
    assert looks and looks[0]["purpose"]


def test_a_printed_code_opens_an_honest_badge(demo: dict[str, Any]) -> None:
    for merchant in demo["merchants"][:3]:
        picture = httpx.get(f"{demo['base_url']}/m/{merchant['public_code']}/code.png")
        address = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)))[0].text
        assert address == f"{demo['base_url']}/m/{merchant['public_code']}"
        page = httpx.get(address, headers={"Accept": "text/html"})
        assert page.status_code == 200 and merchant["label"] in page.text and 'lang="zh-CN"' in page.text
        badge = httpx.get(f"{demo['base_url']}/api/v1/merchants/{merchant['public_code']}").json()
        for told in (badge["address"], badge["grade"]["name"], badge["licence"]["number"]):
            assert told in page.text
    unknown = httpx.get(f"{demo['base_url']}/m/0000000000", headers={"Accept": "text/html"})
    assert unknown.status_code == 404


def test_a_ticket_is_bought_shown_admitted_once_and_refused_with_a_reason_afterwards(demo: dict[str, Any]) -> None:
    resident, _ = bound(demo, 3)
    offer = offer_called(resident, "汤山温泉门票")
    assert offer["entitled"]["verdict"] == "entitled" and offer["entitled"]["reasons"]
    made = resident.post(f"/perks/offers/{offer['id']}/redemptions")
    assert made.status_code == 201, made.text
    coupon = made.json()["coupon"]["id"]
    shown = resident.http.post(f"/me/coupons/{coupon}/codes?qr=svg").json()
    assert shown["qr_svg"].startswith("<svg") and shown["code"].startswith("XY1:")
    door, other = device_at(demo, offer), device_elsewhere(demo, offer)
    assert door.post("/venue/verifications", {"code": shown["code"]}).json()["verdict"] == "valid"
    assert other.post("/venue/admissions", {"code": shown["code"]}).json()["type"] == "/problems/not-your-offer"
    forged = shown["code"][:-8] + "".join(reversed(shown["code"][-8:]))
    assert door.post("/venue/admissions", {"code": forged}).json()["type"] == "/problems/code-not-verified"
    key = uuid4()
    first = door.post("/venue/admissions", {"code": shown["code"]}, key=key)
    assert (first.status_code, first.json()["verdict"]) == (201, "admitted")
    assert door.post("/venue/admissions", {"code": shown["code"]}, key=key).json()["id"] == first.json()["id"]
    second = door.post("/venue/admissions", {"code": shown["code"]})
    assert second.status_code == 409 and second.json()["type"] == "/problems/already-used" and second.json()["used_at"]
    assert resident.get(f"/me/coupons/{coupon}").json()["status"] == "used"


def test_a_cancelled_coupon_gives_the_points_back_and_is_refused_as_cancelled(demo: dict[str, Any]) -> None:
    resident, _ = bound(demo, 4)
    offer = offer_called(resident, "汤山温泉门票")
    before = resident.get("/me/wallet").json()
    coupon = resident.post(f"/perks/offers/{offer['id']}/redemptions").json()["coupon"]["id"]
    code = resident.http.post(f"/me/coupons/{coupon}/codes").json()["code"]
    spent = before["balance_points"] - offer["price_points"]
    assert resident.get("/me/wallet").json()["balance_points"] == spent
    cancelled = resident.post(f"/me/coupons/{coupon}/cancellation")
    assert cancelled.status_code in (200, 201), cancelled.text
    assert resident.get("/me/wallet").json() == before
    entries = resident.get("/me/wallet/entries").json()["items"]
    assert [entry["amount_points"] for entry in entries[:2]] == [offer["price_points"], -offer["price_points"]]
    assert entries[0]["balance_after_points"] == before["balance_points"]
    refused = device_at(demo, offer).post("/venue/admissions", {"code": code})
    assert refused.status_code == 409 and refused.json()["type"] == "/problems/cancelled"


def test_the_device_judges_from_its_pack_with_the_network_down(demo: dict[str, Any]) -> None:
    resident, _ = bound(demo, 5)
    offer = offer_called(resident, "汤山温泉门票")
    coupon = resident.post(f"/perks/offers/{offer['id']}/redemptions").json()["coupon"]["id"]
    code = resident.http.post(f"/me/coupons/{coupon}/codes").json()["code"]
    door = device_at(demo, offer)
    pack = door.get("/venue/offline-pack").json()
    assert {"keys", "status_list", "used", "offers", "server_time", "valid_until"} <= set(pack)
    verifier = offline.OfflineVerifier(pack)
    assert verifier.judge(code, datetime.now(UTC)).verdict == "valid"
    assert verifier.judge(code[:-4] + "0000", datetime.now(UTC)).verdict != "valid"
    scan = {"id": str(uuid4()), "code": code, "at": datetime.now(UTC).isoformat()}
    told = door.post("/venue/admissions/batch", {"admissions": [scan]})
    assert told.status_code in (200, 201), told.text
    assert resident.get(f"/me/coupons/{coupon}").json()["status"] == "used"


def test_a_driver_goes_from_her_consent_to_free_parking(demo: dict[str, Any]) -> None:
    driver, _ = bound(demo, -3)
    consent(driver, "score", "parking")
    offer = offer_called(driver, "停车一小时")
    gate = callers.Operator(demo, device_named(demo, offer))
    plate = {"plate": "苏A66Y01"}
    made = driver.post("/me/plates", plate).json()
    shown = driver.post("/me/presentation-codes", {"purpose": "offer"}).json()["code"]
    assert gate.ask("/venue/plate-confirmations", {**plate, "code": shown}).json()["state"] == "confirmed"
    assert driver.post(f"/perks/offers/{offer['id']}/redemptions").status_code == 201
    asked = gate.ask("/operator/entitlements", plate)
    assert (asked.status_code, asked.json()["benefits"]) == (200, []), "nobody was allowed to ask yet"

    (operator,) = driver.get("/me/parking/operators").json()["items"]
    texts = {item["purpose"]: item["text_version"] for item in driver.get("/me/consents").json()["items"]}
    allowed = f"/me/plates/{made['id']}/operators/{operator['partner_id']}"
    assert driver.put(allowed, {"granted": True, "text_version": texts["parking"]}).status_code == 200
    (benefit,) = gate.ask("/operator/entitlements", plate).json()["benefits"]
    assert (benefit["offer_id"], benefit["held"], benefit["benefit"]["minutes"]) == (offer["id"], True, 60)

    now = datetime.now(UTC).isoformat()
    assert gate.ask("/operator/entries", {**plate, "entered_at": now, "ticket": "J-1"}).status_code == 201
    exit_ = {"ticket": "J-1", "exited_at": datetime.now(UTC).isoformat(), "fee_fen": 800, "offer_id": offer["id"]}
    left = gate.ask("/operator/exits", exit_)
    assert left.status_code == 201 and left.json()["benefit"]["offer_id"] == offer["id"], left.text
    (stay,) = driver.get("/me/parking/stays").json()["items"]
    assert (stay["state"], stay["admission_id"]) == ("left", left.json()["admission_id"])
    questions = driver.get("/me/parking/questions").json()["items"]
    told = [(each["purpose"], each["answered_yes"]) for each in questions]
    assert told == [("exit", True), ("entry", True), ("entitlement", True), ("entitlement", False)]

    assert driver.put(allowed, {"granted": False}).status_code == 200
    assert gate.ask("/operator/entitlements", plate).json()["entitled"] is False


def test_the_books_agree_and_a_second_start_finds_the_data_as_it_was(demo: dict[str, Any], folder: Path) -> None:
    port = demo["base_url"].rpartition(":")[2]
    env = {**os.environ, "XINYI_INSTANCE_ROOT": str(folder), "PORT": port, "DATABASE_URL": ""}
    audit = subprocess.run(
        [sys.executable, "-m", "backend.demonstrate", "--audit"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr
    resident = callers.resident(demo, demo["residents"][3])
    kept = resident.get("/me/wallet").json()
    child = start_demo(folder, free_port())
    try:
        again = json.loads((folder / "demo.json").read_text("utf-8"))
        assert again["merchants"] == demo["merchants"] and again["residents"] == demo["residents"]
        assert callers.resident(again, again["residents"][3]).get("/me/wallet").json() == kept
    finally:
        assert end_demo(child) == 0
