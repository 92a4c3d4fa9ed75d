"""What the world sees: the public address, its certificate, the proxy's manners, the clock."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from sqlalchemy import text

from backend.kit import clock, db
from backend.operating.findings import Finding, bad, good, judge, note
from config.settings import Settings

SECONDS = 5
FEW_DAYS, SOON_DAYS = 7, 21
APART, FAR_APART = timedelta(seconds=3), timedelta(seconds=30)
NTP = "安装并启用 systemd-timesyncd 或 chrony，再看 timedatectl"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    tls: str = ""
    certificate_ends_at: datetime | None = None


def check(settings: Settings, *, offline: bool) -> Iterator[Finding]:
    """Really connects. What cannot be reached from here is a warning: the server may stand behind another door."""
    yield from _clock()
    if offline:
        yield note("公网访问", "没有检查（--offline）", "在能访问公网地址的机器上再检查一次")
        return
    try:
        answer = ask(settings.public_base_url, "/healthz")
    except ssl.SSLCertVerificationError as error:
        yield bad("公网访问", f"证书不被信任：{error.verify_message}", "检查证书链（fullchain）、域名与有效期")
        return
    except (OSError, http.client.HTTPException) as error:
        yield note(
            "公网访问",
            f"从本机连不上 {settings.public_base_url}（{type(error).__name__}）",
            "确认 DNS、防火墙和 nginx；从外网再试一次",
        )
        return
    yield from _reached(settings, answer)


def ask(base_url: str, path: str) -> Answer:
    """One GET with the certificate verified. Raises OSError or HTTPException."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=SECONDS)
    try:
        connection.connect()
        tls, ends = "", None
        if isinstance(connection.sock, ssl.SSLSocket):
            tls = connection.sock.version() or ""
            certificate = connection.sock.getpeercert() or {}
            ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
        connection.request("GET", path, headers={"User-Agent": "xinyi-doctor"})
        response = connection.getresponse()
        response.read(1024)
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, tls, ends)
    finally:
        connection.close()


def _reached(settings: Settings, answer: Answer) -> Iterator[Finding]:
    ours = answer.status == 200 and "x-request-id" in answer.headers
    yield judge(
        "公网访问",
        ours,
        f"{settings.public_base_url} 答复正常",
        f"{settings.public_base_url}/healthz 答复 {answer.status}，不像本系统",
        "检查 nginx 的 proxy_pass 和服务是否在运行",
    )
    if answer.certificate_ends_at is not None:
        yield _certificate(answer)
        yield judge(
            "HSTS",
            "strict-transport-security" in answer.headers,
            "已启用",
            "没有 Strict-Transport-Security：代理没有说明这是 https",
            "代理设 X-Forwarded-Proto，并设 XINYI_TRUSTED_PROXIES",
            grave=False,
        )
    elif settings.is_production:
        yield bad("TLS", "公网地址没有 TLS", "在前面放 nginx 并配置证书")
    yield from _metrics(settings)
    if (date := answer.headers.get("date")) is not None:
        yield from _apart("时钟（代理）", parsedate_to_datetime(date))


def _certificate(answer: Answer) -> Finding:
    days = ((answer.certificate_ends_at or clock.now()) - clock.now()).days
    words = f"{answer.tls}，证书还有 {days} 天"
    if answer.tls not in ("TLSv1.2", "TLSv1.3"):
        return bad("TLS", words, "只允许 TLS 1.2 和 1.3")
    if days < SOON_DAYS:
        make = bad if days < FEW_DAYS else note
        return make("TLS", words, "续期证书并检查自动续期（certbot renew --dry-run）")
    return good("TLS", words)


def _metrics(settings: Settings) -> Iterator[Finding]:
    try:
        status = ask(settings.public_base_url, "/metrics").status
    except (OSError, http.client.HTTPException):
        return
    yield judge(
        "监控接口",
        status in (401, 403, 404),
        "从公网看不到",
        f"/metrics 从公网答复 {status}",
        "设 XINYI_METRICS_TOKEN，并在 nginx 里挡住 /metrics",
        grave=settings.is_production,
    )


def _clock() -> Iterator[Finding]:
    with db.reading() as reader:
        if db.dialect_of(reader) == "postgresql":
            yield from _apart("时钟（数据库）", reader.execute(text("SELECT clock_timestamp()")).scalar_one())
    told = _timedatectl()
    if told:
        yield judge("对时", told == "yes", "NTP 已同步", "NTP 没有同步", NTP, grave=False)


def _timedatectl() -> str:
    """``yes`` or ``no``; empty where nobody can say."""
    command = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _apart(name: str, other: datetime) -> Iterator[Finding]:
    apart = abs(clock.now() - other)
    yield judge(
        name,
        apart <= APART,
        "与本机一致",
        f"与本机相差 {apart.total_seconds():.0f} 秒：验证码、二维码和会话会出错",
        NTP,
        grave=apart > FAR_APART,
    )


def is_reachable(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError:
        return False
    return True
