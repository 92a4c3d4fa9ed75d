"""The doctor: everything that production needs, looked at in one go. ``flask setup`` ends with it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.exc import DBAPIError

from backend.operating import check_database, check_installation, check_network, check_settings
from backend.operating.findings import BAD, GOOD, NOTE, Check, Finding, bad
from config.settings import Settings


def examine(settings: Settings, *, offline: bool = False) -> list[Finding]:
    """All findings, in the order in which one would mend them. The bound database is the one of ``settings``."""
    rooms: list[tuple[str, Check]] = [
        ("设置", lambda: check_settings.check(settings)),
        ("数据库", lambda: check_database.check(settings)),
        ("网络", lambda: check_network.check(settings, offline=offline)),
        ("安装", lambda: check_installation.check(settings)),
    ]
    found: list[Finding] = []
    for name, check in rooms:
        found += _asked(name, check)
    return found


def _asked(name: str, check: Check) -> Iterable[Finding]:
    """What a check says as far as it comes; that the database does not answer is a finding too."""
    found: list[Finding] = []
    try:
        for each in check():
            found.append(each)
    except DBAPIError as error:
        found.append(
            bad(
                name,
                f"数据库没有答复（{type(error).__name__}）",
                "检查 DATABASE_URL；库结构不新时先 flask database upgrade",
            )
        )
    except OSError as error:
        found.append(bad(name, f"读不到：{error}", "检查目录的归属和权限，并用服务的用户执行"))
    return found


def failed(findings: list[Finding], *, strict: bool = False) -> bool:
    """Whether something must be mended; with ``strict`` a warning counts as well."""
    return any(each.verdict == BAD or (strict and each.verdict == NOTE) for each in findings)


def summary(findings: list[Finding]) -> str:
    counts = {verdict: sum(each.verdict == verdict for each in findings) for verdict in (GOOD, NOTE, BAD)}
    return f"\n✓ {counts[GOOD]} 项正常，! {counts[NOTE]} 项需要留意，✗ {counts[BAD]} 项必须处理。"
