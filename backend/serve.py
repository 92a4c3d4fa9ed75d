"""One command for everything: the web server (Granian) and the worker, watched together.

``python -m backend.serve`` runs the same in the demo and in production. When one part dies the other is stopped and
the exit status tells; SIGTERM and Ctrl-C end both and let open requests finish. SIGUSR1 brings new code in without an
interruption: the web processes are replaced one after another, then the worker.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Self

from backend.kit import figures
from config.settings import Settings, SettingsError

GRACE_SECONDS = 20
WORKER_GRACE_SECONDS = 12
THREADS_PER_WORKER = 8
OVERLAP_SECONDS = 15
"""How long a new web process has to get ready, when code is renewed, before the old one is asked to finish."""
WEB = "web"


def commands(settings: Settings) -> dict[str, list[str]]:
    """What runs, by name."""
    python = sys.executable
    granian = str(Path(python).with_name("granian"))
    web = [
        granian, "wsgi:app", "--interface", "wsgi", "--host", settings.host, "--port", str(settings.port),
        "--workers", str(settings.workers), "--blocking-threads", str(THREADS_PER_WORKER),
        "--backpressure", "256", "--http", "1", "--no-ws", "--workers-kill-timeout", str(WORKER_GRACE_SECONDS),
        "--respawn-interval", str(OVERLAP_SECONDS), "--log-level", "warning",
    ]  # fmt: skip
    return {WEB: web, "worker": [python, "-m", "backend.worker"]}


def shared_figures(settings: Settings, env: Mapping[str, str]) -> dict[str, str]:
    """``env`` with a folder, emptied here, in which all children keep their figures, so that each answers for all.

    A folder that the environment names already is left as it is: whoever named it empties it.
    """
    if figures.FOLDER in env:
        return dict(env)
    folder = settings.instance_root.resolve() / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink()
    return {**env, figures.FOLDER: str(folder)}


class Watch:
    """Children started together and ended together: whatever ends the block ends them.

    From the first moment SIGTERM, Ctrl-C and a closed terminal only set a mark, so an early one leaves no child behind.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._env = dict(os.environ if env is None else env)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._asked = False
        self._renewal = False

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask)
        signal.signal(signal.SIGUSR1, self._ask_renewal)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """Start one child in a session of its own, so that Ctrl-C reaches it through us alone."""
        child = subprocess.Popen(command, env=self._env, start_new_session=True)
        self._children[name] = child
        return child

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self._asked = True

    def _ask_renewal(self, _signal: int, _frame: FrameType | None) -> None:
        self._renewal = True

    def _renew(self) -> None:
        """Let Granian replace its processes one by one (that is its SIGHUP), and start every other child anew."""
        self._renewal = False
        for name, child in list(self._children.items()):
            if name == WEB:
                child.send_signal(signal.SIGHUP)
            else:
                _finish(child, time.monotonic() + GRACE_SECONDS)
                self.start(name, list(map(str, child.args)))  # type: ignore[arg-type]

    def goes_on(self) -> bool:
        """Whether nobody has asked for the end and every child lives."""
        return not self._asked and not self._dead()

    def _dead(self) -> list[str]:
        return [name for name, child in self._children.items() if child.poll() is not None]

    def until_asked(self) -> int:
        """Wait for SIGTERM or Ctrl-C (0) or for a child to die (1)."""
        while self.goes_on():
            if self._renewal:
                self._renew()
            time.sleep(0.2)
        if self._asked:
            return 0
        print(f"{', '.join(self._dead())} ended unexpectedly; stopping the rest", file=sys.stderr)
        return 1

    def end(self) -> None:
        """SIGTERM to all, a grace period, then SIGKILL to whoever remains."""
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        limit = time.monotonic() + GRACE_SECONDS
        for child in self._children.values():
            _finish(child, limit)


def _finish(child: subprocess.Popen[bytes], limit: float) -> None:
    """SIGTERM, and SIGKILL to its whole group when it is still there at ``limit``."""
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(timeout=max(0.1, limit - time.monotonic()))
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def main() -> int:
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if not _is_fit(settings):
        return 2
    with Watch(shared_figures(settings, os.environ)) as watch:
        for name, command in commands(settings).items():
            watch.start(name, command)
        return watch.until_asked()


def _is_fit(settings: Settings) -> bool:
    """What the doctor says of the settings alone. In production a failure keeps the server from starting, except that
    Redis may still come up."""
    from backend.operating import check_settings
    from backend.operating.findings import BAD, GOOD

    wrong = [each for each in check_settings.check(settings) if each.verdict != GOOD]
    if not settings.is_production:
        return True
    for each in wrong:
        print(each.line(), file=sys.stderr)
    return not any(each.verdict == BAD and each.check != check_settings.REDIS for each in wrong)


if __name__ == "__main__":
    raise SystemExit(main())
