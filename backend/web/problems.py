"""The only renderer of errors: RFC 9457 problem details, in Chinese or English."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, g, json, request
from marshmallow import INCLUDE, Schema, fields
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from backend.kit import deadline, figures
from backend.kit.db import DISK_FULL, sqlstate
from backend.kit.errors import DomainError, FieldError, NotFound, TryAgain

MEDIA_TYPE = "application/problem+json"
MOST_NAME = 200
"""Characters of a caller's own field name that a pointer repeats."""
View = TypeVar("View", bound=Callable[..., Any])
log = structlog.get_logger("web")


class MalformedRequest(DomainError):
    slug = "malformed-request"
    status = 400
    title_zh = "请求无法读取"
    title_en = "The request cannot be read"
    explain_zh = "请求体不是合法的 JSON，或请求行、请求头有误。"
    explain_en = "The body is not valid JSON, or the request line or a header is broken."


class MethodNotAllowed(DomainError):
    slug = "method-not-allowed"
    status = 405
    title_zh = "不支持这种请求方法"
    title_en = "Method not allowed"
    explain_zh = "Allow 响应头列出了这个地址支持的方法。"
    explain_en = "The Allow header lists the methods of this address."


class ContentTooLarge(DomainError):
    slug = "content-too-large"
    status = 413
    title_zh = "内容太大"
    title_en = "Content too large"
    explain_zh = "请求体超过了这个地址允许的大小。"
    explain_en = "The body is larger than this address accepts."


class UnsupportedMediaType(DomainError):
    slug = "unsupported-media-type"
    status = 415
    title_zh = "不支持这种内容类型"
    title_en = "Unsupported media type"
    explain_zh = "请求体请使用 application/json（上传文件请使用 multipart/form-data）。"
    explain_en = "Send application/json (multipart/form-data for uploads)."


class Conflict(DomainError):
    slug = "conflict"
    status = 409
    title_zh = "与现有内容冲突"
    title_en = "Conflict with what stands"
    explain_zh = "同样的内容已经存在，或刚刚被他人改变。请重新读取后再试。"
    explain_en = "The same thing exists already, or someone has just changed it. Read again and retry."


class StorageFull(DomainError):
    slug = "storage-full"
    status = 503
    title_zh = "存储空间已满，暂时不能办理"
    title_en = "The storage is full"
    explain_zh = "数据库没有空间写入。什么都没有改变；查询照常。运维人员腾出空间后，请用同一个 Idempotency-Key 重试。"
    explain_en = (
        "The database has no room to write. Nothing has changed, and reads go on. Once its operators have made room,"
        " repeat the request with the same Idempotency-Key."
    )


class InternalError(DomainError):
    slug = "internal-error"
    status = 500
    title_zh = "系统内部错误"
    title_en = "Internal error"
    explain_zh = "这是我们的错误。请提供 instance 中的请求编号，我们据此查找原因。"
    explain_en = "The fault is ours. Quote the request id in `instance` so that we can find it."


_BY_STATUS: dict[int, type[DomainError]] = {
    400: MalformedRequest, 404: NotFound, 405: MethodNotAllowed, 413: ContentTooLarge, 415: UnsupportedMediaType,
}  # fmt: skip


class ProblemSchema(Schema):
    """RFC 9457. ``type`` is stable and has a page that explains it; further members depend on the type."""

    type = fields.String(required=True, metadata={"format": "uri-reference", "example": "/problems/invalid-request"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    instance = fields.String(required=True, metadata={"description": "请求编号（X-Request-Id）"})
    errors = fields.List(fields.Dict(keys=fields.String(), values=fields.String()))

    class Meta:
        unknown = INCLUDE  # further members are allowed, and the document says so


def prefers_english() -> bool:
    """Whether the caller asks for English before Chinese, of whatever script. Chinese when nothing is said."""
    for language, weight in sorted(request.accept_languages, key=lambda asked: -asked[1]):
        family = language.partition("-")[0].lower()
        if weight > 0 and family in ("zh", "en", "*"):
            return family == "en"
    return False


def title_of(slug: str) -> str:
    """A kind of problem as the caller's language calls it; the slug itself where there is no such kind any more."""
    kind = DomainError.registry.get(slug)
    if kind is None:
        return slug
    return kind.title_en if prefers_english() else kind.title_zh


def render(error: DomainError) -> Response:
    """The one way an error leaves the house."""
    english = prefers_english()
    g.problem = error.slug
    body: dict[str, Any] = {
        "type": f"/problems/{error.slug}",
        "title": error.title_en if english else error.title_zh,
        "status": error.status,
        "instance": getattr(g, "request_id", ""),
    }
    if detail := (error.detail_en if english else error.detail_zh):
        body["detail"] = detail
    body.update({name: value for name, value in error.members.items() if name not in body})
    # A caller's own field name may hold half a surrogate pair, which JSON can write only as its escape.
    text = json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    response = Response(text, error.status, content_type=MEDIA_TYPE)
    response.headers["Content-Language"] = "en" if english else "zh-CN"
    response.headers["Cache-Control"] = "no-store"
    response.headers.extend(error.headers)
    return response


def pointers(messages: Any, at: str = "") -> Iterator[dict[str, str]]:
    """Flatten marshmallow's messages into JSON pointers and Chinese details."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = "" if name == "_schema" else "/" + str(name)[:MOST_NAME].replace("~", "~0").replace("/", "~1")
            yield from pointers(inner, at + step)
    elif isinstance(messages, list):
        for message in messages:
            yield from pointers(message, at)
    else:
        yield {"pointer": at, "detail": _CHINESE.get(str(messages), str(messages))}


_CHINESE = {
    "Missing data for required field.": "必填。",
    "Unknown field.": "没有这个字段。",
    "Field may not be null.": "不能为 null。",
    "Invalid input type.": "应为 JSON 对象。",
    "Not a valid list.": "应为数组。",
    "Not a valid string.": "应为文本。",
    "Not a valid mapping type.": "应为 JSON 对象。",
}


def from_http(error: HTTPException) -> DomainError:
    """The problem behind a werkzeug or webargs exception."""
    messages = getattr(error, "data", {}).get("messages")
    if messages is not None:
        found = []
        for location, inner in messages.items():
            found += list(pointers(inner, "" if location == "json" else f"/{location}"))
        return FieldError(found, "；".join(f"{e['pointer'] or '/'} {e['detail']}" for e in found[:3]))
    status = error.code or 500
    problem = _BY_STATUS.get(status, MalformedRequest if status < 500 else InternalError)()
    if isinstance(problem, MethodNotAllowed):
        allowed = getattr(error, "valid_methods", None) or ["GET", "HEAD", "OPTIONS"]
        problem.headers["Allow"] = ", ".join(sorted(allowed))
    return problem


def from_database(error: DBAPIError) -> DomainError:
    """A constraint is the backstop: what still trips is told by its SQLSTATE, without the database's words."""
    state = sqlstate(error)
    if isinstance(error, IntegrityError) and state in ("23505", "23514", "23503"):
        return Conflict()
    if state == DISK_FULL:
        return _full()
    busy = isinstance(error, OperationalError) and (state[:2] in ("40", "53", "55", "57", "08") or not state)
    return _busy() if busy else InternalError()


def _busy() -> TryAgain:
    problem = TryAgain()
    problem.headers["Retry-After"] = "1"
    return problem


def _full() -> StorageFull:
    problem = StorageFull()
    problem.headers["Retry-After"] = "60"
    return problem


def install(app: Flask) -> None:
    """Register the renderer for everything that can be raised."""

    @app.errorhandler(DomainError)
    def domain(error: DomainError) -> Response:
        return render(error)

    @app.errorhandler(DBAPIError)
    def database(error: DBAPIError) -> Response:
        if deadline.over():
            log.warning("request.deadline", error=type(error).__name__, sqlstate=sqlstate(error))
            return render(deadline.DeadlineExceeded())
        log.error("database.error", error=type(error).__name__, sqlstate=sqlstate(error), exc_info=error)
        return render(from_database(error))

    @app.errorhandler(PoolTimeout)
    def pool(error: PoolTimeout) -> Response:
        log.error("database.pool_exhausted")
        figures.POOL_EXHAUSTED.inc()
        return render(_busy())

    @app.errorhandler(Exception)
    def unknown(error: Exception) -> Response:
        log.error("request.failed", error=type(error).__name__, exc_info=error)
        return render(InternalError())


def problems(*kinds: type[DomainError]) -> Callable[[View], View]:
    """Document which problems a route answers, each under its status."""

    def decorate(view: View) -> View:
        document(view, *kinds)
        return view

    return decorate


def doc_of(view: Any) -> dict[str, Any]:
    """A view's notes for the OpenAPI document, to be added to: dicts and lists anew, schemas the same.

    Copied whole, with every schema, they were a fifth of a start.
    """
    copied: dict[str, Any] = _copied(getattr(view, "_apidoc", {}))
    return copied


def _copied(notes: Any) -> Any:
    if isinstance(notes, dict):
        return {name: _copied(note) for name, note in notes.items()}
    return [_copied(note) for note in notes] if isinstance(notes, list) else notes


def document(view: Any, *kinds: type[DomainError]) -> None:
    """Add ``kinds`` to a view's documented problems."""
    doc = view._apidoc = doc_of(view)
    listed = doc.setdefault("manual_doc", {}).setdefault("x-problems", [])
    listed += [kind.slug for kind in kinds if kind.slug not in listed]


def problem_responses(slugs: list[str]) -> dict[str, Any]:
    """OpenAPI responses for the listed slugs, those of one status together."""
    by_status: dict[str, list[str]] = {}
    for slug in sorted(slugs):
        kind = DomainError.registry[slug]
        by_status.setdefault(str(kind.status), []).append(f"`{slug}` {kind.title_zh}")
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": "；".join(lines), "content": content} for status, lines in sorted(by_status.items())
    }
