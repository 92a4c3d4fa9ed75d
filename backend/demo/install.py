"""Where a demo lives on disk, and the settings it runs with."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, inspect, text

from backend.models import metadata
from config.settings import ROOT, new_secrets

INSTANCE = Path(os.environ.get("XINYI_INSTANCE_ROOT") or ROOT / "instance")
HOST = "127.0.0.1"
MARK = "demo-department"
"""The slug of an organisation that only the seed makes: the demo's mark in its database."""


@dataclass(frozen=True)
class Demo:
    """One demo: its ports, its database, and the folder that holds its secrets and its hand-over."""

    port: int
    database_url: str
    folder: Path

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Demo:
        """``PORT`` (default 8000) and ``DATABASE_URL`` (default an SQLite file) choose where it lives."""
        text_of_port = env.get("PORT") or "8000"
        port = int(text_of_port) if text_of_port.isascii() and text_of_port.isdecimal() else 0
        if not 1024 <= port <= 65534:
            raise SystemExit("PORT must be between 1024 and 65534; the stand-in WeChat takes the next one")
        given = env.get("DATABASE_URL") or ""
        if not given:
            folder = INSTANCE / "sqlite"
            return cls(port, f"sqlite:///{folder / 'xinyi.db'}", folder)
        mark = hashlib.sha256(given.encode()).hexdigest()[:8]
        return cls(port, given, INSTANCE / f"database-{mark}")

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def wechat_url(self) -> str:
        return f"http://{HOST}:{self.port + 1}"

    @property
    def people_file(self) -> Path:
        """Which phone each openid has; the stand-in reads it."""
        return self.folder / "wechat-people.json"

    @property
    def handover_file(self) -> Path:
        """What the seed made, without addresses."""
        return self.folder / "handover.json"

    @property
    def shops_file(self) -> Path:
        """The synthetic shops, for the files of the departments."""
        return self.folder / "shops.json"

    @property
    def department_folder(self) -> Path:
        """Files as departments would send them, to try."""
        return INSTANCE / "department-files"

    @property
    def secrets_file(self) -> Path:
        """The secrets of this demo; made at its first start."""
        return self.folder / "secrets.json"

    def was_interrupted(self) -> bool:
        """Whether an earlier start began to make the data and did not finish."""
        return self.secrets_file.exists() and not self.handover_file.exists()

    def refuse_foreign_database(self) -> None:
        """Leave alone an installation that no demo of this folder made."""
        if self.secrets_file.exists() or not self.database_url.startswith("postgresql"):
            return
        engine = create_engine(self.database_url)
        with engine.connect() as connection:
            taken = inspect(connection).get_table_names()
        engine.dispose()
        if taken:
            raise SystemExit("This database is not empty and not this demo's; give DATABASE_URL an empty one")

    def environment(self) -> dict[str, str]:
        """The environment of every process of this demo. Its secrets are made once and kept beside its data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.secrets_file.exists():
            with os.fdopen(os.open(self.secrets_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                json.dump({**new_secrets(), "XINYI_WECHAT_APP_SECRET": "demo-secret-of-the-stand-in"}, file)
        return {
            **os.environ,
            **json.loads(self.secrets_file.read_text()),
            "XINYI_ENVIRONMENT": "demo",
            "XINYI_METRICS_TOKEN": "",
            "XINYI_PUBLIC_BASE_URL": self.base_url,
            "XINYI_WECHAT_BASE_URL": self.wechat_url,
            "XINYI_WECHAT_APP_ID": "wxdemo0000000000",
            "XINYI_FILES_ROOT": str(self.folder / "files"),
            "XINYI_INSTANCE_ROOT": str(INSTANCE),
            "XINYI_HOST": HOST,
            "XINYI_PORT": str(self.port),
            "XINYI_LIMITS": os.environ.get("XINYI_LIMITS", "sign-in"),
            "XINYI_LOG_LEVEL": os.environ.get("XINYI_LOG_LEVEL", "warning"),
            "DATABASE_URL": self.database_url,
            "PYTHONPATH": str(ROOT),
        }

    def write_handover(self) -> Path:
        """Write ``instance/demo.json`` for this start's addresses."""
        content: dict[str, Any] = {"base_url": self.base_url, "wechat_url": self.wechat_url}
        content |= json.loads(self.handover_file.read_text("utf-8"))
        target = INSTANCE / "demo.json"
        part = target.with_suffix(".part")
        part.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
        part.replace(target)
        return target

    def _drop_tables(self) -> None:
        """Drop this software's tables, and only where a demo has filled them or nobody has."""
        engine = create_engine(self.database_url)
        try:
            with engine.begin() as connection:
                tables = set(inspect(connection).get_table_names())
                if "people" in tables and not _is_demo(connection):
                    raise SystemExit("This database holds people and no mark of a demo; it is left as it is")
                metadata.drop_all(connection)
                connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
        finally:
            engine.dispose()

    def reset(self) -> None:
        """Throw the demo's data away. On a server only tables that a demo made are dropped."""
        if self.database_url.startswith("postgresql") and self.folder.exists():
            self._drop_tables()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.department_folder, ignore_errors=True)
        (INSTANCE / "demo.json").unlink(missing_ok=True)


def _is_demo(connection: Connection) -> bool:
    """Whether the seed's own organisation stands here, or nobody has been entered yet."""
    marked = connection.execute(text("SELECT 1 FROM organisations WHERE slug = :mark"), {"mark": MARK}).first()
    return marked is not None or connection.execute(text("SELECT 1 FROM people LIMIT 1")).first() is None
