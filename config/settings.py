"""Settings: typed, frozen, read once from the environment.

No secret has a default. ``Settings.from_env`` collects everything that is missing or wrong and says it in one go.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from config import secrets_file

ROOT = Path(__file__).resolve().parent.parent
OFFICIAL_WECHAT = "https://api.weixin.qq.com"
COMMAND_SECONDS = 20
Keys = dict[str, bytes]


class SettingsError(Exception):
    """Everything that keeps the server from starting, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The settings are not complete:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """What an installation decides. Secrets stay out of ``repr``.

    Keys are written ``id:base64`` (32 bytes each), several separated by commas; the first one is current.
    """

    environment: str
    database_url: str = field(repr=False)
    public_base_url: str
    master_keys: Keys = field(repr=False)
    hash_keys: Keys = field(repr=False)
    session_keys: Keys = field(repr=False)
    operation_secret: bytes = field(repr=False)
    wechat_base_url: str
    wechat_app_id: str
    wechat_app_secret: str = field(repr=False)
    city: str = "320115"
    files_root: Path = ROOT / "instance" / "files"
    instance_root: Path = ROOT / "instance"
    redis_url: str = field(default="", repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    trusted_proxies: int = 0
    metrics_token: str = field(default="", repr=False)
    log_level: str = "info"
    pool_size: int = 10
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_label: str = "统一身份认证"
    oidc_acr: str = ""
    otel_endpoint: str = ""
    limits: str = "on"
    cors_origins: frozenset[str] = frozenset()
    request_seconds: int = 20
    backup_root: Path = ROOT / "instance" / "backups"
    secrets_file: Path | None = None
    webhook_private_hosts: frozenset[str] = frozenset()

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def cities_root(self) -> Path:
        return ROOT / "config" / "cities"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read ``XINYI_*`` (and ``DATABASE_URL``) from the environment, then from the file of secrets, then from the
        command that fetches the master keys. Raises SettingsError listing everything wrong."""
        reader = _Reader(dict(os.environ if env is None else env))
        reader.add_file()
        reader.add_master_keys()
        values: dict[str, Any] = {name: reader.read(name, parse, default) for name, parse, default in _SETTINGS}
        if not reader.problems:
            reader.problems += _together(values)
        if reader.problems:
            raise SettingsError(reader.problems)
        return cls(**values)


class _Reader:
    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.problems: list[str] = []

    def add_file(self) -> None:
        """What ``XINYI_SECRETS_FILE`` says and the environment does not."""
        if name := self.env.get("XINYI_SECRETS_FILE", "").strip():
            try:
                self.env = {**secrets_file.read(Path(name)), **{k: v for k, v in self.env.items() if v.strip()}}
            except (OSError, ValueError) as error:
                self.problems.append(f"XINYI_SECRETS_FILE is not acceptable: {error}")

    def add_master_keys(self) -> None:
        """What ``XINYI_MASTER_KEYS_COMMAND`` prints: for an installation that keeps them in a vault."""
        command = self.env.get("XINYI_MASTER_KEYS_COMMAND", "").strip()
        if not command or self.env.get("XINYI_MASTER_KEYS", "").strip():
            return
        try:
            told = subprocess.run(shlex.split(command), capture_output=True, timeout=COMMAND_SECONDS, check=True)
            self.env["XINYI_MASTER_KEYS"] = told.stdout.decode("ascii").strip()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            # never its words: they may hold what it was to fetch
            self.problems.append(f"XINYI_MASTER_KEYS_COMMAND did not give the keys ({type(error).__name__})")

    def read(self, name: str, parse: Callable[[str], Any], default: Any) -> Any:
        variable = _variable(name)
        text = self.env.get(variable, "").strip()
        if not text:
            if default is _REQUIRED:
                self.problems.append(f"{variable} is missing: {_HINTS.get(name, 'required')}")
                return None
            return default
        try:
            return parse(text)
        except (ValueError, binascii.Error, ArgumentError) as error:
            self.problems.append(f"{variable} is not acceptable: {error or _HINTS.get(name, '')}")
            return None


def _variable(name: str) -> str:
    return "DATABASE_URL" if name == "database_url" else f"XINYI_{name.upper()}"


def _together(values: dict[str, Any]) -> list[str]:
    """What only several settings together can get wrong."""
    problems = []
    if values["environment"] == "production":
        if values["wechat_base_url"].rstrip("/") != OFFICIAL_WECHAT:
            problems.append(
                f"XINYI_WECHAT_BASE_URL must be {OFFICIAL_WECHAT} in production: a stand-in signs anyone in"
            )
        if not values["public_base_url"].startswith("https://"):
            problems.append("XINYI_PUBLIC_BASE_URL must be https in production")
        if len(values["metrics_token"]) < 16:
            problems.append("XINYI_METRICS_TOKEN is needed in production (16 characters or more): /metrics is private")
        if values["limits"] != "off" and values["workers"] > 1 and not values["redis_url"]:
            problems.append(
                "XINYI_REDIS_URL is needed in production with XINYI_WORKERS above 1: rate limits are counted for all "
                "workers together (or set XINYI_WORKERS=1, or XINYI_LIMITS=off where a proxy counts)"
            )
    problems += _oidc_problems(values)
    if values["otel_endpoint"] and not _has_otel():
        problems.append("XINYI_OTEL_ENDPOINT needs packages that are not installed: pip install 'xinyi-plus[otel]'")
    shared = [set(a.values()) & set(b.values()) for a, b in _pairs(values)]
    if any(shared):
        problems.append("XINYI_MASTER_KEYS, XINYI_HASH_KEYS and XINYI_SESSION_KEYS must not share a key")
    return problems


def _oidc_problems(values: dict[str, Any]) -> list[str]:
    given = {name: bool(values[f"oidc_{name}"]) for name in ("issuer", "client_id", "client_secret")}
    problems = []
    if any(given.values()) and not all(given.values()):
        problems.append("XINYI_OIDC_ISSUER, XINYI_OIDC_CLIENT_ID and XINYI_OIDC_CLIENT_SECRET belong together")
    if values["environment"] == "production" and given["issuer"] and not values["oidc_issuer"].startswith("https://"):
        problems.append("XINYI_OIDC_ISSUER must be https in production")
    return problems


def _has_otel() -> bool:
    """Whether the packages of the extra ``otel`` are there."""
    try:
        return all(find_spec(name) for name in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"))
    except ModuleNotFoundError:
        return False


def _pairs(values: dict[str, Any]) -> list[tuple[Keys, Keys]]:
    master, hashes, sessions = values["master_keys"], values["hash_keys"], values["session_keys"]
    return [(master, hashes), (master, sessions), (hashes, sessions)]


def _environment(text: str) -> str:
    if text not in ("production", "demo", "test"):
        raise ValueError("one of production, demo, test")
    return text


def _keys(text: str) -> Keys:
    keys = {}
    for part in text.split(","):
        name, colon, encoded = part.strip().partition(":")
        if not colon or not name.isalnum() or name in keys:
            raise ValueError("written id:base64,id:base64 with distinct ids of letters and digits")
        keys[name] = _secret(encoded)
    return keys


def _secret(text: str) -> bytes:
    raw = base64.b64decode(text, altchars=b"-_", validate=True)
    if len(raw) != 32 or len(set(raw)) < 8:
        raise ValueError("a key is 32 random bytes in base64")
    return raw


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError("an address like https://xinyi.example.cn, without a path")
    return text.rstrip("/")


def _issuer(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or len(text) > 250:
        raise ValueError("the issuer as the provider writes it, like https://login.example.cn/realms/city")
    return text


def _database(text: str) -> str:
    url = make_url(text)
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError("sqlite:////path/file.db or postgresql+psycopg://user@host/name")
    if url.get_backend_name() == "postgresql" and url.get_driver_name() != "psycopg":
        raise ValueError("PostgreSQL needs the driver psycopg: postgresql+psycopg://…")
    return text


def _number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return parse


def _level(text: str) -> str:
    if text not in ("debug", "info", "warning", "error"):
        raise ValueError("one of debug, info, warning, error")
    return text


def _limits(text: str) -> str:
    if text not in ("on", "sign-in", "count", "off"):
        raise ValueError("one of on, sign-in (refuse at sign-in, count the rest), count (never refuse), off")
    return text


def _origins(text: str) -> frozenset[str]:
    """Origins as browsers write them. A wildcard would be a mistake that nobody notices."""
    origins = frozenset(part.strip() for part in text.split(","))
    for origin in origins:
        parts = urlsplit(origin)
        if (
            parts.scheme not in ("http", "https")
            or f"{parts.scheme}://{parts.netloc}" != origin.lower()
            or "*" in origin
        ):
            raise ValueError("origins like https://desk.example.cn, separated by commas: no path, no wildcard")
        if not parts.hostname or "@" in parts.netloc:
            raise ValueError("an origin is a scheme, a host and perhaps a port")
    return origins


def _hosts(text: str) -> frozenset[str]:
    """Host names and addresses as a URL has them, an IPv6 address without its brackets."""
    hosts = frozenset(part.strip().lower() for part in text.split(","))
    for host in hosts:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:]*:[0-9a-f:.]*", host):
            raise ValueError("hosts like 127.0.0.1 or till.intranet, separated by commas: no scheme, port or wildcard")
    return hosts


_REQUIRED = object()
_SETTINGS: list[tuple[str, Callable[[str], Any], Any]] = [
    ("environment", _environment, _REQUIRED),
    ("database_url", _database, _REQUIRED),
    ("public_base_url", _url, _REQUIRED),
    ("master_keys", _keys, _REQUIRED),
    ("hash_keys", _keys, _REQUIRED),
    ("session_keys", _keys, _REQUIRED),
    ("operation_secret", _secret, _REQUIRED),
    ("wechat_base_url", _url, OFFICIAL_WECHAT),
    ("wechat_app_id", str, _REQUIRED),
    ("wechat_app_secret", str, _REQUIRED),
    ("city", str, "320115"),
    ("files_root", Path, ROOT / "instance" / "files"),
    ("instance_root", Path, ROOT / "instance"),
    ("redis_url", str, ""),
    ("host", str, "127.0.0.1"),
    ("port", _number(1, 65535), 8000),
    ("workers", _number(1, 64), 2),
    ("trusted_proxies", _number(0, 5), 0),
    ("metrics_token", str, ""),
    ("log_level", _level, "info"),
    ("pool_size", _number(1, 100), 10),
    ("oidc_issuer", _issuer, ""),
    ("oidc_client_id", str, ""),
    ("oidc_client_secret", str, ""),
    ("oidc_label", str, "统一身份认证"),
    ("oidc_acr", str, ""),
    ("otel_endpoint", _url, ""),
    ("limits", _limits, "on"),
    ("cors_origins", _origins, frozenset()),
    ("request_seconds", _number(1, 55), 20),
    ("backup_root", Path, ROOT / "instance" / "backups"),
    ("secrets_file", Path, None),
    ("webhook_private_hosts", _hosts, frozenset()),
]
_HINTS = {
    "environment": "production, demo or test",
    "database_url": "sqlite:////path/file.db or postgresql+psycopg://user@host/name",
    "public_base_url": "the address that residents' phones open",
    "master_keys": "seals personal data; make one with: python -m config.settings",
    "hash_keys": "looks up sealed fields; make one with: python -m config.settings",
    "session_keys": "signs access tokens; make one with: python -m config.settings",
    "operation_secret": "guards idempotency; make one with: python -m config.settings",
    "wechat_app_id": "of the mini-program",
    "wechat_app_secret": "of the mini-program",
}


def new_key() -> str:
    """32 random bytes, as a key is written."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def new_secrets() -> dict[str, str]:
    """Fresh values for every secret that the house makes itself."""

    fresh = new_key
    return {
        "XINYI_MASTER_KEYS": f"m1:{fresh()}",
        "XINYI_HASH_KEYS": f"h1:{fresh()}",
        "XINYI_SESSION_KEYS": f"s1:{fresh()}",
        "XINYI_OPERATION_SECRET": fresh(),
        "XINYI_METRICS_TOKEN": fresh(),
    }


if __name__ == "__main__":
    print("\n".join(f"{name}={value}" for name, value in new_secrets().items()))
