"""``python -m tests.client.install``: fetch the client's pinned npm packages; does nothing while they are in place."""

from __future__ import annotations

import hashlib
import subprocess
import sys

from backend.pages import vendor
from config.settings import ROOT

CLIENT = ROOT / "openapi" / "client"
STAMP = CLIENT / "node_modules" / ".lock-sha256"


def _mark() -> str:
    return hashlib.sha256((CLIENT / "package-lock.json").read_bytes()).hexdigest()


def client_missing() -> str:
    """Why the client's suite cannot run; empty when it can."""
    if not STAMP.exists() or STAMP.read_text() != _mark():
        return "the client's npm packages are not installed (python -m tests.client.install)"
    return ""


def node_command() -> list[str]:
    """How to run node: the machine's, else that of the PyPI package."""
    return [vendor.node()]


def main() -> int:
    if not client_missing():
        return 0
    command = [*vendor.npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(command, cwd=CLIENT, check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        sys.stdout.write(f"npm could not fetch the client's packages ({error}). Is the npm registry reachable?\n")
        return 1
    STAMP.write_text(_mark())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
