"""Settings: typed, frozen, complete or not at all, and silent about secrets."""

from __future__ import annotations

import base64
import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.settings import OFFICIAL_WECHAT, ROOT, Settings, SettingsError, new_secrets

pytestmark = pytest.mark.once
SECRETS = (
    "XINYI_MASTER_KEYS",
    "XINYI_HASH_KEYS",
    "XINYI_SESSION_KEYS",
    "XINYI_OPERATION_SECRET",
    "XINYI_WECHAT_APP_SECRET",
)
REQUIRED = {"XINYI_ENVIRONMENT", "DATABASE_URL", "XINYI_PUBLIC_BASE_URL", "XINYI_WECHAT_APP_ID", *SECRETS}


def complete(**changes: str) -> dict[str, str]:
    """Everything that production needs."""
    return {
        **new_secrets(), "XINYI_ENVIRONMENT": "production", "XINYI_PUBLIC_BASE_URL": "https://xinyi.example.cn",
        "DATABASE_URL": "postgresql+psycopg://xinyi:pass-of-the-database@db.example.cn/xinyi",
        "XINYI_WECHAT_APP_ID": "wx0123456789abcdef", "XINYI_WECHAT_APP_SECRET": "secret-of-the-mini-program",
        "XINYI_REDIS_URL": "redis://:pass-of-redis@redis.example.cn/0", **changes,
    }  # fmt: skip


def problems(env: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(env)
    return caught.value.problems


def test_everything_that_is_missing_is_listed_at_once() -> None:
    told = problems({})
    assert {line.split(" is missing")[0] for line in told} == REQUIRED
    assert all(line in str(SettingsError(told)) for line in told)


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_nothing_required_has_a_default(name: str) -> None:
    for value in (None, "", "   "):
        env = complete()
        env.pop(name)
        told = problems(env | ({name: value} if value is not None else {}))
        assert len(told) == 1 and told[0].startswith(f"{name} is missing")


def test_a_complete_production_starts() -> None:
    settings = Settings.from_env(complete())
    assert settings.is_production and settings.wechat_base_url == OFFICIAL_WECHAT and settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"XINYI_WECHAT_BASE_URL": "http://127.0.0.1:8001"}, "XINYI_WECHAT_BASE_URL"),
        ({"XINYI_WECHAT_BASE_URL": "https://api.weixin.qq.com.example.cn"}, "XINYI_WECHAT_BASE_URL"),
        ({"XINYI_WECHAT_BASE_URL": "http://api.weixin.qq.com"}, "XINYI_WECHAT_BASE_URL"),
        ({"XINYI_PUBLIC_BASE_URL": "http://xinyi.example.cn"}, "XINYI_PUBLIC_BASE_URL"),
        ({"XINYI_METRICS_TOKEN": ""}, "XINYI_METRICS_TOKEN"), ({"XINYI_METRICS_TOKEN": "short"}, "XINYI_METRICS_TOKEN"),
    ],
)  # fmt: skip
def test_production_refuses_what_only_a_demonstration_may_have(change: dict[str, str], names: str) -> None:
    told = problems(complete(**change))
    assert len(told) == 1 and told[0].startswith(names)
    Settings.from_env(complete(**change, XINYI_ENVIRONMENT="demo"))


KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("XINYI_ENVIRONMENT", "staging"),
        ("XINYI_ENVIRONMENT", "Production"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("DATABASE_URL", "postgresql+psycopg2://u@h/x"),
        ("DATABASE_URL", "not an address"),
        ("XINYI_PUBLIC_BASE_URL", "xinyi.example.cn"),
        ("XINYI_PUBLIC_BASE_URL", "https://xinyi.example.cn/path"),
        ("XINYI_PUBLIC_BASE_URL", "ftp://xinyi.example.cn"),
        ("XINYI_MASTER_KEYS", KEY),
        ("XINYI_MASTER_KEYS", "k1:short"),
        ("XINYI_MASTER_KEYS", "k1:" + "A" * 43 + "="),
        ("XINYI_MASTER_KEYS", f"k1:{KEY},k1:{KEY}"),
        ("XINYI_MASTER_KEYS", f"k 1:{KEY}"),
        ("XINYI_MASTER_KEYS", f"k1:{KEY},"),
        ("XINYI_OPERATION_SECRET", "changeme"),
        ("XINYI_PORT", "0"),
        ("XINYI_PORT", "65536"),
        ("XINYI_PORT", "８０"),
        ("XINYI_PORT", "-1"),
        ("XINYI_WORKERS", "many"),
        ("XINYI_TRUSTED_PROXIES", "9"),
        ("XINYI_LOG_LEVEL", "loud"),
        ("XINYI_POOL_SIZE", "1e3"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name_and_not_repeated(name: str, value: str) -> None:
    told = problems(complete(**{name: value}))
    assert len(told) == 1 and told[0].startswith(f"{name} is not acceptable")
    if name in SECRETS:
        assert value not in told[0]


def test_one_key_does_not_serve_two_ends() -> None:
    told = problems(complete(XINYI_MASTER_KEYS=f"m1:{KEY}", XINYI_SESSION_KEYS=f"s1:{KEY}"))
    assert len(told) == 1 and "must not share a key" in told[0]


def test_keys_rotate_and_the_first_is_current() -> None:
    old, new = (base64.urlsafe_b64encode(os.urandom(32)).decode() for _ in range(2))
    settings = Settings.from_env(complete(XINYI_MASTER_KEYS=f"new:{new}, old:{old}"))
    assert list(settings.master_keys) == ["new", "old"] and len(settings.master_keys["new"]) == 32


def test_settings_are_frozen() -> None:
    settings: Any = Settings.from_env(complete())
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.environment = "demo"


def test_repr_tells_no_secret() -> None:
    env = complete()
    shown = repr(Settings.from_env(env)) + str(Settings.from_env(env))
    for name in (*SECRETS, "DATABASE_URL", "XINYI_REDIS_URL", "XINYI_METRICS_TOKEN"):
        value = env[name]
        assert (value not in shown and value.partition(":")[2] not in shown) or not value.partition(":")[2]
    for word in ("pass-of-the-database", "pass-of-redis", "secret-of-the-mini-program"):
        assert word not in shown
    for raw in (*Settings.from_env(env).master_keys.values(), Settings.from_env(env).operation_secret):
        assert repr(raw)[2:-1] not in shown


def test_every_secret_has_no_default_and_stays_out_of_repr() -> None:
    for one in dataclasses.fields(Settings):
        if one.name in ("master_keys", "hash_keys", "session_keys", "operation_secret", "wechat_app_secret"):
            assert not one.repr and one.default is dataclasses.MISSING, one.name
        if one.name in ("database_url", "redis_url", "metrics_token"):
            assert not one.repr, one.name


def test_new_secrets_are_new_and_enough() -> None:
    first, second = new_secrets(), new_secrets()
    assert not set(first.values()) & set(second.values()) and len(set(first.values())) == len(first)


def test_the_server_does_not_start_incomplete_and_says_why() -> None:
    env = {"PATH": os.environ["PATH"], "XINYI_ENVIRONMENT": "production"}
    done = subprocess.run(
        [sys.executable, "-m", "backend.serve"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert all(name in done.stderr for name in REQUIRED - {"XINYI_ENVIRONMENT"})


def test_the_example_names_every_setting() -> None:
    example = (Path(ROOT) / "config" / "example.env").read_text("utf-8")
    for one in dataclasses.fields(Settings):
        name = "DATABASE_URL" if one.name == "database_url" else f"XINYI_{one.name.upper()}"
        assert name in example, name
