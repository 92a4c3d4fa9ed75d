"""How often somebody may do something: one table, asked by ``allow``, ``public`` and ``entrance``.

**Carrier NAT.** A mobile carrier puts a whole district behind one address, so an address says little about who asks:
it is counted only where nothing better is known (nobody has signed in), and generously. Whoever has signed in is
counted by the account or the device, wherever the request comes from. IPv6 is counted by /64, the least that one
customer is given. What can be *guessed* (passwords, one-time codes, id numbers) is counted per account, name and id
number in the database (``accounts.attempts``), which no restart of a cache forgets.

Meters hold keyed digests of addresses and accounts, never these themselves. No statement goes to the database for a
limit: the city's own rates are read in the background once a minute.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from typing import Any
from uuid import UUID

import structlog
from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy.exc import SQLAlchemyError

from backend.kit import city, clock, db
from backend.kit.errors import DomainError
from backend.kit.rates import Guarded, Memory, Rate, Shared, Spent, Store

log = structlog.get_logger("web")
READ_CITY_SECONDS = 60


class RateLimited(DomainError):
    slug = "rate-limited"
    status = 429
    title_zh = "请求过于频繁"
    title_en = "Too many requests"
    explain_zh = (
        "短时间内同类请求太多。limit 写明是哪一项限制，retry_at 是可以再试的时间，Retry-After 是需要等待的秒数。"
        "什么都没有改变；请等到那时用同一个 Idempotency-Key 重试。"
    )
    explain_en = (
        "Too many requests of one kind within a short time. `limit` names the limit, `retry_at` says when to come "
        "back, Retry-After in how many seconds. Nothing has changed; repeat with the same Idempotency-Key then."
    )


@dataclass(frozen=True)
class Limit:
    """``rate`` for one ``by``: address, account or device. ``why`` this number."""

    by: str
    rate: Rate
    why: str


LIMITS: dict[str, Limit] = {
    "staff-sign-in": Limit("address", Rate(30, 60), "每次要算一遍 argon2；一个单位同一出口半分钟一次足够多人同时上班"),
    "sign-in": Limit("address", Rate(1200, 60), "运营商一个出口后面可能是半座城：推送后一分钟内上千人同时打开小程序"),
    "browse": Limit("address", Rate(6000, 60), "未登录的浏览，同一出口每秒一百次；再多应由前面的代理或 CDN 处理"),
    "refused": Limit("address", Rate(6000, 60), "令牌过期的客户端每 15 分钟被拒一次再刷新，同样按出口估算"),
    "drawing": Limit("address", Rate(240, 60), "二维码图片和海报要花处理器时间；商户打印一次用一次"),
    "print": Limit("account", Rate(30, 600), "一份月结单最多几秒处理器时间；两年半的月份一次存完也够"),
    "search": Limit("address", Rate(600, 60), "按名称查公示要走索引；同一出口每秒十次，够一个大厅的人同时查"),
    "extract": Limit("address", Rate(12, 3600), "下载全市公示要读遍档案，数据每天变一次；每五分钟一次有余"),
    "apply": Limit(
        "address", Rate(20, 3600), "一家单位申请一次、补正几次；同一出口一小时二十次足够一个商圈，灌水的灌不动"
    ),
    "read": Limit("account", Rate(600, 60), "小程序首页一次十个并行请求，每秒刷新一次也够"),
    "act": Limit("account", Rate(120, 60), "人的手每秒两次；审核人员逐条处理也快不过这个"),
    "show-code": Limit("account", Rate(60, 60), "出示码每分钟换一次，留出反复打开的余地"),
    "upload": Limit("account", Rate(30, 60), "每张图片都要重新编码；24 小时的总数另有限制"),
    "report": Limit("account", Rate(120, 600), "部门系统五秒推一次，一次最多一千行；再快应攒成一批或一个文件"),
    "gate": Limit("device", Rate(1200, 60), "闸机每秒扫十个人要通过，再留一倍给先核验后核销"),
}
"""Kind of act → by whom it is counted, how much, and why that much. A city may change amounts (``limits.rates``)."""

OF_OPERATION = {
    "sign_in_staff": "staff-sign-in", "show_code_svg": "drawing", "show_code_png": "drawing", "show_poster": "drawing",
    "open_invitation": "staff-sign-in", "accept_invitation": "staff-sign-in", "sign_in_oidc": "staff-sign-in",
    "enrol_device": "staff-sign-in", "upload_file": "upload", "send_batch": "report",
    "list_publicity_records": "search", "open_publicity": "search", "extract_publicity": "extract",
    "download_statement": "print", "create_coupon_code": "show-code", "create_presentation_code": "show-code",
    "apply_as_partner": "apply", "correct_application": "apply", "withdraw_application": "apply",
    "draw_partner_invitation": "apply",
}  # fmt: skip
"""Operations that are counted apart; the others by who asks and whether something may change."""

DOORS = frozenset({"staff-sign-in", "sign-in"})
MODES = ("on", "sign-in", "count", "off")
"""``on`` refuses; ``sign-in`` refuses at the doors alone and counts the rest; ``count`` tells and never refuses, to
try a table out; ``off`` does nothing."""


class Meter:
    """The meters of one application."""

    def __init__(self, store: Store, secret: bytes, mode: str, registry: CollectorRegistry) -> None:
        self._store, self._secret, self._mode = store, secret, mode
        self.limits: Mapping[str, Limit] = LIMITS
        self._refused = Counter(
            "xinyi_rate_limited_total", "Requests past a limit, by kind (refused or, in mode count, let through)",
            ("kind", "refused"), registry=registry,
        )  # fmt: skip

    def spend(self, kind: str, subject: bytes) -> None:
        """Spend one act of ``kind``. Raises RateLimited."""
        limit = self.limits[kind]
        digest = blake2b(subject, key=self._secret, digest_size=12).hexdigest()
        spent = Spent.of(self._store.spend(f"xinyi:rate:{kind}:{digest}", limit.rate), limit.rate)
        g.limit = (kind, limit.rate, spent)
        if not spent.allowed:
            refuses = self._mode == "on" or (self._mode == "sign-in" and kind in DOORS)
            self._refused.labels(kind, "yes" if refuses else "no").inc()
            if refuses:
                raise refusal(kind, spent.seconds)

    def read_city(self) -> None:
        """Take over the city's own amounts. Where there is no city or no database, what is known stays."""
        try:
            with db.reading() as reader:
                own = city.get(reader, "city").content.get("limits", {}).get("rates", {})
        except (DomainError, SQLAlchemyError, RuntimeError):
            return
        self.limits = {
            kind: Limit(limit.by, Rate(own[kind]["most"], own[kind]["seconds"]), limit.why) if kind in own else limit
            for kind, limit in LIMITS.items()
        }


def refusal(kind: str, seconds: float) -> RateLimited:
    """The problem of a limit that is reached: which, and when it is over."""
    wait = max(1, math.ceil(seconds))
    at = (clock.now() + timedelta(seconds=wait)).isoformat(timespec="seconds").replace("+00:00", "Z")
    problem = RateLimited(
        f"请在 {wait} 秒后重试。", f"Try again in {wait} seconds.", limit=kind, retry_at=at, retry_after_seconds=wait
    )
    problem.headers["Retry-After"] = str(wait)
    return problem


def count_stranger(operation: str, otherwise: str) -> None:
    """Count a request of nobody in particular, by its address."""
    _spend(OF_OPERATION.get(operation, otherwise), None)


def count_caller(operation: str, kind: str, account_id: UUID) -> None:
    """Count a request of somebody who has signed in. ``kind`` of caller."""
    if (act := OF_OPERATION.get(operation)) is None:
        act = "gate" if kind == "device" else "read" if request.method in ("GET", "HEAD") else "act"
    _spend(act, account_id)


def _spend(kind: str, account_id: UUID | None) -> None:
    meter: Meter | None = current_app.extensions.get("limits")
    if meter is not None:
        by_address = account_id is None or meter.limits[kind].by == "address"
        meter.spend(kind, network(request.remote_addr or "") if by_address else account_id.bytes)  # type: ignore[union-attr]


@lru_cache(maxsize=4096)
def network(address: str) -> bytes:
    """Whom an address stands for: itself (IPv4), its /64 (IPv6). One that cannot be read is itself."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100].encode("utf-8", "replace")
    if isinstance(parsed, IPv6Address):
        return parsed.ipv4_mapped.packed if parsed.ipv4_mapped else parsed.packed[:8]
    return parsed.packed


def lint_policy(content: dict[str, Any], _all: dict[str, dict[str, Any]]) -> list[str]:
    """What is wrong with a city's ``[limits.rates]``: kind → ``{most, seconds}``."""
    rates = content.get("limits", {}).get("rates", {})
    if not isinstance(rates, dict):
        return ["limits.rates 应为表：种类 = {most = 次数, seconds = 秒数}"]
    problems = []
    for kind, rate in rates.items():
        if kind not in LIMITS:
            problems.append(f"limits.rates.{kind}：没有这一种限制，可用：{'、'.join(LIMITS)}")
        elif not _is_rate(rate):
            problems.append(f"limits.rates.{kind}：应为 {{most = 1–1000000, seconds = 1–86400}}")
        elif kind == "gate" and rate["most"] < 10 * rate["seconds"]:
            problems.append("limits.rates.gate：闸机每秒至少要能扫 10 次")
    return problems


def _is_rate(rate: Any) -> bool:
    bounds = {"most": 1_000_000, "seconds": 86_400}
    return (
        isinstance(rate, dict) and set(rate) == set(bounds)
        and all(type(rate[name]) is int and 1 <= rate[name] <= most for name, most in bounds.items())
    )  # fmt: skip


def install(app: Flask, registry: CollectorRegistry, *, mode: str, redis_url: str, secret: bytes, follow: bool) -> None:
    """Limit the requests of ``app``. ``follow``: keep up with the city's amounts in the background."""
    if mode == "off":
        return
    meter = Meter(_store(redis_url, registry), secret[:64], mode, registry)
    app.extensions["limits"] = meter
    if follow:
        _follow_city(app, meter)

    @app.after_request
    def tell(response: Response) -> Response:
        """``RateLimit`` and ``RateLimit-Policy`` of draft-ietf-httpapi-ratelimit-headers-10, of the one limit that this
        request was counted under."""
        if counted := g.get("limit"):
            kind, rate, spent = counted
            response.headers["RateLimit-Policy"] = f'"{kind}";q={rate.most};w={rate.seconds}'
            response.headers["RateLimit"] = f'"{kind}";r={spent.left};t={math.ceil(spent.seconds)}'
        return response


def _store(redis_url: str, registry: CollectorRegistry) -> Store:
    if not redis_url:
        return Memory()
    away = Counter(
        "xinyi_rate_store_failures_total", "Times that Redis could not be asked for a limit", registry=registry
    )

    def failed(error: Exception) -> None:
        away.inc()
        log.error("limits.redis_away", error=type(error).__name__, meanwhile="each process counts for itself")

    return Guarded(Shared.at(redis_url), failed)


def _follow_city(app: Flask, meter: Meter) -> None:
    """From the first request on, read the city's amounts once a minute, beside the requests."""
    begun = threading.Lock()

    def follow() -> None:
        while True:
            meter.read_city()
            time.sleep(READ_CITY_SECONDS)

    @app.before_request
    def begin() -> None:
        if begun.acquire(blocking=False):
            threading.Thread(target=follow, name="limits", daemon=True).start()
