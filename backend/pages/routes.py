"""The addresses that a browser opens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, g, send_from_directory

from backend.kit import city, db
from backend.kit.errors import DomainError, NotFound
from backend.merchants import service as merchants
from backend.merchants.errors import MerchantCodeRevoked, MerchantCodeUnknown
from backend.modelling import service as modelling
from backend.pages import demo
from backend.pages.rendering import CHECK_EACH_TIME, install_filters, page, problem_page, settings, tag_of, wants_html
from backend.web import problems as rendered
from backend.web.api import blueprint
from backend.web.callers import entrance, public
from backend.web.problems import problems

HERE = Path(__file__).parent
VERIFY_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\.txt")
MOST_VERIFY_BYTES = 4096
STATIC_TYPES = {
    ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
    ".wasm": "application/wasm", ".png": "image/png",
}  # fmt: skip
APPS = {
    "resident": "居民服务", "venue": "场馆核验", "worker": "社区工作台", "counter": "服务窗口", "office": "办公室",
    "staff": "工作人员账号", "declarations": "自主申报", "audit": "审计", "modelling": "评分办法",
    "data": "数据报送", "quality": "数据质量", "partners": "合作机构", "apply": "申请成为合作机构",
}  # fmt: skip
"""The pages that are small programs: the name of the script, and what stands at their head."""
TEXT = {"type": "string"}
BINARY = {"type": "string", "format": "binary"}

blp = blueprint("pages", "网页：亮码页与问题说明", url_prefix="")
site = Blueprint("site", __name__, template_folder="templates")


@site.record_once
def _prepare(state: Any) -> None:
    install_filters(state.app)


# --- the badge ---------------------------------------------------------------------------------------------------


@blp.route("/m/<string:public_code>", methods=["GET"])
@public
@blp.response(200, TEXT, content_type="text/html")
@problems(MerchantCodeUnknown, MerchantCodeRevoked)
def show_badge(public_code: str) -> Response:
    """商户亮码页

    扫商户信用码打开的网页，任何浏览器和微信里都能看。已作废的码答复 410，不认识的码答复 404；两者都不会显示成有效。
    ETag 覆盖内容和上海日期：公示期满不需要任何写入就会生效。`Accept` 含 `text/html` 时，错误也是网页。
    """
    try:
        with db.reading() as reader:
            badge = merchants.badge(reader, public_code)
            town = city.get(reader, "city").content
    except (MerchantCodeUnknown, MerchantCodeRevoked) as error:
        return _dead_badge(error, public_code)
    base = badge.score - sum(reason.points for reason in badge.reasons)
    return page("badge.html", badge=badge, town=town, base_points=base)


def _dead_badge(error: DomainError, public_code: str) -> Response:
    """A code that proves nothing, said so plainly."""
    if wants_html():
        name = "badge_revoked.html" if isinstance(error, MerchantCodeRevoked) else "badge_unknown.html"
        with db.reading() as reader:
            town = city.get(reader, "city").content
        response = page(name, error.status, error=error, asked=public_code[:40], town=town)
    else:
        response = rendered.render(error)
    response.headers.add("Vary", "Accept")
    return response


@blp.route("/m/<string:public_code>/code.svg", methods=["GET"])
@public
@blp.response(200, TEXT, content_type="image/svg+xml")
@problems(MerchantCodeUnknown, MerchantCodeRevoked)
def show_code_svg(public_code: str) -> Response:
    """商户信用码的二维码（SVG）"""
    with db.reading() as reader:
        text = merchants.code_svg(reader, settings().public_base_url, public_code)
    return _file(text.encode(), "image/svg+xml")


@blp.route("/m/<string:public_code>/code.png", methods=["GET"])
@public
@blp.response(200, BINARY, content_type="image/png")
@problems(MerchantCodeUnknown, MerchantCodeRevoked)
def show_code_png(public_code: str) -> Response:
    """商户信用码的二维码（PNG）"""
    with db.reading() as reader:
        content = merchants.code_png(reader, settings().public_base_url, public_code)
    return _file(content, "image/png")


@blp.route("/m/<string:public_code>/poster.pdf", methods=["GET"])
@public
@blp.response(200, BINARY, content_type="application/pdf")
@problems(MerchantCodeUnknown, MerchantCodeRevoked)
def show_poster(public_code: str) -> Response:
    """供张贴的信用码海报（A4，PDF）"""
    with db.reading() as reader:
        content = merchants.poster(reader, settings().public_base_url, public_code)
    return _file(content, "application/pdf")


def _file(content: bytes, media_type: str) -> Response:
    response = Response(content, content_type=media_type, headers={"Cache-Control": CHECK_EACH_TIME})
    response.set_etag(tag_of(content))
    return response


@site.route("/m/<string:name>.txt")
def show_verification(name: str) -> Response:
    """The file by which WeChat makes sure that ``/m/`` is ours: from the folder ``wechat-verify``, nothing else."""
    folder = settings().instance_root / "wechat-verify"
    path = folder / f"{name}.txt"
    if not VERIFY_NAME.fullmatch(path.name) or path.is_symlink() or not path.is_file():
        raise NotFound()
    content = path.read_bytes()
    if len(content) > MOST_VERIFY_BYTES:
        raise NotFound()
    return Response(content, content_type="text/plain; charset=utf-8")


# --- problems ----------------------------------------------------------------------------------------------------


@blp.route("/problems", methods=["GET"])
@entrance
@blp.response(200, TEXT, content_type="text/html")
def list_problems() -> Response:
    """所有问题类型（网页）"""
    kinds = sorted(DomainError.registry.values(), key=lambda kind: (kind.status, kind.slug))
    return page("problems.html", kinds=kinds)


@blp.route("/problems/<string:slug>", methods=["GET"])
@entrance
@blp.response(200, TEXT, content_type="text/html")
@problems(NotFound)
def explain_problem(slug: str) -> Response:
    """一种问题的说明（网页，中英文）

    `application/problem+json` 的 `type` 指向这里。
    """
    kind = DomainError.registry.get(slug)
    if kind is None:
        return problem_page(NotFound())
    return page("problem.html", kind=kind)


# --- clients of the API --------------------------------------------------------------------------------------------


@site.route("/")
def show_home() -> Response:
    """What this is, and where to go."""
    with db.reading() as reader:
        town = city.get(reader, "city").content
    return page("home.html", town=town)


POLICY_STATES = {"in-force": "执行中", "coming": "尚未开始", "past": "已经结束", "replaced": "没有执行"}


@site.route("/scoring")
@site.route("/scoring/<string:version>")
def show_scoring(version: str | None = None) -> Response:
    """The rule by which residents are scored, in words: the version in force, or another by its name."""
    try:
        with db.reading() as reader:
            policy, versions = modelling.published(reader, version), modelling.versions(reader)
            town = city.get(reader, "city").content
    except NotFound as error:
        return problem_page(error)
    never = modelling.NEVER_COUNTS
    return page("scoring.html", policy=policy, versions=versions, town=town, never_counts=never, STATES=POLICY_STATES)


@site.route("/app/<string:script>")
def open_app(script: str) -> Response:
    """A client of the API: the resident's journey without WeChat, a desk, or the venue's scanner."""
    if script not in APPS:
        raise NotFound()
    g.allow_wasm = script == "venue"  # its decoder
    return page("app.html", name=APPS[script], script=script)


@site.route("/static/<path:name>")
def show_static(name: str) -> Response:
    """Styles, scripts and the decoder, from this server alone."""
    return _static(name)


def _static(name: str) -> Response:
    media_type = STATIC_TYPES.get(Path(name).suffix)
    if media_type is None:
        raise NotFound()
    response = send_from_directory(HERE / "static", name, mimetype=media_type, max_age=0)
    response.headers["Content-Type"] = media_type
    return response


@site.route("/favicon.ico")
def show_icon() -> Response:
    """Browsers ask for it by this name."""
    return _static("icon.svg")


@site.route("/demo/handover.json")
def show_handover() -> Response:
    """Only in the demo."""
    return demo.handover()


@site.route("/demo/wechat-codes", methods=["POST"])
def make_wechat_code() -> Response:
    """Only in the demo."""
    return demo.wechat_code()


__all__ = ["blp", "site"]
