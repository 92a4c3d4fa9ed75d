"""The database: does it keep what it promised, and may we do no more than we must."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from backend.kit import db, migrations
from backend.operating.findings import Finding, judge, note
from config.settings import Settings

LEAST_POSTGRESQL = 14
LEAST_SQLITE = (3, 35, 0)
REMOTE_FILESYSTEMS = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "ceph", "glusterfs", "afs")
SPARE_CONNECTIONS = 10


def check(settings: Settings) -> Iterator[Finding]:
    """Asks the bound database."""
    with db.reading() as reader:
        yield from _postgresql(reader, settings) if db.current().dialect == "postgresql" else _sqlite(reader, settings)
    yield from _schema()


def _schema() -> Iterator[Finding]:
    at, head = migrations.current(), migrations.head()
    if at != head and not migrations.gap():
        yield note("库结构", f"库结构 {at} 比程序新（{head}）", "退回旧版本时正常；否则把程序换成新版本")
        return
    yield judge(
        "库结构", at == head, f"已是最新（{at}）", f"库结构在 {at or '空库'}，程序需要 {head}", "flask database upgrade"
    )
    if at == head:
        drift = migrations.drift()
        yield judge(
            "结构一致",
            not drift,
            "与程序一致",
            f"有 {len(drift)} 处不同：{'；'.join(drift)[:200]}",
            "不要手工改表；用 flask backup restore 恢复，或撤销手工改动",
        )


def _setting(reader: Connection, name: str) -> str:
    return str(reader.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one())


def _postgresql(reader: Connection, settings: Settings) -> Iterator[Finding]:
    version = int(_setting(reader, "server_version_num"))
    yield judge(
        "PostgreSQL",
        version // 10000 >= LEAST_POSTGRESQL,
        f"{version // 10000}.{version % 10000}",
        f"{version // 10000} 太旧",
        f"升级到 {LEAST_POSTGRESQL} 或更新",
    )
    isolation = _setting(reader, "default_transaction_isolation")
    yield judge(
        "隔离级别",
        isolation == "read committed",
        isolation,
        f"{isolation}：行锁与重试按 read committed 设计",
        "ALTER DATABASE … SET default_transaction_isolation = 'read committed'",
    )
    for name, bad_values in (("fsync", ("off",)), ("full_page_writes", ("off",)), ("synchronous_commit", ("off",))):
        value = _setting(reader, name)
        yield judge(
            name,
            value not in bad_values,
            value,
            f"{value}：断电会丢掉已经答复的交易",
            f"在 postgresql.conf 设 {name} = on",
        )
    encoding, zone = _setting(reader, "server_encoding"), _setting(reader, "TimeZone")
    yield judge(
        "编码与时区",
        (encoding, zone) == ("UTF8", "UTC"),
        f"{encoding}，{zone}",
        f"{encoding}，{zone}",
        "建库时用 ENCODING 'UTF8'",
    )
    yield from _role(reader, settings)
    yield from _connections(reader, settings)
    checksums = _setting(reader, "data_checksums")
    yield judge(
        "数据校验和",
        checksums == "on",
        "已启用",
        "没有启用：磁盘悄悄出错不会被发现",
        "停库后执行 pg_checksums --enable",
        grave=False,
    )


def _role(reader: Connection, settings: Settings) -> Iterator[Finding]:
    row = reader.execute(
        text(
            "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls "
            "FROM pg_roles WHERE rolname = current_user"
        )
    ).one()
    powers = [
        word for word, has in zip(("SUPERUSER", "CREATEROLE", "CREATEDB", "BYPASSRLS"), row[1:], strict=True) if has
    ]
    yield judge(
        "数据库角色",
        not powers,
        f"{row[0]}，没有多余的权力",
        f"{row[0]} 有 {'、'.join(powers)}",
        f"为本系统单建一个角色；ALTER ROLE {row[0]} NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS",
        grave=settings.is_production and "SUPERUSER" in powers,
    )
    ssl = reader.execute(
        text(
            "SELECT s.ssl, a.client_addr IS NULL OR host(a.client_addr) IN ('127.0.0.1', '::1') "
            "FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE s.pid = pg_backend_pid()"
        )
    ).one()
    yield judge(
        "数据库连接",
        bool(ssl[0] or ssl[1]),
        "本机或已加密",
        "经过网络而没有加密",
        "在 DATABASE_URL 后加 ?sslmode=verify-full&sslrootcert=…",
    )


def _connections(reader: Connection, settings: Settings) -> Iterator[Finding]:
    most = int(_setting(reader, "max_connections"))
    needed = (settings.workers + 1) * settings.pool_size * 2 + SPARE_CONNECTIONS
    yield judge(
        "连接数",
        needed <= most,
        f"至多用 {needed}，允许 {most}",
        f"至多要 {needed}，只允许 {most}",
        "减小 XINYI_POOL_SIZE 或 XINYI_WORKERS，或调大 max_connections",
        grave=False,
    )


def _sqlite(reader: Connection, settings: Settings) -> Iterator[Finding]:
    yield judge(
        "SQLite",
        sqlite3.sqlite_version_info >= LEAST_SQLITE,
        sqlite3.sqlite_version,
        f"{sqlite3.sqlite_version} 太旧",
        "升级系统",
    )
    journal = reader.execute(text("PRAGMA journal_mode")).scalar_one()
    synchronous = reader.execute(text("PRAGMA synchronous")).scalar_one()
    yield judge(
        "SQLite 写入",
        (journal, synchronous) == ("wal", 2),
        "WAL，synchronous=FULL",
        f"{journal}，synchronous={synchronous}",
        "不要在别的程序里改 PRAGMA；文件系统须支持 WAL",
    )
    path = Path(db.current().url.database or "").resolve()
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    own = status.st_uid == os.geteuid()
    yield judge(
        "数据库文件",
        own and not mode & 0o077,
        f"{path}（{mode:04o}，本用户）",
        f"{path} 的权限是 {mode:04o}{'' if own else '，不属于本用户'}",
        f"chown 给服务用户并 chmod 600 {path}",
    )
    kind = filesystem_of(path)
    yield judge(
        "文件系统",
        not kind.startswith(REMOTE_FILESYSTEMS),
        kind or "本机",
        f"{kind} 是网络文件系统：锁不可靠，数据库会损坏",
        "把数据库放到本机磁盘，或改用 PostgreSQL",
    )
    if settings.is_production:
        yield note("数据库规模", "SQLite 适合试点（一台机器、几万居民）", "全区上线请用 PostgreSQL")


def filesystem_of(path: Path, mounts: str | None = None) -> str:
    """The type of the filesystem on which ``path`` lies; empty where this system does not tell."""
    try:
        lines = (mounts if mounts is not None else Path("/proc/mounts").read_text("utf-8")).splitlines()
    except OSError:
        return ""
    best = ("", "")
    for line in lines:
        _, at, kind, *_ = line.split(" ")
        at = at.replace("\\040", " ")
        if (path.is_relative_to(at)) and len(at) >= len(best[0]):
            best = (at, kind)
    return best[1]
