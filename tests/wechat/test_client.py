"""The client against the stand-in over HTTP: what it answers, and what becomes of each refusal."""

from __future__ import annotations

import dataclasses
import io
import json

import pytest
import zxingcpp
from PIL import Image

from backend.kit.errors import DomainError
from backend.web import frame
from backend.wechat import errors, service
from backend.wechat.service import TextScene, WechatClient
from tests.wechat.conftest import MakeClient
from tests.wechat_server import REVIEW_WORD, RISKY_WORD, Clock, WechatServer, synthetic_phone
from tests.wechat_server.world import Fault

pytestmark = pytest.mark.once

LOGIN = "/sns/jscode2session"
PHONE = "/wxa/business/getuserphonenumber"
CODE = "/wxa/getwxacodeunlimit"
MESSAGE = "/cgi-bin/message/subscribe/send"
CHECK = "/wxa/msg_sec_check"


def test_a_login_code_names_the_user(server: WechatServer, client: WechatClient) -> None:
    server.world.register("o-with-union", None, "u-1")
    assert client.exchange_login_code(server.world.make_code("login", "o-plain")) == service.WechatUser("o-plain", None)
    user = client.exchange_login_code(server.world.make_code("login", "o-with-union"))
    assert (user.openid, user.unionid) == ("o-with-union", "u-1")


def test_the_session_key_stays_behind(server: WechatServer, client: WechatClient) -> None:
    user = client.exchange_login_code(server.world.make_code("login", "o-1"))
    assert {field.name for field in dataclasses.fields(user)} == {"openid", "unionid"}


def test_a_login_code_works_once(server: WechatServer, client: WechatClient) -> None:
    code = server.world.make_code("login", "o-1")
    client.exchange_login_code(code)
    with pytest.raises(errors.WechatCodeUsed) as refusal:
        client.exchange_login_code(code)
    assert (refusal.value.errcode, refusal.value.status) == (40163, 409)


def test_a_login_code_lives_five_minutes(server: WechatServer, client: WechatClient, clock: Clock) -> None:
    timely, late = server.world.make_code("login", "o-1"), server.world.make_code("login", "o-1")
    clock.forward(298)
    assert client.exchange_login_code(timely).openid == "o-1"
    clock.forward(2)
    with pytest.raises(errors.WechatCodeInvalid):
        client.exchange_login_code(late)


def test_a_phone_code_gives_the_number_once(server: WechatServer, client: WechatClient) -> None:
    server.world.register("o-1", "19900001234", None)
    code = server.world.make_code("phone", "o-1")
    assert client.exchange_phone_code(code, "o-1") == service.PhoneNumber("19900001234", "86")
    with pytest.raises(errors.WechatCodeInvalid):
        client.exchange_phone_code(code, "o-1")


def test_a_phone_code_lives_five_minutes(server: WechatServer, client: WechatClient, clock: Clock) -> None:
    code = server.world.make_code("phone", "o-1")
    clock.forward(300)
    with pytest.raises(errors.WechatCodeInvalid):
        client.exchange_phone_code(code, "o-1")


def test_login_and_phone_codes_do_not_stand_for_each_other(server: WechatServer, client: WechatClient) -> None:
    with pytest.raises(errors.WechatCodeInvalid):
        client.exchange_phone_code(server.world.make_code("login", "o-1"), "o-1")
    with pytest.raises(errors.WechatCodeInvalid):
        client.exchange_login_code(server.world.make_code("phone", "o-1"))


def test_a_phone_code_of_another_user_is_refused_and_not_used_up(server: WechatServer, client: WechatClient) -> None:
    code = server.world.make_code("phone", "o-1")
    with pytest.raises(errors.WechatOpenidInvalid):
        client.exchange_phone_code(code, "o-2")
    assert client.exchange_phone_code(code, "o-1").number == synthetic_phone("o-1")


def test_a_phone_number_for_another_mini_program_is_refused(server: WechatServer, client: WechatClient) -> None:
    info = {"purePhoneNumber": "19900000000", "countryCode": 86, "watermark": {"appid": "wxffffffffffffffff"}}
    server.world.faults.append(Fault(PHONE, body=json.dumps({"errcode": 0, "phone_info": info})))
    with pytest.raises(errors.WechatCodeInvalid):
        client.exchange_phone_code(server.world.make_code("phone", "o-1"), "o-1")


def test_a_phone_number_does_not_appear_in_a_repr(server: WechatServer, client: WechatClient) -> None:
    phone = client.exchange_phone_code(server.world.make_code("phone", "o-1"), "o-1")
    assert phone.number not in repr(phone)


def test_an_impossible_code_is_refused_without_asking(server: WechatServer, client: WechatClient) -> None:
    for code in ("", "x" * 300, "\x00"):
        with pytest.raises(errors.WechatCodeInvalid):
            client.exchange_login_code(code)
        with pytest.raises(errors.WechatCodeInvalid):
            client.exchange_phone_code(code, "o-1")
    assert server.world.calls == {}


@pytest.mark.parametrize("errcode", sorted(errors.BY_ERRCODE))
def test_each_errcode_becomes_its_problem_and_a_code_is_never_sent_again(
    server: WechatServer, client: WechatClient, pauses: list[float], errcode: int
) -> None:
    server.world.faults.append(Fault(LOGIN, errcode=errcode))
    with pytest.raises(errors.WechatError) as refusal:
        client.exchange_login_code(server.world.make_code("login", "o-1"))
    assert type(refusal.value) is errors.BY_ERRCODE[errcode]
    assert refusal.value.errcode == errcode
    assert server.world.calls[LOGIN] == 1
    assert pauses == []


@pytest.mark.parametrize(
    ("errcode", "slug", "status"),
    [
        (-1, "wechat-unavailable", 503),
        (40013, "wechat-not-configured", 503),
        (40029, "wechat-code-invalid", 422),
        (40125, "wechat-not-configured", 503),
        (40163, "wechat-code-used", 409),
        (40226, "wechat-account-blocked", 403),
        (45009, "wechat-quota-exhausted", 503),
        (45011, "wechat-too-frequent", 429),
        (47001, "wechat-request-invalid", 502),
        (43101, "wechat-not-subscribed", 409),
        (61010, "wechat-visit-too-old", 409),
        (61024, "wechat-not-configured", 503),
        (99999, "wechat-refused", 502),
    ],
)
def test_what_callers_see_of_an_errcode(
    server: WechatServer, client: WechatClient, errcode: int, slug: str, status: int
) -> None:
    server.world.faults.append(Fault(LOGIN, errcode=errcode))
    with pytest.raises(errors.WechatError) as refusal:
        client.exchange_login_code(server.world.make_code("login", "o-1"))
    assert (refusal.value.slug, refusal.value.status) == (slug, status)


def test_every_problem_is_explained_in_both_languages() -> None:
    mine = [kind for kind in DomainError.registry.values() if issubclass(kind, errors.WechatError)]
    assert len(mine) == 17
    for kind in mine:
        assert kind.explain_zh and kind.explain_en and kind.status >= 400, kind


def test_wrong_credentials_are_a_matter_of_configuration(server: WechatServer, make_client: MakeClient) -> None:
    for wrong in (make_client(app_id="wx1111111111111111"), make_client(app_secret="wrong")):
        code = server.world.make_code("login", "o-1")
        with pytest.raises(errors.WechatNotConfigured):
            wrong.exchange_login_code(code)
        with pytest.raises(errors.WechatNotConfigured):
            wrong.check_text("o-1", "你好", TextScene.COMMENT)
        assert make_client().exchange_login_code(code).openid == "o-1"


def test_a_lost_answer_to_a_code_is_not_asked_for_again(server: WechatServer, client: WechatClient) -> None:
    code = server.world.make_code("login", "o-1")
    server.world.faults.append(Fault(LOGIN, drop=True, after=True))
    with pytest.raises(errors.WechatUnavailable) as refusal:
        client.exchange_login_code(code)
    assert refusal.value.outcome_unknown
    assert server.world.calls[LOGIN] == 1
    with pytest.raises(errors.WechatCodeUsed):
        client.exchange_login_code(code)


def test_a_server_that_never_answers_is_given_up(server: WechatServer, make_client: MakeClient) -> None:
    server.world.faults.append(Fault(LOGIN, hang=True))
    with pytest.raises(errors.WechatUnavailable) as refusal:
        make_client(read=0.2).exchange_login_code(server.world.make_code("login", "o-1"))
    assert refusal.value.outcome_unknown
    assert server.world.calls[LOGIN] == 1


def test_a_server_that_answers_byte_by_byte_is_given_up(server: WechatServer, make_client: MakeClient) -> None:
    server.world.faults.append(Fault(LOGIN, drip=True))
    with pytest.raises(errors.WechatUnavailable):
        make_client(read=5.0, total=0.35).exchange_login_code(server.world.make_code("login", "o-1"))


def test_a_server_that_cannot_be_reached_is_tried_three_times(make_client: MakeClient, pauses: list[float]) -> None:
    with WechatServer() as gone:
        base_url = gone.base_url
    with pytest.raises(errors.WechatUnavailable) as refusal:
        make_client(base_url=base_url).exchange_login_code("some-code")
    assert not refusal.value.outcome_unknown
    assert pauses == [0.2, 0.6]


@pytest.mark.parametrize("fault", [{"errcode": -1}, {"http_status": 502}, {"drop": True}, {"body": "<html>"}])
def test_what_may_be_repeated_is_repeated_twice_and_no_more(
    server: WechatServer, client: WechatClient, pauses: list[float], fault: dict[str, object]
) -> None:
    server.world.faults.append(Fault(CHECK, times=2, **fault))  # type: ignore[arg-type]
    assert client.check_text("o-1", "你好", TextScene.COMMENT).suggestion == "pass"
    assert pauses == [0.2, 0.6]
    server.world.faults.append(Fault(CHECK, times=9, **fault))  # type: ignore[arg-type]
    server.world.calls.clear()
    with pytest.raises(errors.WechatUnavailable):
        client.check_text("o-1", "你好", TextScene.COMMENT)
    assert server.world.calls[CHECK] == 3


@pytest.mark.parametrize("fault", [{"errcode": -1}, {"http_status": 502}, {"drop": True, "after": True}])
def test_a_message_is_not_sent_twice(server: WechatServer, client: WechatClient, fault: dict[str, object]) -> None:
    server.world.faults.append(Fault(MESSAGE, **fault))  # type: ignore[arg-type]
    with pytest.raises(errors.WechatUnavailable) as refusal:
        client.send_subscribe_message("o-1", "template", {"thing1": "消息"})
    assert refusal.value.outcome_unknown
    assert server.world.calls[MESSAGE] == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[1]",
        '"text"',
        '{"errcode": "0"}',
        '{"errcode": true}',
        "{",
        '{"openid": 5}',
        '{"openid": ""}',
        "{}",
    ],
)
def test_an_unreadable_answer_counts_as_none(server: WechatServer, client: WechatClient, body: str) -> None:
    server.world.faults.append(Fault(LOGIN, http_status=200, body=body))
    with pytest.raises(errors.WechatUnavailable):
        client.exchange_login_code(server.world.make_code("login", "o-1"))


def test_an_answer_beyond_all_measure_is_not_read_to_its_end(server: WechatServer, client: WechatClient) -> None:
    server.world.faults.append(Fault(LOGIN, body='{"openid": "' + "x" * 5_000_000 + '"}'))
    with pytest.raises(errors.WechatUnavailable):
        client.exchange_login_code(server.world.make_code("login", "o-1"))


def test_a_redirect_is_not_followed(server: WechatServer, client: WechatClient) -> None:
    server.world.faults.append(Fault(LOGIN, http_status=302, body="", location=CHECK))
    with pytest.raises(errors.WechatUnavailable):
        client.exchange_login_code(server.world.make_code("login", "o-1"))
    assert server.world.calls == {LOGIN: 1}


def test_a_mini_program_code_is_an_image_that_carries_its_scene(client: WechatClient) -> None:
    image = client.draw_mini_program_code("m=9K3F2A", "pages/merchant/show", width_pixels=640)
    drawn = Image.open(io.BytesIO(image.content))
    assert (image.media_type, drawn.size) == ("image/png", (640, 640))
    read = zxingcpp.read_barcodes(drawn)
    assert [found.text for found in read] == ["wxacode-stand-in:release:pages/merchant/show?scene=m=9K3F2A"]


@pytest.mark.parametrize("scene", ["", "x" * 33, "商户=1", "a%20b"])
def test_an_invalid_scene_is_refused_without_asking(server: WechatServer, client: WechatClient, scene: str) -> None:
    with pytest.raises(errors.SceneInvalid):
        client.draw_mini_program_code(scene)
    assert server.world.calls == {}


def test_json_in_place_of_an_image_is_no_image(server: WechatServer, client: WechatClient) -> None:
    server.world.faults.append(Fault(CODE, times=3, body='{"errcode": 0, "errmsg": "ok"}'))
    with pytest.raises(errors.WechatUnavailable):
        client.draw_mini_program_code("a=1")


def test_a_subscribe_message_arrives_as_written(server: WechatServer, client: WechatClient) -> None:
    client.send_subscribe_message(
        "o-1",
        "t-1",
        {"thing1": "预约已确认", "date2": "2026年5月1日"},
        page="pages/inbox?id=7",
        release="develop",
    )
    (message,) = server.world.messages("o-1")
    assert message["data"] == {"thing1": {"value": "预约已确认"}, "date2": {"value": "2026年5月1日"}}
    assert (message["page"], message["miniprogram_state"]) == ("pages/inbox?id=7", "developer")


def test_one_acceptance_allows_one_message(server: WechatServer, client: WechatClient) -> None:
    server.world.accept_messages("o-1", "t-1", 1)
    client.send_subscribe_message("o-1", "t-1", {"thing1": "一"})
    with pytest.raises(errors.WechatNotSubscribed):
        client.send_subscribe_message("o-1", "t-1", {"thing1": "二"})
    assert len(server.world.messages("o-1")) == 1


def test_a_field_that_breaks_the_template_is_refused(client: WechatClient) -> None:
    with pytest.raises(errors.WechatMessageInvalid):
        client.send_subscribe_message("o-1", "t-1", {"thing1": "二十一个字" * 5})


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [("楼道很干净", "pass"), (f"看看{RISKY_WORD}吧", "risky"), (f"{REVIEW_WORD}", "review"), ("  ", "pass")],
)
def test_a_text_gets_its_verdict(client: WechatClient, text: str, suggestion: str) -> None:
    assert client.check_text("o-1", text, TextScene.FORUM).suggestion == suggestion


def test_a_title_is_checked_too(client: WechatClient) -> None:
    assert client.check_text("o-1", "好", TextScene.FORUM, title=RISKY_WORD).suggestion == "risky"
    assert client.check_text("o-1", "", TextScene.FORUM, title=RISKY_WORD).suggestion == "risky"


def test_chinese_is_sent_as_it_is(server: WechatServer, client: WechatClient) -> None:
    client.check_text("o-1", "楼道", TextScene.FORUM)
    assert "楼道".encode() in server.world.bodies[CHECK]


def test_half_a_character_does_not_break_the_call(client: WechatClient) -> None:
    assert client.check_text("o-1", "a\ud800b", TextScene.FORUM).suggestion == "pass"


def test_a_text_too_long_is_refused_without_asking(server: WechatServer, client: WechatClient) -> None:
    assert client.check_text("o-1", "字" * 2500, TextScene.FORUM).suggestion == "pass"
    server.world.calls.clear()
    with pytest.raises(errors.TextTooLong):
        client.check_text("o-1", "字" * 2501, TextScene.FORUM)
    assert server.world.calls == {}


@pytest.mark.parametrize("result", ["null", "[]", '{"suggest": "splendid"}', '{"suggest": ["pass"]}', "{}"])
def test_a_verdict_nobody_understands_means_review(server: WechatServer, client: WechatClient, result: str) -> None:
    server.world.faults.append(Fault(CHECK, body='{"errcode": 0, "result": ' + result + "}"))
    assert client.check_text("o-1", "你好", TextScene.FORUM).suggestion == "review"


def test_neither_logs_nor_errors_nor_reprs_tell_secrets(
    server: WechatServer, make_client: MakeClient, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    frame.configure_logging("debug", readable=False)
    secret = "ffffffffffffffffffffffffffffffff"
    server.world.app_secret = secret
    client = make_client(app_secret=secret)
    caplog.set_level("DEBUG")
    code, phone_code = server.world.make_code("login", "o-1"), server.world.make_code("phone", "o-1")
    client.exchange_login_code(code)
    client.exchange_phone_code(phone_code, "o-1")
    with pytest.raises(errors.WechatCodeUsed) as used:
        client.exchange_login_code(code)
    server.world.faults.append(Fault(LOGIN, drop=True))
    with pytest.raises(errors.WechatUnavailable) as lost:
        client.exchange_login_code(code)
    token = server.world.stable_token(force=False)[0]
    frame.configure_logging("warning", readable=False)
    said = "".join(capfd.readouterr())
    assert '"event": "wechat.refused"' in said and '"errcode": 40163' in said and '"rid": ' in said
    told = " ".join([said, caplog.text, str(used.value), str(lost.value), repr(client), repr(vars(lost.value))])
    assert "HTTP Request: GET" in told
    for hidden in (secret, code, phone_code, token, synthetic_phone("o-1")):
        assert hidden not in told


def test_a_client_knows_a_stand_in(server: WechatServer, client: WechatClient) -> None:
    assert client.is_stand_in
    official = WechatClient("wx", "secret")
    assert not official.is_stand_in
    official.close()


def test_the_bound_client_is_the_current_one(client: WechatClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_bound", None)  # and what was bound before is bound again afterwards
    with pytest.raises(errors.WechatNotConfigured):
        service.current()
    service.bind(client)
    assert service.current() is client
