"""`flask backup …`: make, verify, list and restore."""

from __future__ import annotations

import time
from pathlib import Path

import click
from flask import current_app
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from backend.backup import service
from backend.kit import db
from config.settings import Settings

STAGES = {
    "database": "复制数据库",
    "dump": "写入数据库",
    "files": "写入图片",
    "read": "回读校验",
    "seals": "打开封存值",
}
WORD_SECONDS = 2.0


class Progress:
    """A line on standard error every other second, and at the change of what is being done."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._stage, self._said_at = quiet, "", 0.0

    def __call__(self, stage: str, done: int, whole: int) -> None:
        now = time.monotonic()
        if self._quiet or (stage == self._stage and now - self._said_at < WORD_SECONDS):
            return
        self._stage, self._said_at = stage, now
        share = f" {done * 100 // whole}%" if whole else f" {done:,}" if done else ""
        click.echo(f"… {STAGES.get(stage, stage)}{share}", err=True)


@click.group("backup")
def backup_group() -> None:
    """备份与恢复：数据库连同图片，加密成一个文件。"""


def _settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


@backup_group.command("make")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="备份目录，默认 XINYI_BACKUP_ROOT。"
)
@click.option("--keep", type=click.IntRange(0, 10_000), default=0, help="只保留最新的 N 份；0 为全部保留。")
@click.option("--quiet", is_flag=True, help="不显示进度。")
def make(folder: Path | None, keep: int, quiet: bool) -> None:
    """在运行中备份；写完后回读一遍，校验通过才算数。"""
    settings, began = _settings(), time.monotonic()
    try:
        path = service.make(settings, folder or settings.backup_root, keep, Progress(quiet))
    except (service.BackupFailed, OSError) as error:
        raise click.ClickException(f"备份没有完成：{error}") from None
    megabytes = path.stat().st_size / 1e6
    click.echo(f"{path}  {megabytes:.1f} MB，{time.monotonic() - began:.1f} 秒，已回读校验。请把它复制到另一台机器。")


@backup_group.command("list")
@click.option(
    "--from", "folder", type=click.Path(path_type=Path, file_okay=False), help="备份目录，默认 XINYI_BACKUP_ROOT。"
)
def list_backups(folder: Path | None) -> None:
    """列出备份目录里的备份，新的在前。"""
    settings = _settings()
    for one in service.kept(folder or settings.backup_root, settings.city):
        keys = "，".join(f"{kind} {'/'.join(ids)}" for kind, ids in one.header.needs.items())
        click.echo(
            f"{one.made_at:%Y-%m-%d %H:%M:%SZ}  {one.header.database} 结构 {one.header.revision}"
            f"  需要密钥 {keys}  {one.path.name}"
        )


@backup_group.command("verify")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--quiet", is_flag=True, help="不显示进度。")
def verify(file: Path, quiet: bool) -> None:
    """逐字节打开并核对一份备份，什么也不写。"""
    try:
        contents = service.verify(file, _settings().master_keys, Progress(quiet))
    except (service.BackupFailed, OSError) as error:
        raise click.ClickException(str(error)) from None
    rows, pictures = sum(contents.manifest["tables"].values()), contents.manifest["files"]["count"]
    click.echo(f"完整：{contents.header.made_at}，{rows} 行，{pictures} 个图片，结构 {contents.header.revision}。")


@backup_group.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--into", "url", required=True, help="目标数据库地址，须为空库。")
@click.option(
    "--files", "files_root", type=click.Path(path_type=Path, file_okay=False), help="图片目录，默认 XINYI_FILES_ROOT。"
)
@click.option("--replace", is_flag=True, help="覆盖目标里已有的内容；会要求键入数据库名。")
@click.option("--quiet", is_flag=True, help="不显示进度。")
def restore(file: Path, url: str, files_root: Path | None, replace: bool, quiet: bool) -> None:
    """恢复到另一个数据库，再核对行数、积分账和每一个封存值；有问题时退出码为 1。"""
    settings, began = _settings(), time.monotonic()
    target = _target(url)
    if replace:
        _confirm(str(target.url.database))
    try:
        done = service.restore(
            file, target, files_root or settings.files_root, settings, replace=replace, told=Progress(quiet)
        )
    except (service.BackupFailed, OSError, DBAPIError) as error:
        target.dispose()
        raise click.ClickException(f"没有恢复：{error}") from None
    for line in done.proved:
        click.echo(line)
    if done.upgraded_to:
        click.echo(f"库结构已由 {done.contents.header.revision} 升级到 {done.upgraded_to}")
    click.echo(f"已结束 {done.ended_sessions} 个会话：所有人须重新登录。{time.monotonic() - began:.1f} 秒。")
    for problem in done.problems:
        click.echo(f"✗ {problem}", err=True)
    if done.problems:
        raise click.exceptions.Exit(1)
    click.echo("恢复完成，全部核对一致。")


def _target(url: str) -> db.Database:
    try:
        make_url(url)
        return db.Database(url, statement_timeout_seconds=3600)
    except (ArgumentError, ValueError):
        raise click.ClickException(
            "--into 写作 sqlite:////路径/文件.db 或 postgresql+psycopg://用户@主机/库名。"
        ) from None


def _confirm(name: str) -> None:
    """Replacing is for whoever can name what goes."""
    click.echo(f"--replace 将清空并覆盖数据库：{name}", err=True)
    typed = click.prompt("键入这个数据库名以确认", err=True)
    if typed != name:
        raise click.ClickException("不一致，什么也没有改变。")
