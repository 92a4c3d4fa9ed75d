"""The API's frame: blueprints whose documentation is the code, strict parsing, one OpenAPI 3.1 document."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import wraps
from itertools import islice
from threading import Lock
from typing import Any, TypeVar

import flask_smorest
import structlog
from flask import Flask, Request, request
from marshmallow import Schema
from sqlalchemy.exc import OperationalError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from backend import __version__
from backend.kit import db, deadline
from backend.kit.errors import DomainError, FieldError
from backend.web import problems

View = TypeVar("View", bound=Callable[..., Any])
DEADLOCK_TRIES = 3
MOST_ERRORS = 100
"""Wrong fields that one answer names, so that it never outgrows the request that asked for it."""
log = structlog.get_logger("web")


def whole_body(req: Request) -> bytes:
    """The body as it was sent. Raises RequestEntityTooLarge, also for a chunked one, which is cut off in silence."""
    data = req.get_data(cache=True)
    if req.content_length is None and len(data) >= (req.max_content_length or len(data) + 1):
        raise RequestEntityTooLarge()
    return data


class Parser(FlaskParser):
    """Strict input: JSON says that it is JSON, and every unknown name is an error wherever it stands."""

    DEFAULT_UNKNOWN_BY_LOCATION = dict.fromkeys(("json", "query", "form", "headers", "files"), None)

    def load_json(self, req: Request, schema: Schema) -> Any:
        req = getattr(req, "_get_current_object", lambda: req)()  # the request itself, not its proxy
        data = whole_body(req)
        if not data:
            return {}
        if req.content_type != "application/json":  # as nearly every client writes it; else it is read with care
            if req.mimetype != "application/json" or req.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
                raise UnsupportedMediaType()
        return _strict_json(data)

    def handle_error(self, error: Any, req: Any, schema: Any, *, error_status_code: Any, error_headers: Any) -> Any:
        location, messages = next(iter(error.messages.items()))
        at = "" if location == "json" else f"/{location}"
        found = list(islice(problems.pointers(messages, at), MOST_ERRORS))
        raise FieldError(found, "；".join(f"{e['pointer'] or '/'} {e['detail']}" for e in found[:3]))


def _strict_json(raw: bytes) -> Any:
    def refuse(_: str) -> Any:
        raise ValueError("not a JSON number")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) != len(pairs):
            raise ValueError("a name stands twice")
        return found

    try:
        return json.loads(raw.decode("utf-8"), parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise BadRequest() from None


class Blueprint(flask_smorest.Blueprint):
    """A room's routes. ``operationId`` is the function's name; a transaction that lost a deadlock is repeated."""

    ARGUMENTS_PARSER = Parser()

    def arguments(self, schema: Any, **options: Any) -> Any:
        """As flask-smorest's, with the schema made once and not for each request."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)

    def route(self, rule: str, *, parameters: Any = None, tags: Any = None, **options: Any) -> Any:
        register = super().route(rule, parameters=parameters, tags=tags, **options)

        def decorate(view: View) -> View:
            register(_repeated_on_deadlock(_described(view)))
            return view

        return decorate

    def register_views_in_doc(self, api: Any, app: Any, spec: Any, *, name: str, parameters: Any) -> None:
        """Note what is to be documented: a process that nobody asks for the document need not write it."""
        tell = super().register_views_in_doc
        api.untold.append(lambda: self._tell(tell, api, app, spec, name=name, parameters=parameters))

    def _tell(self, tell: Callable[..., None], *told: Any, **options: Any) -> None:
        for endpoint in self._docs.values():
            for method, doc in endpoint.items():
                if method != "parameters" and doc:
                    _finish(doc)
        tell(*told, **options)


def _described(view: Any) -> Any:
    doc = view._apidoc = problems.doc_of(view)
    doc.setdefault("manual_doc", {})["operationId"] = view.__name__
    problems.document(view, deadline.DeadlineExceeded)
    if "arguments" in doc:
        problems.document(view, FieldError, problems.MalformedRequest)
        if any(p.get("in") == "json" for p in view._apidoc["arguments"].get("parameters", [])):
            problems.document(view, problems.UnsupportedMediaType, problems.ContentTooLarge)
    return view


def _finish(doc: dict[str, Any]) -> None:
    """Turn what the decorators noted into OpenAPI: problems by status, headers, and who may call."""
    manual = doc.setdefault("manual_doc", {})
    slugs = manual.pop("x-problems", [])
    if "arguments" in doc:
        doc["arguments"].pop("responses", None)
    responses = problems.problem_responses(slugs)
    for status, response in responses.items():
        manual.setdefault("responses", {})[status] = response
    manual.setdefault("responses", {})["default"] = _ANY_PROBLEM
    if headers := manual.pop("x-headers", None):
        doc.setdefault("arguments", {}).setdefault("parameters", []).extend(headers)
    if who := manual.pop("x-callers", None):
        text = doc["docstring"].get("description", "")
        line = f"可调用者：{who}（{manual.pop('x-whose', '')}）。权限：`{manual['x-permission']}`。"
        doc["docstring"]["description"] = f"{text}\n\n{line}".strip()


_ANY_PROBLEM = {
    "description": "其他问题（RFC 9457）",
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _repeated_on_deadlock(view: View) -> Any:
    @wraps(view)
    def repeated(*args: Any, **kwargs: Any) -> Any:
        for attempt in range(1, DEADLOCK_TRIES + 1):
            try:
                return view(*args, **kwargs)
            except OperationalError as error:
                if attempt == DEADLOCK_TRIES or not db.is_deadlock(error):
                    raise
                log.info("deadlock.repeated", attempt=attempt)
                time.sleep(0.01 * attempt)

    return repeated


def blueprint(name: str, description: str, url_prefix: str = "/api/v1") -> Blueprint:
    """A room's blueprint. ``description`` heads its section of the documentation."""
    return Blueprint(name, f"backend.{name}", url_prefix=url_prefix, description=description)


class Api(flask_smorest.Api):
    """flask-smorest with our problems in place of its errors."""

    ERROR_SCHEMA = problems.ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, *args: Any, **options: Any) -> None:
        self.untold: list[Callable[[], None]] = []
        self._telling = Lock()
        super().__init__(*args, **options)

    def whole_document(self) -> dict[str, Any]:
        """The OpenAPI document, with every blueprint's routes."""
        with self._telling:
            while self.untold:
                self.untold[0]()
                del self.untold[0]  # only what is told: a mistake is said each time, and never leaves a part out
            return dict(self.spec.to_dict())

    def handle_http_exception(self, error: HTTPException) -> Any:
        if error.code is not None and error.code < 400:
            return error
        return problems.render(problems.from_http(error))

    def _register_responses(self) -> None:
        """None by default: each route documents the problems that it answers."""


def _resolver(schema: Any) -> str:
    name: str = (schema if isinstance(schema, type) else type(schema)).__name__
    return name.removesuffix("Schema")


def create_api(app: Flask) -> Api:
    """The Api extension of ``app``, with its OpenAPI settings."""
    from apispec.ext.marshmallow import MarshmallowPlugin

    app.config.update(
        API_TITLE="信易+ 市民信用与积分", API_VERSION="v1", OPENAPI_VERSION="3.1.0", OPENAPI_URL_PREFIX=None
    )
    description = (
        "市民信用与社区积分项目的后端接口。时间为 UTC（ISO 8601），日期为上海时区，金额为整数分（`_fen`），"
        "积分为整数（`_points`）。标识符为不透明的 UUID。错误一律为 `application/problem+json`（RFC 9457），"
        "每种 `type` 都有说明页。\n\n"
        "**频率限制**：每类请求各有限额，登录前按来源地址、登录后按账号或设备计算；"
        "每个答复的 `RateLimit-Policy` 写明限额（`q` 次 / `w` 秒），"
        "`RateLimit` 写明还剩几次（`r`）、几秒后全部恢复（`t`），"
        "格式见 draft-ietf-httpapi-ratelimit-headers-10。超出时答 429 `rate-limited`，`Retry-After` 写明等几秒。\n\n"
        "**时限**：一个请求总共最多处理若干秒（默认 20），超出即放弃并答 503 `deadline-exceeded`，什么都没有改变，"
        "用同一个 `Idempotency-Key` 重试即可。\n\n"
        "**弃用**：要取消的接口先标为 deprecated，答复带 `Deprecation`（RFC 9745）、`Sunset`（RFC 8594）和指向后继的 "
        "`Link`，至少再保留 180 天；同名字段的含义不变，未知字段请忽略。\n\n"
        "**跨源**：默认不向任何网站的脚本开放（没有 CORS 头）；没有 cookie。"
    )
    options = {
        "marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_resolver),
        "info": {"description": description, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}],
    }
    api = Api(app, spec_kwargs=options)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    api.spec.components.schema("Problem", schema=problems.ProblemSchema)
    api.spec.components.schema("ProblemType", _problem_types())
    return api


def _problem_types() -> dict[str, Any]:
    """Every ``type`` that a problem of this release can have. Clients must expect new ones."""
    slugs = sorted(slug for slug, kind in DomainError.registry.items() if kind.__module__.startswith("backend."))
    described = "本版本会答复的全部问题类型；以后可能增加，未知的类型请按 status 处理"
    return {"type": "string", "enum": [f"/problems/{slug}" for slug in slugs], "description": described}


def document(app: Flask) -> Mapping[str, Any]:
    """The OpenAPI document of ``app``, its names in a stable order."""
    api: Api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    spec = json.loads(json.dumps(api.whole_document()))
    spec["paths"] = dict(sorted(spec["paths"].items()))
    for kind, members in spec.get("components", {}).items():
        spec["components"][kind] = dict(sorted(members.items()))
    spec["info"]["x-release"] = __version__
    _tell_limits(spec)
    return dict(spec)


LIMIT_HEADERS = {
    "RateLimit-Policy": "本次请求所计的限额：`q` 次，每 `w` 秒",
    "RateLimit": "还剩 `r` 次；`t` 秒后全部恢复（429 时为可以再试之前的秒数）",
    "Retry-After": "几秒后可以重试",
}


def _tell_limits(spec: dict[str, Any]) -> None:
    """Name the limits' headers once, and refer to them from each answer that carries them."""
    kept = spec.setdefault("components", {}).setdefault("headers", {})
    for name, text in LIMIT_HEADERS.items():
        kept[name] = {"description": text, "schema": {"type": "string" if name != "Retry-After" else "integer"}}
    for item in spec["paths"].values():
        for operation in item.values():
            if "429" not in (answers := operation.get("responses", {}) if isinstance(operation, dict) else {}):
                continue
            for status, answer in answers.items():
                if told := _limit_headers(status):
                    answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in told}


def _limit_headers(status: str) -> list[str]:
    """Which of them are documented for a status: successes and the two that say when to come back."""
    if status in ("429", "503"):
        return list(LIMIT_HEADERS)
    return ["RateLimit-Policy", "RateLimit"] if status < "400" else []


def accepts(most_bytes: int) -> Callable[[View], View]:
    """Let a route take a body of up to ``most_bytes`` instead of the common limit."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wide(*args: Any, **kwargs: Any) -> Any:
            request.max_content_length = most_bytes
            return view(*args, **kwargs)

        problems.document(wide, DomainError.registry["content-too-large"])
        return wide  # type: ignore[return-value]

    return decorate
