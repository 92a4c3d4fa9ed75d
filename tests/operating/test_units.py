"""The systemd units say nothing that systemd does not understand, and let the service do little."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from config.settings import ROOT

pytestmark = pytest.mark.once
UNITS = ROOT / "config" / "systemd"
MOST_EXPOSURE = 25
"""Tenths of systemd's own mark for exposure, from 0 (none) to 100; an unguarded service has 96."""


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed (Debian: systemd)")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with programs that this machine has in place of those that an installation has."""
    for unit in (*UNITS.glob("*.service"), *UNITS.glob("*.timer")):
        text = unit.read_text("utf-8").replace("User=xinyi", "User=daemon").replace("Group=xinyi", "Group=daemon")
        text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text)
        (tmp_path / unit.name).write_text(re.sub(r"(?m)^(WorkingDirectory|Documentation)=.*$", "", text), "utf-8")
    return tmp_path


@pytest.mark.parametrize("name", ["xinyi.service", "xinyi-backup.service", "xinyi-backup.timer"])
def test_systemd_understands_every_line(units: Path, name: str) -> None:
    done = analyze("verify", "--man=no", "--recursive-errors=no", str(units / name))
    assert done.returncode == 0 and name not in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["xinyi.service", "xinyi-backup.service"])
def test_the_services_may_do_little(units: Path, name: str) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSURE}", "--no-pager", str(units / name))
    assert done.returncode == 0, done.stdout[-600:]


def test_what_the_units_start_is_there() -> None:
    web, backup = ((UNITS / f"{name}.service").read_text() for name in ("xinyi", "xinyi-backup"))
    assert "-m backend.serve\n" in web and (ROOT / "backend" / "serve.py").exists()
    assert "flask backup make --quiet --keep" in backup
    assert int(re.findall(r"TimeoutStopSec=(\d+)", web)[0]) > 20, "longer than the watcher's own grace"
    assert "ExecReload=/bin/kill -USR1" in web


def test_the_wrapper_is_a_script_that_the_shell_understands() -> None:
    script = UNITS / "xinyi"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
