"""Write ``openapi/openapi.json`` anew from the code: ``make openapi``."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from backend.app import create_app
from backend.web import api
from config.settings import ROOT, Settings, new_secrets

TARGET = ROOT / "openapi" / "openapi.json"


def plain_settings(folder: str) -> Settings:
    """Settings that are just enough to build the application without using it."""
    return Settings.from_env(
        {
            **new_secrets(),
            "XINYI_ENVIRONMENT": "test",
            "DATABASE_URL": f"sqlite:///{folder}/openapi.db",
            "XINYI_PUBLIC_BASE_URL": "http://127.0.0.1:8000",
            "XINYI_WECHAT_BASE_URL": "http://127.0.0.1:8001",
            "XINYI_WECHAT_APP_ID": "none",
            "XINYI_WECHAT_APP_SECRET": "none",
        }
    )


def render(document: Any) -> str:
    """The document as it is committed."""
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = render(api.document(create_app(plain_settings(folder))))
    Path(TARGET).write_text(text, "utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
