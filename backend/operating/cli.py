"""`flask doctor`, `flask maintenance …`, `flask proxy-config`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click
from flask import current_app

from backend.kit import clock, db, maintenance, trail
from backend.kit.ids import NIL
from backend.operating import doctor, proxy
from config.settings import Settings


def _settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出。")
@click.option("--strict", is_flag=True, help="有 ! 时退出码也为 1。")
@click.option("--offline", is_flag=True, help="不连接公网地址。")
def doctor_command(as_json: bool, strict: bool, offline: bool) -> None:
    """检查生产环境所需的一切：✓ 正常，! 需要留意，✗ 必须处理。有 ✗ 时退出码为 1。"""
    findings = doctor.examine(_settings(), offline=offline)
    if as_json:
        click.echo(json.dumps([each.as_dict() for each in findings], ensure_ascii=False, indent=1))
    else:
        for each in findings:
            click.echo(each.line())
        click.echo(doctor.summary(findings))
    if doctor.failed(findings, strict=strict):
        raise click.exceptions.Exit(1)


@click.group("maintenance")
def maintenance_group() -> None:
    """只读维护：查看和核验照常，改动一律答复 503 read-only。"""


@maintenance_group.command("on")
@click.option("--until", type=click.DateTime(["%Y-%m-%d %H:%M", "%H:%M"]), help="预计结束（上海时间），只用于告知。")
@click.option("--message", default="", help="告知用户的话，至多 200 字。")
def switch_on(until: datetime | None, message: str) -> None:
    """进入只读；2 秒内所有进程生效，后台任务暂停。命令行不受限制。"""
    until_at = _shanghai(until) if until else None
    with db.transaction() as session:
        maintenance.switch_on(session, until_at, message)
        trail.note(session, NIL, "command-line", "maintenance.on", "installation", "")
    maintenance.forget()
    click.echo("已进入只读维护，2 秒内全部生效。结束时执行：flask maintenance off")


def _shanghai(given: datetime) -> datetime:
    if given.year == 1900:
        today = clock.today()
        given = given.replace(year=today.year, month=today.month, day=today.day)
    return given.replace(tzinfo=clock.SHANGHAI)


@maintenance_group.command("off")
def switch_off() -> None:
    """结束只读维护。"""
    with db.transaction() as session:
        was_on = maintenance.switch_off(session)
        if was_on:
            trail.note(session, NIL, "command-line", "maintenance.off", "installation", "")
    maintenance.forget()
    click.echo("已结束只读维护，2 秒内全部生效。" if was_on else "本来就没有在维护。")


@maintenance_group.command("status")
def show_status() -> None:
    """是否在只读维护；在维护时退出码为 1。"""
    with db.reading() as reader:
        notice = maintenance.standing(reader)
    if notice is None:
        click.echo("没有在维护。")
        return
    until = f"，预计 {notice.until_at.astimezone(clock.SHANGHAI):%m-%d %H:%M} 结束" if notice.until_at else ""
    click.echo(f"自 {notice.since_at.astimezone(clock.SHANGHAI):%m-%d %H:%M} 起只读{until}。{notice.message}")
    raise click.exceptions.Exit(1)


@click.command("proxy-config")
@click.option("--certificate", default=proxy.CERTIFICATE, show_default=True, help="证书链文件。")
@click.option("--key", default=proxy.KEY, show_default=True, help="证书私钥文件。")
@click.option("--brotli", is_flag=True, help="已安装 libnginx-mod-http-brotli-filter 时加上。")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="写入文件；默认输出到屏幕。")
def proxy_config(certificate: str, key: str, brotli: bool, out: Path | None) -> None:
    """按当前设置生成 nginx 站点配置。"""
    text = proxy.render(proxy.Site.of(_settings(), certificate=certificate, key=key, brotli=brotli))
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, "utf-8")
        click.echo(f"已写入 {out}，请执行：nginx -t && systemctl reload nginx")


COMMANDS = (doctor_command, maintenance_group, proxy_config)
