"""A person's rights over her data, each one call."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, jsonify

from backend.accounts import service as accounts
from backend.accounts.errors import TooManyAttempts
from backend.codes.errors import CodeExpired, CodeNotVerified
from backend.identity import service as identity
from backend.identity.errors import IdentityNotVerified
from backend.kit import clock
from backend.kit.db import reading, transaction
from backend.kit.errors import DomainError, FieldError, NotFound
from backend.privacy import corrections, schemas, service
from backend.privacy.errors import DepartureTextChanged
from backend.web import api, callers
from backend.web.callers import IdentityNotBound, allow, keyed, public
from backend.web.problems import problems
from backend.wechat import errors as wechat

WECHAT_DOWN = (wechat.WechatUnavailable, wechat.WechatTooFrequent, wechat.WechatNotConfigured)
ZIP = "application/zip"
BINARY = {"type": "string", "format": "binary"}

blp = api.blueprint("privacy", "我的个人信息权利：查看、带走、更正、退出；工作人员查看")
forms = api.blueprint("forms", "公开的数据格式", url_prefix="")


def _schema_url() -> str:
    return str(current_app.config["SETTINGS"].public_base_url) + service.SCHEMA_PATH


# --- seeing and taking along -----------------------------------------------------------------------------------------


@blp.route("/me/data", methods=["GET"])
@allow("privacy.copy")
@blp.response(200, {"type": "object", "description": "格式见 /schemas/personal-data-1.json"})
@problems(IdentityNotBound, NotFound, TooManyAttempts)
def read_data() -> Response:
    """我的全部个人信息（JSON）

    项目里保存的关于您的一切，按清单列出，每份写明用途、依据和保存期限；姓名、证件号和手机号在这里不遮盖。
    格式公开且有版本：`/schemas/personal-data-1.json`（JSON Schema），可以交给其他机构使用（个人信息保护法第四十五条）。
    边读边发，与内容多少无关。每人每天至多 10 次（与 ZIP 合计），每次记入操作日志。
    """
    person, account_id = callers.current().person(), callers.current().account_id
    with transaction() as session:
        content = service.begin_copy(session, person, account_id, "json")
    chunks = service.json_chunks(reading, content, person, _schema_url())
    return _private(Response(chunks, content_type="application/json"))


@blp.route("/me/data.zip", methods=["GET"])
@allow("privacy.copy")
@blp.response(200, BINARY, content_type=ZIP)
@problems(IdentityNotBound, NotFound, TooManyAttempts)
def download_data() -> Response:
    """我的全部个人信息（ZIP）

    `index.html` 不联网也能打开，手机上能看；`data.json` 与 `/me/data` 相同；`csv/` 每份清单一个表格；
    `photos/` 是您上传的照片；`README.txt` 说明怎样使用。次数限制与 `/me/data` 合计。
    """
    person, account_id = callers.current().person(), callers.current().account_id
    with transaction() as session:
        content = service.begin_copy(session, person, account_id, "zip")
    answer = _private(Response(service.zip_chunks(reading, content, person, _schema_url()), content_type=ZIP))
    answer.headers["Content-Disposition"] = f'attachment; filename="xinyi-data-{clock.today():%Y%m%d}.zip"'
    return answer


def _private(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer


@forms.route(service.SCHEMA_PATH, methods=["GET"])
@public
@forms.response(200, {"type": "object"})
def show_data_form() -> Response:
    """个人信息副本的公开格式（JSON Schema 2020-12）

    地址和版本不变：不兼容的改动用新的编号。
    """
    answer = jsonify(service.schema(_schema_url()))
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


# --- correcting ------------------------------------------------------------------------------------------------------


@blp.route("/me/phone", methods=["PUT"])
@allow("privacy.correct")
@blp.arguments(schemas.PhoneRequest)
@blp.response(200, schemas.PhoneView)
@problems(IdentityNotBound, NotFound, IdentityNotVerified, TooManyAttempts, *WECHAT_DOWN)
def correct_phone(body: dict[str, Any]) -> dict[str, Any]:
    """更正我的手机号

    `code` 来自微信手机号按钮，以微信核实的号码为准。24 小时内最多 5 次。答复中的号码是遮盖后的；
    操作日志只记改了手机号，不记号码。
    """
    caller = callers.current()
    person = caller.person()
    with transaction() as session:
        corrections.count(session, corrections.PHONE_ATTEMPT, caller.account_id)
    phone = _phone_by_wechat(caller, body["code"])
    with transaction() as session:
        return {"phone": corrections.correct_phone(session, person, caller.account_id, phone)}


def _phone_by_wechat(caller: callers.Caller, code: str) -> str:
    """Ask outside any transaction; give the attempt back when WeChat could not be asked."""
    with reading() as reader:
        openid = accounts.openid_of_account(reader, caller.account_id)
    try:
        return identity.phone_of(code, openid)
    except IdentityNotVerified:
        raise
    except DomainError:
        with transaction() as session:
            corrections.uncount(session, corrections.PHONE_ATTEMPT, caller.account_id)
        raise


@blp.route("/me/name", methods=["PUT"])
@allow("privacy.correct")
@blp.arguments(schemas.NameRequest)
@blp.response(200, schemas.NameView)
@problems(IdentityNotBound, NotFound, IdentityNotVerified, TooManyAttempts)
def correct_name(body: dict[str, Any]) -> dict[str, Any]:
    """更正我的姓名

    改名后带新身份证到服务窗口，工作人员核对新姓名和原来的身份证号后给出验证码，在这里使用。
    无论哪一项不符，答复都是同一个 `identity-not-verified`。24 小时内最多 5 次。档案内容有误的，用异议申请更正。
    """
    caller = callers.current()
    person = caller.person()
    with transaction() as session:
        corrections.count(session, corrections.NAME_ATTEMPT, caller.account_id)
    with transaction() as session:
        code = body["counter_code"]
        return {"name": corrections.correct_name(session, person, caller.account_id, body["name"], code)}


# --- leaving ---------------------------------------------------------------------------------------------------------


@blp.route("/me/departure", methods=["GET"])
@allow("privacy.leave")
@blp.response(200, schemas.DepartureNoticeView)
@problems(IdentityNotBound, NotFound)
def read_departure() -> dict[str, Any]:
    """退出之前：会删除什么、保留什么、失去什么

    什么都不改变。退出时原样送回 `version` 和 `confirmation`：文本有任何变化，旧的确认就不再有效。
    """
    person = callers.current().person()
    with reading() as reader:
        told = service.notice(reader, person)
    return {**vars(told), "lost": told}


@blp.route("/me/departure", methods=["POST"])
@allow("privacy.leave")
@keyed
@blp.arguments(schemas.DepartureRequest)
@blp.response(201, schemas.DepartureView)
@problems(IdentityNotBound, NotFound, DepartureTextChanged)
def leave(body: dict[str, Any]) -> service.Departure:
    """退出项目并删除我的信息

    一次完成，不能撤销：同意全部撤回（信用分随之删除），未用的券取消、积分退回后连同余额注销，社区成员资格、申报的说明和照片、
    信用档案、登录账号和查找索引删除，数据密钥销毁，微信解除绑定。答复之后，所有令牌立即失效，包括这一个：没有收到答复时再发，
    得到 401 就说明已经退出。不能代他人办理。
    """
    caller = callers.current()
    person = caller.person()
    with transaction() as session:
        return service.leave(
            session, person, caller.account_id, body["confirmation"], body["version"], callers.operation()
        )


# --- staff -----------------------------------------------------------------------------------------------------------


@blp.route("/people/looks", methods=["POST"])
@allow("people.look")
@blp.arguments(schemas.LookRequest)
@blp.response(201, schemas.PersonLookView)
@problems(FieldError, NotFound, TooManyAttempts, CodeExpired, CodeNotVerified)
def look_at_person(body: dict[str, Any]) -> service.PersonLook:
    """工作人员查看一个人的信息

    给出身份证号，或本人出示的身份码（`purpose` 为 `counter`），写明理由和授权（文书号、案号；窗口可以是“本人在场”）。
    先写入本人看得到的查询登记，再显示：默认全部遮盖，只有 `fields` 里列出、且这一理由允许的项目才给出原文。
    可用的理由及其项目在城市配置 `[looks]` 里。每人每天有次数上限；没有此人时也计数并记入操作日志（不含号码）。
    """
    caller = callers.current()
    role = caller.role_for("people.look")
    organisation_id = min(caller.organisations_for("people.look"), default=None)
    clerk = service.Clerk(caller.account_id, role, organisation_id)
    request = service.Request(
        body["id_number"], body["presentation_code"], body["purpose"], body["authorisation"], tuple(body["fields_"])
    )
    with reading() as reader:
        purpose = service.judge(reader, clerk, request)
    with transaction() as session:
        service.count_look(session, clerk)
    with transaction() as session:
        found = service.look(session, clerk, request, purpose)
    if isinstance(found, NotFound):
        raise found
    return found
