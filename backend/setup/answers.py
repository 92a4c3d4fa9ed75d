"""What is to be decided in the first hour, and where each answer comes from.

A value that the settings file holds already is known and never asked again. Others come from an answers file
(``--from``, TOML), or are asked for in Chinese. Secrets that the house makes itself are made, and never overwritten.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.settings import ROOT


class SetupRefused(Exception):
    """Setup cannot go on; the words say why and what to do. What it has done so far stands and is found again."""


@dataclass(frozen=True)
class Question:
    """One setting. ``default`` may depend on what is known by then; ``secret`` is not echoed."""

    name: str
    key: str
    words: str
    default: Callable[[dict[str, str]], str]
    secret: bool = False
    optional: bool = False


def _says(text: str) -> Callable[[dict[str, str]], str]:
    return lambda _: text


def _database(known: dict[str, str]) -> str:
    return f"sqlite:///{Path(known.get('XINYI_INSTANCE_ROOT', str(ROOT / 'instance'))) / 'xinyi.db'}"


def _below(name: str) -> Callable[[dict[str, str]], str]:
    return lambda known: str(Path(known["XINYI_INSTANCE_ROOT"]) / name)


def _proxies(known: dict[str, str]) -> str:
    return "1" if known["XINYI_PUBLIC_BASE_URL"].startswith("https:") else "0"


REDIS = "redis://127.0.0.1:6379/0"
QUESTIONS = (
    Question("XINYI_ENVIRONMENT", "environment", "环境（production 正式，test 试装）", _says("production")),
    Question("XINYI_PUBLIC_BASE_URL", "public_base_url", "居民手机打开的地址", _says("https://xinyi.example.cn")),
    Question("XINYI_CITY", "city", "城市的区划代码（六位）", _says("320115")),
    Question("XINYI_INSTANCE_ROOT", "instance_root", "数据目录", _says(str(ROOT / "instance"))),
    Question("XINYI_FILES_ROOT", "files_root", "图片目录", _below("files")),
    Question("XINYI_BACKUP_ROOT", "backup_root", "备份目录（最好在另一块磁盘）", _below("backups")),
    Question("DATABASE_URL", "database_url", "数据库地址（postgresql+psycopg://… 或 sqlite:////…）", _database),
    Question("XINYI_WORKERS", "workers", "网页进程数（一般等于 CPU 核数）", _says("2")),
    Question("XINYI_REDIS_URL", "redis_url", "Redis 地址（只有一个进程时填 - 为不用）", _says(REDIS), optional=True),
    Question("XINYI_TRUSTED_PROXIES", "trusted_proxies", "前面有几层反向代理", _proxies),
    Question("XINYI_WECHAT_APP_ID", "wechat_app_id", "小程序 AppID", _says("")),
    Question("XINYI_WECHAT_APP_SECRET", "wechat_app_secret", "小程序 AppSecret", _says(""), secret=True),
    Question("XINYI_WECHAT_BASE_URL", "wechat_base_url", "", _says(""), optional=True),
    Question("XINYI_HOST", "host", "", _says(""), optional=True),
    Question("XINYI_PORT", "port", "", _says(""), optional=True),
    Question("XINYI_POOL_SIZE", "pool_size", "", _says(""), optional=True),
    Question("XINYI_LOG_LEVEL", "log_level", "", _says(""), optional=True),
)  # fmt: skip
"""In the order of asking. Those without words are taken from an answers file and not asked."""


@dataclass
class Person:
    """Somebody who gets an account: the first administrator, perhaps a first office user."""

    username: str
    name: str
    role: str
    password: str = ""


@dataclass
class Answers:
    """An answers file, read. ``settings`` by the names of the settings."""

    settings: dict[str, str] = field(default_factory=dict)
    city_folder: str = ""
    office_slug: str = ""
    office_name: str = ""
    people: list[Person] = field(default_factory=list)
    handover: str = ""


_SECTIONS = {
    "settings": {question.key for question in QUESTIONS},
    "city": {"folder"},
    "office": {"slug", "name"},
    "administrator": {"username", "name", "password"},
    "officer": {"username", "name", "password"},
    "handover": {"file"},
}


def read(path: Path) -> Answers:
    """An answers file. Raises SetupRefused naming what is not understood, so that no typing error goes unnoticed."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SetupRefused(f"{path} 读不出来：{error}") from None
    unknown = [name for name in found if name not in _SECTIONS]
    unknown += [f"{section}.{key}" for section, keys in _SECTIONS.items() for key in set(found.get(section, {})) - keys]
    if unknown:
        raise SetupRefused(f"{path} 里有不认识的项：{'、'.join(sorted(unknown))}")
    given = found.get("settings", {})
    settings = {question.name: str(given[question.key]) for question in QUESTIONS if question.key in given}
    return Answers(
        settings=settings,
        city_folder=str(found.get("city", {}).get("folder", "")),
        office_slug=str(found.get("office", {}).get("slug", "")),
        office_name=str(found.get("office", {}).get("name", "")),
        people=_people(found),
        handover=str(found.get("handover", {}).get("file", "")),
    )


def _people(found: dict[str, Any]) -> list[Person]:
    people = []
    for section, role in (("administrator", "account-admin"), ("officer", "office")):
        if one := found.get(section):
            if missing := {"username", "name"} - set(one):
                raise SetupRefused(f"[{section}] 缺少 {'、'.join(sorted(missing))}")
            people.append(Person(str(one["username"]), str(one["name"]), role, str(one.get("password", ""))))
    return people
