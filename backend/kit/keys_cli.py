"""``flask keys``: what is under which key, and rotating one while everything goes on."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from backend.kit import rotation
from backend.kit.suites import SHANGMI_PREFIX
from config import secrets_file
from config.settings import Settings, new_key

KINDS = {"master": "XINYI_MASTER_KEYS", "hash": "XINYI_HASH_KEYS", "session": "XINYI_SESSION_KEYS"}
NOTICED_SECONDS = 2.0
"""Every process looks at the file of secrets twice a second; after two seconds, all of them have what it says."""
REST_SECONDS = {"master": 65 * 60, "hash": 60, "session": 16 * 60}
"""How long a key that signs or seals nothing new may still be needed: half-finished joinings, kept copies of keys,
access tokens."""


@click.group("keys")
def keys_group() -> None:
    """主密钥、检索密钥与会话密钥。"""


@keys_group.command("status")
def show_status() -> None:
    """列出各类密钥的编号，第一个是现用的；不显示密钥本身。"""
    settings = Settings.from_env()
    for kind, name in KINDS.items():
        ids = list(getattr(settings, f"{kind}_keys"))
        click.echo(f"{kind:<8} {name:<20} 现用 {ids[0]}" + (f"，保留 {'、'.join(ids[1:])}" if ids[1:] else ""))


@keys_group.command("rewrap")
def rewrap() -> None:
    """把主密钥封存的内容换到现用的主密钥下。可以中断、重复，不影响正在运行的服务。"""
    _pass("master")


@keys_group.command("rehash")
def rehash() -> None:
    """为每一把检索密钥补齐检索摘要。可以中断、重复，不影响正在运行的服务。"""
    _pass("hash")


def _pass(kind: str) -> int:
    changed = 0
    for each in rotation.registered(kind):
        with tqdm(desc=each.title, unit="行", disable=None) as bar:
            count = rotation.run(each, partial(_tell, bar))
        click.echo(f"{each.title}：更新 {count} 行")
        changed += count
    return changed


def _tell(bar: Any, progress: rotation.Progress) -> None:
    bar.update(progress.seen)


@keys_group.command("rotate")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--shangmi", is_flag=True, help="新密钥改用商用密码（SM4-GCM、HMAC-SM3）。")
@click.option("--standard", is_flag=True, help="新密钥改用 AES-256-GCM、HMAC-SHA-256。")
def rotate(kind: str, shangmi: bool, standard: bool) -> None:
    """造一把新密钥并换上：先让所有进程认识它，再用它，再把旧的内容换过来。

    密钥写在 XINYI_SECRETS_FILE 所指的文件里，所有进程读同一个文件。多台服务器分发文件时，请按部署指南分步执行。
    """
    path = _file_of(kind)
    present = _written(path, kind)
    keep_suite = next(iter(present)).startswith(SHANGMI_PREFIX) and not standard
    fresh = _new_id(kind, present, shangmi=kind != "session" and (shangmi or keep_suite))
    _write(path, kind, {**present, fresh: new_key()})
    click.echo(f"新密钥 {fresh} 已分发，等待各进程读到…")
    _wait()
    if kind == "hash":
        rotation.read_keys_again()
        _pass("hash")
    known = _written(path, kind)
    _write(path, kind, {fresh: known[fresh], **{k: v for k, v in known.items() if k != fresh}})
    _wait()
    rotation.read_keys_again()
    if kind == "master":
        _pass("master")
    click.echo(f"{fresh} 已启用；旧密钥仍保留，{REST_SECONDS[kind]} 秒后可用 flask keys drop {kind} 编号 移除。")
    click.echo(f"{path} 已改变：请换掉离线保管的那一份。")
    if kind == "hash":
        click.echo("退出者的首次优惠标记只有旧密钥认得：没有泄露之虞时，等它们到期（tombstone_days）再移除。")


@keys_group.command("drop")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("key_id")
def drop(kind: str, key_id: str) -> None:
    """移除一把不再使用的旧密钥；还有内容要靠它时拒绝。"""
    path = _file_of(kind)
    present = _written(path, kind)
    if key_id not in present or key_id == next(iter(present)):
        raise click.ClickException("只能移除现用密钥之外、文件里有的密钥。")
    rested = time.time() - path.stat().st_mtime
    if rested < REST_SECONDS[kind]:
        raise click.ClickException(
            f"上次更换后须满 {REST_SECONDS[kind]} 秒，还差 {REST_SECONDS[kind] - rested:.0f} 秒。"
        )
    if kind != "session" and _pass(kind):
        click.echo("刚才仍有内容没有换过来，现已换好。")
    _write(path, kind, {k: v for k, v in present.items() if k != key_id})
    _wait()
    rotation.read_keys_again()
    if kind == "hash":
        click.echo(f"删除旧摘要 {rotation.forget(key_id)} 行")
    click.echo(
        f"{key_id} 已移除。旧备份须用它才能打开，请与备份同期保存。" if kind == "master" else f"{key_id} 已移除。"
    )


def _file_of(kind: str) -> Path:
    settings = Settings.from_env()
    if settings.secrets_file is None or os.environ.get(KINDS[kind], "").strip():
        raise click.ClickException(
            f"{KINDS[kind]} 须写在 XINYI_SECRETS_FILE 所指的文件里，而不是环境变量里，才能在线更换。"
        )
    if not secrets_file.read(settings.secrets_file).get(KINDS[kind]):
        raise click.ClickException(
            f"{settings.secrets_file} 里没有 {KINDS[kind]}；由命令取得的主密钥请在其来源处更换。"
        )
    return settings.secrets_file


def _written(path: Path, kind: str) -> dict[str, str]:
    pairs = (part.strip().partition(":") for part in secrets_file.read(path)[KINDS[kind]].split(","))
    return {key_id: encoded for key_id, _, encoded in pairs}


def _write(path: Path, kind: str, keys: dict[str, str]) -> None:
    secrets_file.change(path, KINDS[kind], ",".join(f"{key_id}:{encoded}" for key_id, encoded in keys.items()))


def _new_id(kind: str, present: dict[str, str], *, shangmi: bool) -> str:
    """``m20260305``, or ``sm20260305``; with a letter where that day has one already."""
    head = f"{SHANGMI_PREFIX if shangmi else ''}{kind[0]}" if kind != "session" else "t"
    stem = re.sub(r"^smm", SHANGMI_PREFIX, f"{head}{datetime.now(UTC):%Y%m%d}")
    return next(name for name in (stem, *(f"{stem}{letter}" for letter in "abcdefghij")) if name not in present)


def _wait() -> None:
    time.sleep(NOTICED_SECONDS)
