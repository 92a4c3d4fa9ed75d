"""Write ``openapi/client/schema.d.ts`` anew from ``openapi/openapi.json``: part of ``make openapi``."""

from __future__ import annotations

import subprocess

from config.settings import ROOT
from tests.client.install import CLIENT, node_command

SOURCE, TARGET = ROOT / "openapi" / "openapi.json", CLIENT / "schema.d.ts"


def main() -> None:
    generator = str(CLIENT / "node_modules" / "openapi-typescript" / "bin" / "cli.js")
    subprocess.run([*node_command(), generator, str(SOURCE), "-o", str(TARGET)], cwd=CLIENT, check=True)


if __name__ == "__main__":
    main()
