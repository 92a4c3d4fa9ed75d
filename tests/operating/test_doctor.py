"""The doctor: each thing that production needs is found wrong when it is wrong, and said with what to do."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from backend.kit import clock, db, maintenance
from backend.operating import check_database, check_installation, check_network, check_settings, doctor
from backend.operating.findings import BAD, GOOD, NOTE, Finding
from config.settings import ROOT, Settings, new_secrets
from tests.factories import accounts as people
from tests.support.databases import own_database
from tests.support.installing import Installation
from tests.support.ports import free_port


def found(findings: Iterator[Finding], check: str) -> Finding:
    return {each.check: each for each in findings}[check]


@pytest.fixture
def production(settings: Settings) -> Settings:
    return replace(
        settings, environment="production", public_base_url="https://xinyi.example.cn", trusted_proxies=1, workers=1,
        metrics_token=new_secrets()["XINYI_METRICS_TOKEN"],
        wechat_base_url="https://api.weixin.qq.com", wechat_app_id="wx0123456789abcdef",
        wechat_app_secret="0123456789abcdef" * 2,
    )  # fmt: skip


WEAK = {
    "words": b"a passphrase of thirty-two bytes",
    "a count": bytes(range(32)),
    "a repetition": os.urandom(4) * 8,
    "few values": bytes([1, 2, 3, 4, 5, 6, 7, 8] * 4),
    "zeros": bytes(24) + os.urandom(8),
}


@pytest.mark.once
@pytest.mark.parametrize("kind", WEAK)
def test_a_key_that_is_no_chance_is_called_weak(kind: str) -> None:
    assert check_settings.is_weak(WEAK[kind])


@pytest.mark.once
def test_a_thousand_random_keys_are_strong() -> None:
    assert not any(check_settings.is_weak(os.urandom(32)) for _ in range(1000))


CHANGES: list[tuple[dict[str, Any], str, str]] = [
    ({"operation_secret": WEAK["words"]}, "密钥强度", BAD),
    ({"metrics_token": "aaaaaaaaaaaaaaaaaaaa"}, "监控令牌", BAD),
    ({"trusted_proxies": 0}, "可信代理", BAD),
    ({"host": "0.0.0.0"}, "可信代理", BAD),
    ({"public_base_url": "http://xinyi.example.cn"}, "公网地址", BAD),
    ({"wechat_base_url": "http://127.0.0.1:1"}, "微信接口", BAD),
    ({"wechat_app_id": "none"}, "小程序密钥", NOTE),
    ({"workers": 4}, "Redis", BAD),
    ({"redis_url": "redis://127.0.0.1:1/0"}, "Redis", BAD),
    ({"master_keys": {f"m{n}": os.urandom(32) for n in range(3)}}, "密钥编号", NOTE),
]


@pytest.mark.once
@pytest.mark.parametrize(("change", "check", "verdict"), CHANGES)
def test_what_is_wrong_in_the_settings_is_found(
    production: Settings, change: dict[str, Any], check: str, verdict: str
) -> None:
    assert found(check_settings.check(production), check).verdict == GOOD
    wrong = found(check_settings.check(replace(production, **change)), check)
    assert wrong.verdict == verdict and wrong.advice


@pytest.mark.once
def test_one_key_in_two_places_is_found(production: Settings) -> None:
    shared = replace(production, operation_secret=next(iter(production.master_keys.values())))
    assert found(check_settings.check(shared), "密钥不共用").verdict == BAD


@pytest.mark.once
@pytest.mark.parametrize(("mode", "verdict"), [(0o600, GOOD), (0o640, NOTE), (0o644, BAD), (0o660, BAD)])
def test_a_settings_file_that_others_may_read_is_found(
    production: Settings, tmp_path: Path, mode: int, verdict: str
) -> None:
    path = tmp_path / "x.env"
    path.touch()
    path.chmod(mode)
    assert found(check_settings.check(replace(production, secrets_file=path)), "设置文件").verdict == verdict


@pytest.mark.once
@pytest.mark.parametrize(
    ("days", "tls", "verdict"),
    [(90, "TLSv1.3", GOOD), (20, "TLSv1.3", NOTE), (6, "TLSv1.2", BAD), (-1, "TLSv1.3", BAD), (90, "TLSv1.1", BAD)],
)
def test_a_certificate_is_judged_by_the_days_that_are_left(days: int, tls: str, verdict: str) -> None:
    ends = clock.now() + timedelta(days=days, hours=1)
    assert check_network._certificate(check_network.Answer(200, {}, tls, ends)).verdict == verdict


@pytest.mark.once
@pytest.mark.parametrize(("seconds", "verdict"), [(0, GOOD), (10, NOTE), (-10, NOTE), (300, BAD), (-300, BAD)])
def test_a_clock_that_is_wrong_is_found(seconds: int, verdict: str) -> None:
    [finding] = check_network._apart("时钟", clock.now() + timedelta(seconds=seconds))
    assert finding.verdict == verdict


def test_an_address_that_nobody_answers_is_a_warning(production: Settings, database: db.Database) -> None:
    away = replace(production, public_base_url=f"https://localhost:{free_port()}")
    finding = found(check_network.check(away, offline=False), "公网访问")
    assert finding.verdict == NOTE and finding.advice
    assert found(check_network.check(away, offline=True), "公网访问").verdict == NOTE


@pytest.mark.once
def test_a_network_filesystem_is_recognised(tmp_path: Path) -> None:
    mounts = "/dev/sda1 / ext4 rw 0 0\nnas:/x /srv/data nfs4 rw 0 0\nproc /proc proc rw 0 0\n"
    assert check_database.filesystem_of(Path("/srv/data/xinyi.db"), mounts) == "nfs4"
    assert check_database.filesystem_of(Path("/srv/database/xinyi.db"), mounts) == "ext4"
    assert check_database.filesystem_of(tmp_path).strip()


def test_the_database_of_the_run_is_examined(settings: Settings, database: db.Database) -> None:
    findings = {each.check: each for each in check_database.check(settings)}
    for check in ("库结构", "结构一致"):
        assert findings[check].verdict == GOOD
    if database.dialect == "postgresql":
        assert findings["隔离级别"].verdict == findings["编码与时区"].verdict == GOOD
        assert "SUPERUSER" in findings["数据库角色"].text, "the suite's own role is one"
    else:
        assert findings["SQLite 写入"].verdict == findings["数据库文件"].verdict == GOOD


@pytest.mark.once
def test_a_database_file_that_others_may_read_is_found(settings: Settings, app: Flask) -> None:
    own = db.current()
    with own_database("sqlite") as url:
        other = db.Database(url)
        db.bind(other)
        with other.read() as reader:
            reader.execute(text("SELECT 1"))
        Path(other.url.database or "").chmod(0o644)
        try:
            assert found(check_database.check(settings), "数据库文件").verdict == BAD
            assert found(check_database.check(settings), "库结构").verdict == BAD, "the schema is empty"
        finally:
            other.dispose()
            db.bind(own)


def test_the_installation_of_the_run_is_examined(settings: Settings, city: object, tmp_path: Path) -> None:
    plain = replace(settings, instance_root=tmp_path, backup_root=tmp_path / "backups")
    with db.transaction() as session:
        people.staff(session, "account-admin")
        people.staff(session, "office")
        people.staff(session, "office")
        people.resident(session)
    findings = {each.check: each for each in check_installation.check(plain)}
    for check in ("城市配置", "封存密钥", "账号管理员", "双人复核", "图片目录", "维护状态"):
        assert findings[check].verdict == GOOD, findings[check]
    assert findings["后台进程"].verdict == findings["备份"].verdict == NOTE
    strict = replace(plain, environment="production", city="999999")
    wrong = {each.check: each for each in check_installation.check(strict)}
    assert wrong["备份"].verdict == wrong["城市"].verdict == BAD and wrong["演示内容"].verdict == NOTE


def test_a_silent_worker_and_maintenance_are_told(settings: Settings, city: object, tmp_path: Path) -> None:
    alive = tmp_path / check_installation.ALIVE
    alive.touch()
    plain = replace(settings, instance_root=tmp_path)
    assert found(check_installation.check(plain), "后台进程").verdict == GOOD
    os.utime(alive, (1, 1))
    assert found(check_installation.check(plain), "后台进程").verdict == NOTE
    with db.transaction() as session:
        maintenance.switch_on(session)
    assert found(check_installation.check(plain), "维护状态").verdict == NOTE
    with db.transaction() as session:
        maintenance.switch_off(session)
    maintenance.forget()


def test_a_master_key_that_is_not_the_databases_is_found(
    settings: Settings, city: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.kit import seal

    with db.transaction() as session:
        people.resident(session)
        people.staff(session)
    other = {"m1": os.urandom(32)}
    monkeypatch.setattr(seal, "_bound", seal.Sealer(other, "m1", settings.hash_keys, next(iter(settings.hash_keys))))
    finding = found(check_installation.check(replace(settings, instance_root=tmp_path)), "封存密钥")
    assert finding.verdict == BAD and "切勿生成新的" in finding.advice


def test_a_database_that_is_away_is_a_finding_and_no_crash(
    production: Settings, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = db.Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(db, "_bound", away)
    findings = doctor.examine(production, offline=True)
    assert next(each for each in findings if each.check == "数据库").verdict == BAD
    assert doctor.failed(findings) and "必须处理" in doctor.summary(findings)


@pytest.mark.once
def test_the_command_tells_by_its_exit_code_and_as_json(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/instance/x.db", free_port(), "https://localhost:1")
    installation.set_up()
    first = installation.flask("doctor", "--offline", "--json", check=False)
    verdicts = {each["check"]: each["verdict"] for each in json.loads(first.stdout)}
    assert first.returncode == 1 and [name for name in verdicts if verdicts[name] == "failure"] == ["备份"]
    installation.flask("backup", "make", "--quiet")
    second = installation.flask("doctor", "--offline")
    assert "✗" not in second.stdout.replace("✗ 0", "")
    assert installation.flask("doctor", "--offline", "--strict", check=False).returncode == 1


@pytest.mark.once
def test_production_does_not_start_with_a_secret_that_is_none(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/instance/x.db", free_port(), "https://localhost:1")
    installation.set_up()
    text_of_file = installation.file.read_text()
    weak = base64.urlsafe_b64encode(WEAK["words"]).decode()
    installation.file.write_text(
        re.sub(r"(?m)^XINYI_OPERATION_SECRET=.*$", f"XINYI_OPERATION_SECRET={weak}", text_of_file)
    )
    serve = [sys.executable, "-m", "backend.serve"]
    done = subprocess.run(
        serve, cwd=ROOT, env=installation.env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2 and "✗ 密钥强度" in done.stderr and weak not in done.stderr
