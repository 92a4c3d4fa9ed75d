"""The installation: city, keys, people, jobs, disks, backups."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from backend.accounts import service as accounts
from backend.backup import service as backups
from backend.codes import service as codes
from backend.kit import city, clock, db, jobs, maintenance, outbox
from backend.operating.findings import Finding, bad, good, judge, note
from config.settings import Settings

FEW_BYTES, FEW_SHARE = 2 * 1024**3, 0.1
WORKER_SECONDS, OUTBOX_MINUTES = 60, 15
BACKUP_OLD, BACKUP_TOO_OLD = timedelta(hours=26), timedelta(days=3)
ALIVE = "worker.alive"
"""A file in the instance's folder that the worker touches while it lives."""
MARK = "演示"


def check(settings: Settings) -> Iterator[Finding]:
    """What must be there for the programme to run, and for its operator to sleep."""
    yield from _city(settings)
    yield from _keys()
    yield from _people(settings)
    yield from _jobs(settings)
    yield from _folders(settings)
    yield from _backups(settings)
    yield from _maintenance()


def _city(settings: Settings) -> Iterator[Finding]:
    missing, demo = [], []
    with db.reading() as reader:
        for kind in city.KINDS:
            try:
                content = city.get(reader, kind).content
            except city.CityMissing:
                missing.append(kind)
                continue
            if MARK in json.dumps(content, ensure_ascii=False):
                demo.append(kind)
            if kind == "city" and str(content.get("code")) != settings.city:
                yield bad(
                    "城市", f"载入的是 {content.get('code')}，设置是 {settings.city}", "改 XINYI_CITY 或载入正确的城市"
                )
    yield judge(
        "城市配置",
        not missing,
        f"{len(city.KINDS)} 种配置均在施行",
        f"没有施行中的：{'、'.join(missing)}",
        "flask city load config/cities/…",
    )
    yield judge(
        "演示内容",
        not demo or not settings.is_production,
        "没有" if not demo else "演示环境",
        f"{'、'.join(demo)} 里还有「{MARK}」字样",
        "把演示的合作方、场馆、社区和联系方式换成真实的，改版本号后重新载入",
        grave=False,
    )


def _keys() -> Iterator[Finding]:
    with db.reading() as reader:
        gaps = codes.signing_gaps(reader)
        yield judge(
            "签名密钥", not gaps, "每种用途都能签", f"缺少：{'、'.join(gaps)}", "flask codes generate --issuer 城市代码"
        )
        problems = backups.open_samples(reader)
    yield judge(
        "封存密钥",
        not problems,
        "抽查的封存值都能打开",
        f"打不开：{'；'.join(problems)}",
        "主密钥与数据库不配套：找回制作这些数据时的密钥，切勿生成新的",
    )


def _people(settings: Settings) -> Iterator[Finding]:
    with db.reading() as reader:
        held = accounts.active_staff_by_role(reader)
    admins, office = held.get("account-admin", 0), held.get("office", 0)
    yield judge(
        "账号管理员",
        admins >= 1,
        f"{admins} 人，均用动态码",
        "没有账号管理员",
        "flask setup，或 flask accounts create-staff … --role account-admin@单位",
    )
    if admins == 1:
        yield note("账号管理员备份", "只有一人：手机丢了就没有人能管账号", "再建一个账号管理员，由另一人保管")
    yield judge(
        "双人复核",
        office >= 2,
        f"项目办公室 {office} 人",
        f"项目办公室只有 {office} 人：需要第二人的事办不成",
        "再建一个 office 角色的账号",
        grave=False,
    )


def _jobs(settings: Settings) -> Iterator[Finding]:
    today = clock.today()
    with db.reading() as reader:
        runs = select(jobs.JobRun.job, jobs.JobRun.done_at, jobs.JobRun.outcome).where(jobs.JobRun.due_on == today)
        found = {row.job: row for row in reader.execute(runs)}
        late = outbox.waiting_longer_than(reader, timedelta(minutes=OUTBOX_MINUTES))
        dead = outbox.waiting(reader).get("dead", 0)
    failed = [name for name, row in found.items() if row.done_at is None and row.outcome]
    owed = [job.name for job in jobs.registered() if job.name not in found or found[job.name].done_at is None]
    yield judge(
        "后台任务",
        not failed,
        f"今天已完成 {len(found) - len(failed)} 项，待办 {len(owed)} 项",
        f"失败：{'、'.join(failed)}",
        "看日志里的 job.failed",
    )
    yield _worker(settings)
    yield judge(
        "消息投递",
        not late and not dead,
        "没有积压",
        f"{late} 条积压，{dead} 条已放弃",
        "看日志里的 outbox.failed",
        grave=False,
    )


def _worker(settings: Settings) -> Finding:
    """The worker touches a file as long as it lives; on another machine nobody can tell from here."""
    try:
        seconds = time.time() - (settings.instance_root / ALIVE).stat().st_mtime
    except OSError:
        return note("后台进程", "没有见过", "systemctl status xinyi；服务还没启动时可以不管")
    return judge(
        "后台进程",
        seconds < WORKER_SECONDS,
        "在运行",
        f"{seconds / 60:.0f} 分钟没有动静",
        "systemctl status xinyi",
        grave=False,
    )


def _folders(settings: Settings) -> Iterator[Finding]:
    root = settings.files_root
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = stat.S_IMODE(root.stat().st_mode)
    yield judge(
        "图片目录",
        os.access(root, os.W_OK | os.X_OK) and not mode & 0o077,
        f"{root}（{mode:04o}）",
        f"{root}（{mode:04o}）不可写或他人可读",
        f"chown 给服务用户并 chmod 700 {root}",
    )
    for name, folder in (
        ("磁盘（数据）", settings.instance_root),
        ("磁盘（图片）", root),
        ("磁盘（备份）", settings.backup_root),
    ):
        yield _disk(name, folder)


def _disk(name: str, folder: Path) -> Finding:
    at = folder
    while not at.exists():
        at = at.parent
    usage = shutil.disk_usage(at)
    well = usage.free >= FEW_BYTES and usage.free >= usage.total * FEW_SHARE
    words = f"{at} 还有 {usage.free / 1e9:.1f} GB（{usage.free * 100 // usage.total}%）"
    return judge(name, well, words, words, "清理或扩容；至少留 2 GB 和一成", grave=usage.free < FEW_BYTES // 4)


def _backups(settings: Settings) -> Iterator[Finding]:
    found = backups.kept(settings.backup_root, settings.city)
    if not found:
        make = bad if settings.is_production else note
        yield make("备份", f"{settings.backup_root} 里没有备份", "flask backup make，并启用 xinyi-backup.timer")
        return
    age = clock.now() - found[0].made_at
    words = f"最新一份在 {age.total_seconds() / 3600:.0f} 小时前，共 {len(found)} 份"
    yield judge(
        "备份", age < BACKUP_OLD, words, words, "systemctl status xinyi-backup.timer", grave=age > BACKUP_TOO_OLD
    )
    same = (
        settings.backup_root.stat().st_dev == settings.instance_root.stat().st_dev
        if settings.instance_root.exists()
        else False
    )
    yield judge(
        "备份位置",
        not same,
        "在另一块磁盘",
        "与数据在同一块磁盘：磁盘坏了两样都没有",
        "把备份复制到另一台机器（见 DEPLOYMENT）",
        grave=False,
    )
    lost = set(found[0].header.needs.get("master", ())) - set(settings.master_keys)
    yield judge(
        "备份的密钥",
        not lost,
        "最新备份的密钥都在",
        f"设置里没有备份所需的主密钥：{'、'.join(sorted(lost))}",
        "从离线保管处找回",
    )


def _maintenance() -> Iterator[Finding]:
    with db.reading() as reader:
        notice = maintenance.standing(reader)
    if notice is None:
        yield good("维护状态", "没有在维护")
    else:
        yield note("维护状态", f"自 {notice.since_at:%m-%d %H:%MZ} 起只读", "结束时执行 flask maintenance off")
