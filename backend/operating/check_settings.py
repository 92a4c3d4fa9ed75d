"""The settings: are the secrets secrets, and do the settings go together."""

from __future__ import annotations

import math
import re
import stat
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import pairwise
from urllib.parse import urlsplit

from backend.operating.findings import Finding, bad, good, judge, note
from config.settings import OFFICIAL_WECHAT, Settings

LEAST_BITS = 3.5
"""Entropy per byte of 32 random bytes is 4.9 on average and practically never under 4.4; words and patterns are."""
REDIS = "Redis"
NEW = "用 python -m config.settings 生成新的（已有数据时请用 flask keys 轮换，不要直接替换）"


def check(settings: Settings) -> Iterator[Finding]:
    """Everything that can be judged without a connection, except Redis, which is asked once."""
    yield from _secrets(settings)
    yield from _key_ids(settings)
    yield from _file(settings)
    yield from _addresses(settings)
    yield from _wechat(settings)
    yield from _redis(settings)


def entropy_bits(raw: bytes) -> float:
    """Shannon's entropy of the bytes, in bits per byte."""
    return -sum(n / len(raw) * math.log2(n / len(raw)) for n in Counter(raw).values())


def is_weak(raw: bytes) -> bool:
    """Whether 32 bytes look like words, a count or a repetition instead of chance."""
    steps = {(b - a) % 256 for a, b in pairwise(raw)}
    readable = all(32 <= byte < 127 for byte in raw)
    return entropy_bits(raw) < LEAST_BITS or len(steps) < 8 or readable


def _secrets(settings: Settings) -> Iterator[Finding]:
    keys = [
        (f"{kind} {key_id}", raw)
        for kind, found in (
            ("主密钥", settings.master_keys),
            ("散列密钥", settings.hash_keys),
            ("会话密钥", settings.session_keys),
        )
        for key_id, raw in found.items()
    ]
    keys.append(("幂等密钥", settings.operation_secret))
    weak = [name for name, raw in keys if is_weak(raw)]
    yield judge("密钥强度", not weak, f"{len(keys)} 个密钥均为 32 个随机字节", f"不像随机生成：{'、'.join(weak)}", NEW)
    shared = len({raw for _, raw in keys}) != len(keys)
    yield judge("密钥不共用", not shared, "各不相同", "同一个密钥用在两处", NEW)
    token = settings.metrics_token
    well = len(token) >= 32 and len(set(token)) >= 10
    yield judge(
        "监控令牌",
        well,
        "足够长",
        "XINYI_METRICS_TOKEN 太短或太简单",
        "用 python -m config.settings 生成",
        grave=settings.is_production,
    )


def _key_ids(settings: Settings) -> Iterator[Finding]:
    kinds = {"主密钥": settings.master_keys, "散列密钥": settings.hash_keys, "会话密钥": settings.session_keys}
    ids = "，".join(f"{kind} {'/'.join(keys)}" for kind, keys in kinds.items())
    many = [
        kind for kind, keys in (("主密钥", settings.master_keys), ("散列密钥", settings.hash_keys)) if len(keys) > 2
    ]
    yield judge(
        "密钥编号",
        not many,
        ids,
        f"{'、'.join(many)}多于两个",
        "轮换完成后用 flask keys 撤下旧密钥；仍有备份需要的另行封存",
        grave=False,
    )


def _file(settings: Settings) -> Iterator[Finding]:
    if settings.secrets_file is None:
        return
    mode = stat.S_IMODE(settings.secrets_file.stat().st_mode)
    yield judge(
        "设置文件",
        not mode & 0o077,
        f"{settings.secrets_file}（{mode:04o}）",
        f"{settings.secrets_file} 的权限是 {mode:04o}",
        f"chmod 600 {settings.secrets_file}",
        grave=bool(mode & 0o037),
    )


def _addresses(settings: Settings) -> Iterator[Finding]:
    base, loopback = urlsplit(settings.public_base_url), _is_loopback(settings.host)
    yield judge(
        "公网地址",
        base.scheme == "https" or not settings.is_production,
        settings.public_base_url,
        f"{settings.public_base_url} 不是 https",
        "改为 https 并在前面放反向代理",
    )
    if loopback:
        yield judge(
            "可信代理",
            settings.trusted_proxies > 0 or base.scheme == "http",
            f"{settings.trusted_proxies} 层",
            "服务只听本机、公网是 https，却没有可信代理：所有人看起来都来自同一个地址",
            "设 XINYI_TRUSTED_PROXIES=1（前面有几层代理就写几）",
        )
    else:
        yield judge(
            "可信代理",
            settings.trusted_proxies == 0,
            "没有代理，直接监听",
            f"服务监听 {settings.host}，又信任代理头：能直连端口的人可以伪造来源地址",
            "设 XINYI_HOST=127.0.0.1，让人只能经过代理",
            grave=settings.is_production,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wechat(settings: Settings) -> Iterator[Finding]:
    official = settings.wechat_base_url.rstrip("/") == OFFICIAL_WECHAT
    yield judge(
        "微信接口",
        official,
        "官方地址",
        f"{settings.wechat_base_url} 是替身：任何人都能登录",
        f"设 XINYI_WECHAT_BASE_URL={OFFICIAL_WECHAT}",
        grave=settings.is_production,
    )
    plausible = re.fullmatch(r"wx[0-9a-f]{16}", settings.wechat_app_id) and re.fullmatch(
        r"[0-9a-f]{32}", settings.wechat_app_secret
    )
    yield judge(
        "小程序密钥",
        bool(plausible),
        "AppID 与 AppSecret 的样子正确",
        "AppID 或 AppSecret 的样子不对",
        "AppID 是 wx 加 16 位十六进制，AppSecret 是 32 位十六进制，见微信公众平台「开发管理」",
        grave=False,
    )


def _redis(settings: Settings) -> Iterator[Finding]:
    if not settings.redis_url:
        yield judge(
            REDIS,
            settings.workers == 1,
            "单进程，不需要",
            f"有 {settings.workers} 个进程而没有 Redis：限流按进程各算各的，微信令牌各取各的",
            "设 XINYI_REDIS_URL=redis://127.0.0.1:6379/0，或 XINYI_WORKERS=1",
            grave=settings.is_production,
        )
        return
    import redis  # as heavy as the rest of a command's start; only who has it looks at it

    try:
        client = redis.Redis.from_url(settings.redis_url, socket_connect_timeout=3, socket_timeout=3)
        client.ping()
        kept = str(dict(client.config_get("maxmemory-policy")).get("maxmemory-policy", ""))
        client.close()
    except redis.ResponseError:
        yield good(REDIS, "可以连接")
    except (redis.RedisError, OSError, ValueError) as error:
        yield bad(REDIS, f"连不上（{type(error).__name__}）", "检查 XINYI_REDIS_URL 与 redis-server 是否在运行")
    else:
        if kept.startswith("allkeys"):
            yield note(
                REDIS,
                f"可以连接，但 maxmemory-policy 是 {kept}：内存满时会丢掉任务时钟",
                "设为 noeviction 或 volatile-lru",
            )
        else:
            yield good(REDIS, "可以连接")
