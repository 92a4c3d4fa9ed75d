"""From a fresh clone to a served production, as the deployment guide says, and on to its end."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyotp
import pytest

from config.settings import ROOT
from tests.support.databases import own_database
from tests.support.installing import Installation
from tests.support.nginx import Nginx, certify
from tests.support.ports import free_port

pytestmark = [pytest.mark.once, pytest.mark.nginx]
READY_SECONDS = 60


class Running(NamedTuple):
    installation: Installation
    nginx: Nginx
    server: subprocess.Popen[bytes]
    context: ssl.SSLContext

    def call(self, path: str, body: Any = None, token: str = "", base: str = "") -> tuple[int, Any]:
        """Status and JSON of a call through the proxy."""
        url = (base or f"https://localhost:{self.nginx.https_port}") + path
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        request = urllib.request.Request(url, data, headers)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.load])]
)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Setup from a file, ``backend.serve``, nginx in front."""
    folder = tmp_path_factory.mktemp("production")
    https_port, http_port, port = free_port(), free_port(), free_port()
    tls = certify(folder / "tls")
    with own_database(request.param) as url:
        installation = Installation(folder, url, port, f"https://localhost:{https_port}")
        installation.set_up()
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "backend.serve"], cwd=ROOT, env=installation.env, stderr=log, stdout=log
            )
        try:
            with Nginx(https_port, http_port, f"127.0.0.1:{port}", tls) as nginx:
                context = ssl.create_default_context(cafile=str(tls[0]))
                made = Running(installation, nginx, server, context)
                wait_until_ready(made, port)
                yield made
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=40)


def wait_until_ready(running: Running, port: int) -> None:
    limit = time.monotonic() + READY_SECONDS
    while time.monotonic() < limit and running.server.poll() is None:
        try:
            status, said = running.call("/readyz", base=f"http://127.0.0.1:{port}")
        except OSError:
            time.sleep(0.1)
            continue
        assert status == 200, said
        return
    raise AssertionError((running.installation.folder / "log").read_text()[-3000:])


def test_the_first_administrator_signs_in_over_https_with_a_one_time_code(running: Running) -> None:
    for username, role in (("admin", "account-admin"), ("office", "office")):
        account = running.installation.accounts()[username]
        body = {"username": username, "password": account.password, "otp": pyotp.TOTP(account.totp_secret).now()}
        status, tokens = running.call("/api/v1/auth/staff", body)
        assert status == 200, tokens
        assert role in json.dumps(tokens["account"]["roles"])
        assert running.call("/api/v1/me", token=tokens["access_token"])[0] == 200
        again, refusal = running.call("/api/v1/auth/staff", body)
        assert (again, refusal["type"]) == (401, "/problems/sign-in-refused"), "a one-time code counts once"


def test_the_doctor_finds_the_running_installation_well(running: Running) -> None:
    running.installation.flask("backup", "make", "--quiet")
    done = running.installation.flask("doctor", "--json", SSL_CERT_FILE=str(running.nginx.certificate), check=False)
    findings = {each["check"]: each for each in json.loads(done.stdout)}
    wrong = [each for each in findings.values() if each["verdict"] == "failure" and each["check"] != "数据库角色"]
    assert wrong == []
    for check in ("公网访问", "TLS", "HSTS", "监控接口", "时钟（代理）", "后台进程", "设置文件", "备份"):
        assert findings[check]["verdict"] == "ok", findings[check]


def test_the_doctor_distrusts_a_certificate_that_nobody_signed(running: Running) -> None:
    done = running.installation.flask("doctor", check=False)
    assert done.returncode == 1 and "✗ 公网访问：证书不被信任" in done.stdout


def test_the_settings_file_and_the_hand_over_are_their_owners_alone(running: Running) -> None:
    for path in (running.installation.file, running.installation.handover):
        assert path.stat().st_mode & 0o077 == 0, path
    log = (running.installation.folder / "log").read_text()
    for secret in running.installation.file.read_text().splitlines():
        value = secret.partition("=")[2].partition(":")[2]
        assert len(value) < 32 or value not in log


def test_a_stand_in_for_wechat_is_refused_by_setup(tmp_path: Path) -> None:
    refused = Installation(
        tmp_path, f"sqlite:///{tmp_path}/x.db", free_port(), "https://localhost:1", wechat_base_url="http://127.0.0.1:1"
    )
    done = refused.flask("setup", "--from", refused.answers(), "--offline", check=False)
    assert done.returncode == 1 and "XINYI_WECHAT_BASE_URL" in done.stderr and not refused.file.exists()
