"""``python -m tests.wechat_server``: run the stand-in in front until interrupted."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from pathlib import Path

from tests.wechat_server.server import WechatServer
from tests.wechat_server.world import APP_ID, APP_SECRET


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.wechat_server", description="Stand-in for WeChat's server")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address; any other is refused")
    parser.add_argument("--app-id", default=APP_ID)
    parser.add_argument("--app-secret", default=APP_SECRET)
    parser.add_argument("--state", type=Path, help="keep people, messages and the token in this file")
    parser.add_argument("--people", type=Path, help="JSON object openid → phone, or → {phone, unionid}")
    options = parser.parse_args()
    try:
        server = WechatServer(
            options.port,
            options.host,
            app_id=options.app_id,
            app_secret=options.app_secret,
            state_file=options.state,
            people_file=options.people,
        )
    except (ValueError, OSError, OverflowError) as problem:
        print(f"stand-in: {problem}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"stand-in for WeChat on {server.base_url}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
