"""Who is asking, and what they may.

One table, ``PERMISSIONS``, says who may do what. ``allow`` enforces it, documents it and answers 403 naming what is
missing; services still bind every act to the caller's own person or organisation. Whoever must not even know that
a thing exists gets 404 from the service.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import current_app, g, request

from backend.kit.errors import DomainError
from backend.kit.operations import Operation
from backend.web import limits
from backend.web.problems import document

View = TypeVar("View", bound=Callable[..., Any])


class NotSignedIn(DomainError):
    slug = "not-signed-in"
    status = 401
    title_zh = "请先登录"
    title_en = "Please sign in"
    explain_zh = "请求缺少访问令牌，或令牌无效、已过期、会话已结束。请刷新令牌或重新登录。"
    explain_en = "The access token is missing, invalid or expired, or its session has ended. Refresh or sign in again."

    def __init__(self, *args: Any, **members: Any) -> None:
        super().__init__(*args, **members)
        self.headers["WWW-Authenticate"] = "Bearer"


class NotAllowed(DomainError):
    slug = "not-allowed"
    status = 403
    title_zh = "没有权限"
    title_en = "Not allowed"
    explain_zh = "permission 写明缺少哪一项权限；需要时请联系本单位的账号管理员。"
    explain_en = "`permission` names what is missing; ask your organisation's account administrator."


class IdentityNotBound(DomainError):
    slug = "identity-not-bound"
    status = 403
    title_zh = "请先实名绑定"
    title_en = "Please bind your identity first"
    explain_zh = "这项服务属于具体的人。请先用 PUT /api/v1/me/identity 绑定姓名和身份证号。"
    explain_en = "This belongs to a person. Bind name and id number with PUT /api/v1/me/identity first."


class IdempotencyKeyMissing(DomainError):
    slug = "idempotency-key-missing"
    status = 400
    title_zh = "缺少幂等键"
    title_en = "The idempotency key is missing"
    explain_zh = "请在发送前生成一个 UUID，放入 Idempotency-Key 请求头并保存；重试时原样再发。"
    explain_en = "Make a UUID before sending, put it into the Idempotency-Key header and keep it for retries."


@dataclass(frozen=True)
class Role:
    """A role and the organisation in which it is held."""

    role: str
    organisation_id: UUID


@dataclass(frozen=True)
class Caller:
    """Who is asking. ``kind``: resident, staff or device."""

    kind: str
    account_id: UUID
    session_id: UUID
    display_name: str = ""
    resident_id: UUID | None = None
    roles: tuple[Role, ...] = ()
    organisation_id: UUID | None = None
    device_id: UUID | None = None
    venue_id: UUID | None = None

    def person(self) -> UUID:
        """The caller's own resident id. Raises IdentityNotBound before the binding."""
        if self.resident_id is None:
            raise IdentityNotBound()
        return self.resident_id

    def organisations_for(self, action: str) -> frozenset[UUID]:
        """The organisations in which this caller may do ``action``."""
        wanted = PERMISSIONS[action].roles
        return frozenset(held.organisation_id for held in self.roles if held.role in wanted)

    def role_for(self, action: str) -> str:
        """The role under which this caller does ``action``; for the trail and the access log."""
        wanted = PERMISSIONS[action].roles
        return next((held.role for held in self.roles if held.role in wanted), self.kind)

    @property
    def actor_id(self) -> UUID:
        """Whose idempotency keys these are: the person, else the account."""
        return self.resident_id or self.account_id


@dataclass(frozen=True)
class Permission:
    """Who may. ``kinds`` of callers; for staff one of ``roles``. ``whose`` is said in the documentation."""

    title: str
    kinds: frozenset[str]
    roles: frozenset[str] = frozenset()
    whose: str = "本人"


def _resident(title: str) -> Permission:
    return Permission(title, frozenset({"resident"}))


def _anyone_signed_in(title: str) -> Permission:
    return Permission(title, frozenset({"resident", "staff", "device"}))


def _device(title: str) -> Permission:
    return Permission(title, frozenset({"device"}), whose="本机所属场馆")


def _staff(title: str, *roles: str, whose: str = "本单位") -> Permission:
    return Permission(title, frozenset({"staff"}), frozenset(roles), whose)


PERMISSIONS: dict[str, Permission] = {
    "sessions.end": _anyone_signed_in("结束自己的会话"),
    "me.read": _anyone_signed_in("查看自己的账号"),
    "identity.bind": _resident("实名绑定"),
    "identity.vouch": _staff("窗口发放实名验证码", "counter-clerk", whose="当面核对了身份证的人"),
    "consents.read": _resident("查看自己的同意事项"),
    "consents.set": _resident("给出或撤回自己的同意"),
    "access-log.read": _resident("查看谁看过自己的信息"),
    "files.upload": _resident("上传图片"),
    "home.read": _resident("查看首页"),
    "records.read_own": _resident("查看自己的信用档案"),
    "scores.read_own": _resident("查看自己的信用分"),
    "wallet.read": _resident("查看自己的积分"),
    "budgets.grant": _staff("下达积分额度", "office", whose="任何单位"),
    "transfers.reverse": _staff("更正积分变动", "office", whose="任何人"),
    "community.take_part": _resident("签署公约、签到、申报"),
    "community.host": _staff("组织社区活动", "community-worker", whose="本社区"),
    "community.review": _staff("审核社区积分申报", "community-worker", whose="本社区"),
    "perks.redeem": _resident("兑换优惠"),
    "coupons.read": _resident("查看自己的券"),
    "coupons.show": _resident("出示自己的券"),
    "coupons.cancel": _resident("取消自己的券"),
    "presentations.show": _resident("出示身份码"),
    "venue.verify": _device("核验券码"),
    "venue.admit": _device("核销券码"),
    "venue.pack": _device("取离线包"),
}
"""Every action of the API. The rooms' lines stand together so that who may do what is read in one place."""

_resolver: Callable[[str], Caller] | None = None


def set_resolver(resolve: Callable[[str], Caller]) -> None:
    """Register what turns an access token into a Caller (or raises NotSignedIn). The composition root does."""
    global _resolver
    _resolver = resolve


def _authenticate() -> Caller | None:
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    match = re.fullmatch(r"(?i:bearer) ([A-Za-z0-9._~+/=-]{1,4096})", header)
    if match is None or _resolver is None:
        raise NotSignedIn()
    return _resolver(match[1])


def _signed_in() -> Caller:
    """Who asks. A refusal is counted by address: whoever tries tokens is nobody yet."""
    try:
        if (caller := _authenticate()) is not None:
            return caller
        raise NotSignedIn()
    except NotSignedIn:
        limits.count_stranger("", "refused")
        raise


def current() -> Caller:
    """The caller of this request, whom ``allow`` has let in."""
    caller: Caller | None = g.get("caller")
    if caller is None:
        raise NotSignedIn()
    return caller


def maybe() -> Caller | None:
    """The caller of a public route, if a token was sent."""
    return cast("Caller | None", g.get("caller"))


def documented(view: View, **manual: Any) -> View:
    """Note ``manual`` for the OpenAPI document of a view."""
    doc = view._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
    doc.setdefault("manual_doc", {}).update(manual)
    return view


def allow(action: str) -> Callable[[View], View]:
    """Let in those whom ``PERMISSIONS[action]`` names, before the body is even read."""
    permission = PERMISSIONS[action]

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            caller = _signed_in()
            limits.count_caller(view.__name__, caller.kind, caller.account_id)
            if caller.kind not in permission.kinds:
                raise NotAllowed(f"需要权限：{permission.title}", f"Missing permission: {action}", permission=action)
            if caller.kind == "staff" and not any(held.role in permission.roles for held in caller.roles):
                if permission.roles:
                    raise NotAllowed(
                        f"需要权限：{permission.title}", f"Missing permission: {action}", permission=action
                    )
            g.caller = caller
            return view(*args, **kwargs)

        document(guarded, NotSignedIn, NotAllowed, limits.RateLimited)
        who = "、".join(sorted(permission.kinds | permission.roles))
        marked = {"security": [{"bearer": []}], "x-permission": action, "x-callers": who, "x-whose": permission.whose}
        return cast(View, documented(guarded, **marked))

    return decorate


def public(view: View) -> View:
    """A route for anyone. A token that is sent is still judged, and a bad one still refused."""

    @wraps(view)
    def open_to_all(*args: Any, **kwargs: Any) -> Any:
        g.caller = caller = _signed_in() if request.headers.get("Authorization") else None
        if caller is None:
            limits.count_stranger(view.__name__, "browse")
        else:
            limits.count_caller(view.__name__, caller.kind, caller.account_id)
        return view(*args, **kwargs)

    document(open_to_all, NotSignedIn, limits.RateLimited)
    return cast(View, documented(open_to_all, security=[], **{"x-permission": "public"}))


def entrance(view: View) -> View:
    """A route by which callers sign in, for anyone. An Authorization header is not even looked at: the token in it
    may be the very one that has just ended. Counted by address, before the body is read."""

    @wraps(view)
    def counted(*args: Any, **kwargs: Any) -> Any:
        limits.count_stranger(view.__name__, "sign-in")
        return view(*args, **kwargs)

    document(counted, limits.RateLimited)
    return cast(View, documented(counted, security=[], **{"x-permission": "public"}))


def keyed(view: View) -> View:
    """Require the Idempotency-Key header; the view hands :func:`operation` to its service."""

    @wraps(view)
    def with_key(*args: Any, **kwargs: Any) -> Any:
        _key()
        return view(*args, **kwargs)

    document(with_key, IdempotencyKeyMissing, DomainError.registry["idempotency-conflict"])
    doc = with_key._apidoc  # type: ignore[attr-defined]
    parameter = {"in": "header", "name": "Idempotency-Key", "required": True,
                 "description": "调用方在发送前生成并保存的 UUID；重试时原样再发。",
                 "schema": {"type": "string", "format": "uuid"}}  # fmt: skip
    doc["manual_doc"].setdefault("x-headers", []).append(parameter)
    return cast(View, with_key)


def _key() -> UUID:
    text = request.headers.get("Idempotency-Key", "")
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise IdempotencyKeyMissing("Idempotency-Key 应为 UUID。" if text else "", "Idempotency-Key must be a UUID.")
    return UUID(text)


def operation() -> Operation:
    """The act that the caller named: actor, key, and a keyed digest of method, path and body."""
    body = request.get_data(cache=True)
    try:
        body = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        pass
    secret: bytes = current_app.config["OPERATION_SECRET"]
    told = b"\n".join((request.method.encode(), request.path.encode(), body))
    return Operation(current().actor_id, _key(), hmac.digest(secret, told, "sha256"))
