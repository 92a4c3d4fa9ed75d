"""An installation made as the guide says: ``flask setup --from`` in processes of its own, with its settings file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from config.settings import ROOT

PATIENCE_SECONDS = 120
APP_SECRET = "0123456789abcdef" * 2


class Account(NamedTuple):
    username: str
    password: str
    totp_secret: str


class Installation:
    """A folder with a settings file and everything below it."""

    def __init__(self, folder: Path, database_url: str, port: int, base_url: str, **settings: Any) -> None:
        self.folder, self.file = folder, folder / "etc" / "xinyi.env"
        self.handover = folder / "etc" / "first.txt"
        self.settings = {
            "environment": "production", "public_base_url": base_url, "city": "320115", "port": port,
            "instance_root": str(folder / "instance"), "files_root": str(folder / "files"),
            "backup_root": str(folder / "backups"), "database_url": database_url, "workers": 1, "redis_url": "",
            "trusted_proxies": 1, "wechat_app_id": "wx0123456789abcdef", "wechat_app_secret": APP_SECRET, **settings,
        }  # fmt: skip

    def answers(self, **sections: dict[str, Any]) -> Path:
        """Write the answers file; ``sections`` replace those of a common first hour."""
        content = {
            "settings": self.settings,
            "office": {"name": "测试办公室"},
            "administrator": {"username": "admin", "name": "测试管理员"},
            "officer": {"username": "office", "name": "测试值班员"},
            "handover": {"file": str(self.handover)},
            **sections,
        }
        lines = []
        for section, values in content.items():
            lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]
        path = self.folder / "answers.toml"
        path.write_text("\n".join(lines), "utf-8")
        return path

    @property
    def env(self) -> dict[str, str]:
        """What an operator's shell has: where the settings file is, and nothing of it."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "XINYI_SECRETS_FILE": str(self.file), "PYTHONPATH": str(ROOT)}

    def flask(self, *command: object, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the repository's root, as an operator does."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("flask")), *map(str, command)], cwd=ROOT, env={**self.env, **env},
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"flask {command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def set_up(self, **env: str) -> subprocess.CompletedProcess[str]:
        return self.flask("setup", "--from", self.answers(), "--offline", **env)

    def accounts(self) -> dict[str, Account]:
        """What was handed over."""
        found = re.findall(r"用户名 (\S+)\n密码 (\S+)\n动态码 (\S+)", self.handover.read_text("utf-8"))
        return {
            name: Account(name, password, parse_qs(urlsplit(unquote(uri)).query)["secret"][0])
            for name, password, uri in found
        }
