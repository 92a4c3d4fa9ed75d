"""Virtual environments of the peers, made when they are first needed: ours never holds their packages.

They lie in ``.bench-venvs/`` (git ignores it) and are made anew when the pinned list changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from config.settings import ROOT

FOLDER = ROOT / ".bench-venvs"
LISTS = Path(__file__).parent
INSTALL_SECONDS = 900


class PeerMissing(RuntimeError):
    """The peer cannot be had on this machine; the message says why. Nothing is wrong with us."""


def python_of(peer: str) -> Path:
    """The interpreter of the peer's environment, made by this call when it is not there. Raises PeerMissing."""
    wanted = LISTS / f"{peer}-requirements.txt"
    digest = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()
    home = FOLDER / peer
    ready = home / ".ready"
    python = home / "bin" / "python"
    if ready.exists() and ready.read_text("utf-8") == digest:
        return python
    shutil.rmtree(home, ignore_errors=True)
    print(f"{peer}: making {home.relative_to(ROOT)} (once; minutes with a slow network)", flush=True)
    started = time.monotonic()
    _run(peer, sys.executable, "-m", "venv", str(home))
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(wanted))
    _run(peer, str(python), *pip)
    ready.write_text(digest, "utf-8")
    print(f"{peer}: ready after {time.monotonic() - started:.0f} s", flush=True)
    return python


def _run(peer: str, *command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerMissing(f"{peer} could not be installed ({type(error).__name__})") from error
    if done.returncode:
        last = [line for line in done.stderr.strip().splitlines() if "ERROR" in line] or ["pip says nothing"]
        raise PeerMissing(f"{peer} could not be installed: {last[-1][:200]}")
