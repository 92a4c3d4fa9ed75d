"""Who is asking, and what they may.

``permissions.PERMISSIONS`` says who may do what. ``allow`` enforces it, documents it and answers 403 naming what is
missing; services still bind every act to the caller's own person or organisation. Whoever must not even know that
a thing exists gets 404 from the service.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import current_app, g, has_request_context, request
from sqlalchemy.orm import Session

from backend.kit import db
from backend.kit.errors import DomainError, NotFound
from backend.kit.ids import NIL
from backend.kit.operations import Operation
from backend.web import limits
from backend.web.permissions import PERMISSIONS, PUBLIC_READ, Permission
from backend.web.problems import doc_of, document

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


class NotDelegable(DomainError):
    """Member: ``permission``."""

    slug = "not-delegable"
    status = 403
    title_zh = "这件事不能代办"
    title_en = "Nobody can do this for another"
    explain_zh = "带有 On-Behalf-Of 的请求只能办理可以代办的事项。permission 写明是哪一项；请由本人办理。"
    explain_en = "A request with On-Behalf-Of may only do what can be done for another; `permission` says what this is."


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
    """Who is asking. ``kind``: resident, staff or device.

    Of one who acts for another (``acts_as``: guardian or helper) ``resident_id`` is the one acted for, and
    ``acting_id`` the real actor's.
    ``person_id``: the person who is this staff member, where known. It serves to keep her from judging her own affairs
    and opens nothing that is a resident's.
    """

    kind: str
    account_id: UUID
    session_id: UUID
    display_name: str = ""
    resident_id: UUID | None = None
    roles: tuple[Role, ...] = ()
    organisation_id: UUID | None = None
    device_id: UUID | None = None
    venue_id: UUID | None = None
    acts_as: str = ""
    acting_id: UUID | None = None
    person_id: UUID | None = None

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
        """Whose idempotency keys these are: whoever really acts, the person, else the account."""
        return self.acting_id or self.resident_id or self.account_id

    @property
    def uploader_id(self) -> UUID:
        """Whose the pictures are that this caller hands in: a staff account's own, else the person's.

        Raises IdentityNotBound before the binding.
        """
        return self.account_id if self.kind == "staff" else self.person()

    @property
    def inbox_account_id(self) -> UUID | None:
        """The account whose inbox is the caller's own; none for whoever acts for another."""
        return None if self.acts_as else self.account_id


_resolver: Callable[[str], Caller] | None = None
Delegations = Callable[[Caller, UUID, str, Permission], str]
_delegations: Delegations | None = None
_still_delegated: Callable[[Session, Caller], bool] | None = None


def set_delegations(stands: Delegations, still: Callable[[Session, Caller], bool]) -> None:
    """Register what says as what a caller may do an action for a resident, writing the access log before it answers;
    and what tells, within a transaction, whether one who acts for another still may.

    The first raises NotFound where no delegation stands and NotDelegable where it does not reach so far.
    """
    global _delegations, _still_delegated
    _delegations, _still_delegated = stands, still


_confirm: Callable[[Session, Caller], Caller | None] | None = None


def set_resolver(
    resolve: Callable[[str], Caller], confirm: Callable[[Session, Caller], Caller | None] | None = None
) -> None:
    """Register what turns an access token into a Caller (or raises NotSignedIn), and what tells, within a transaction,
    whether and as what a staff caller still stands. The composition root does.
    """
    global _resolver, _confirm
    _resolver, _confirm = resolve, confirm
    db.set_last_word(_still_allowed)


def _still_allowed(session: Session) -> None:
    """Undo an act that waited for its turn when meanwhile the staff member was suspended or lost the role for it, or
    when the delegation ended by which it is done for another."""
    caller: Caller | None = g.get("caller") if has_request_context() else None
    action: str | None = g.get("action") if caller else None
    if caller is not None and caller.acts_as:
        if _still_delegated is None or not _still_delegated(session, caller):
            raise NotFound()
        return
    if caller is None or action is None or _confirm is None or caller.kind != "staff":
        return
    if not PERMISSIONS[action].roles:
        return
    now = _confirm(session, caller)
    if now is None:
        raise NotSignedIn()
    if not caller.organisations_for(action) <= now.organisations_for(action):
        raise _missing(action)


def _missing(action: str) -> NotAllowed:
    return NotAllowed(f"需要权限：{PERMISSIONS[action].title}", f"Missing permission: {action}", permission=action)


def user_agent() -> str:
    """What the caller's browser says it is; of which two words are kept."""
    return request.headers.get("User-Agent", "")


def address() -> str:
    """Where this request comes from, as the server or a trusted proxy says."""
    return request.remote_addr or ""


def _authenticate() -> Caller | None:
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    match = re.fullmatch(r"(?i:bearer) ([A-Za-z0-9._~+/=-]{1,4096})", header)
    if match is None or _resolver is None:
        raise NotSignedIn()
    return _resolver(match[1])


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _for_another(caller: Caller, action: str, permission: Permission, whom: str) -> Caller:
    """The caller as the resident for whom they act. Whether there is such a resident is nobody's to learn."""
    if not permission.delegable:
        raise NotDelegable(f"不能代办：{permission.title}", f"Not for another: {action}", permission=action)
    if not _UUID.fullmatch(whom) or _delegations is None:
        raise NotFound()
    resident_id = UUID(whom)
    acts_as = _delegations(caller, resident_id, action, permission)
    return replace(
        caller, kind="resident", resident_id=resident_id, roles=(), acts_as=acts_as, acting_id=caller.actor_id
    )


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
    doc = view._apidoc = doc_of(view)  # type: ignore[attr-defined]
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
            if (whom := request.environ.get("HTTP_ON_BEHALF_OF")) is not None:
                caller = _for_another(caller, action, permission, whom)
            if caller.kind not in permission.kinds:
                raise _missing(action)
            if caller.kind == "staff" and not any(held.role in permission.roles for held in caller.roles):
                if permission.roles:
                    raise _missing(action)
            g.caller, g.action = caller, action
            return view(*args, **kwargs)

        document(guarded, NotSignedIn, NotAllowed, NotDelegable, limits.RateLimited)
        who = "、".join(sorted(permission.kinds | permission.roles))
        marked = {"security": [{"bearer": []}], "x-permission": action, "x-callers": who, "x-whose": permission.whose}
        if permission.delegable:
            document(guarded, NotFound)
            known = guarded._apidoc["manual_doc"].get("x-headers", [])  # type: ignore[attr-defined]
            marked |= {"x-delegable": sorted(permission.delegable), "x-headers": [*known, _ON_BEHALF_OF]}
        return cast(View, documented(guarded, **marked))

    return decorate


_ON_BEHALF_OF = {
    "in": "header", "name": "On-Behalf-Of", "required": False,
    "description": "代办时填被代办人的 resident_id；须有登记在册、未过期的代办关系，每次都记入其“谁看过我”。",
    "schema": {"type": "string", "format": "uuid"},
}  # fmt: skip


def require(action: str) -> None:
    """Refuse the caller of this request who lacks ``action``, which depends on what the request is about."""
    permission, caller = PERMISSIONS[action], current()
    if caller.kind not in permission.kinds or not any(held.role in permission.roles for held in caller.roles):
        raise NotAllowed(f"需要权限：{permission.title}", f"Missing permission: {action}", permission=action)


def further(*actions: str) -> Callable[[View], View]:
    """Document which actions a route requires besides its own, each for some of what it is about."""

    def decorate(view: View) -> View:
        return documented(view, **{"x-further-permissions": list(actions)})

    return decorate


def public(view: View) -> View:
    """A route for anyone. A token that is sent is still judged, and a bad one still refused."""

    @wraps(view)
    def open_to_all(*args: Any, **kwargs: Any) -> Any:
        caller = _signed_in() if request.headers.get("Authorization") else None
        if caller is None:
            limits.count_stranger(view.__name__, "browse")
        else:
            limits.count_caller(view.__name__, caller.kind, caller.account_id)
            if (whom := request.environ.get("HTTP_ON_BEHALF_OF")) is not None:
                caller = _for_another(caller, "public", PUBLIC_READ, whom)
        g.caller = caller
        return view(*args, **kwargs)

    document(open_to_all, NotSignedIn, NotDelegable, limits.RateLimited)
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
    return _operation(request.path.encode(), _canonical_body())


def _canonical_body() -> bytes:
    body = request.get_data(cache=True)
    try:
        return body and json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return body


def strangers_operation() -> Operation:
    """The act of somebody who has not signed in: nobody but the maker of the key knows it, so it stands for her."""
    told = b"\n".join((request.method.encode(), request.path.encode(), _canonical_body()))
    return Operation(NIL, _key(), hmac.digest(current_app.config["OPERATION_SECRET"], told, "sha256"))


def streamed_operation(body_digest: bytes) -> Operation:
    """The same for a body that was too large to be held: its hash stands for it, and the query is part of the act."""
    return _operation(request.path.encode() + b"?" + request.query_string, body_digest)


def _operation(*what: bytes) -> Operation:
    secret: bytes = current_app.config["OPERATION_SECRET"]
    told = b"\n".join((request.method.encode(), *what))
    if current().acts_as:  # the same key for another person is another request
        told += b"\n" + current().person().bytes
    return Operation(current().actor_id, _key(), hmac.digest(secret, told, "sha256"))
