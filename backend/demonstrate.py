"""``make demo``: migrate, load the city, seed it, and serve, until Ctrl-C."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import closing

import httpx

from backend.demo.install import HOST, Demo
from backend.serve import Watch, commands, shared_figures
from config.settings import ROOT, Settings

READY_SECONDS = 60
BUSY = "Port {port} is taken (the stand-in WeChat uses PORT + 1). End what runs there, or: make demo PORT=9000"


def main() -> int:
    demo = Demo.from_env(os.environ)
    if "--reset" in sys.argv[1:]:
        _free(demo.port)
        demo.reset()
        print("The demo's data is gone; `make demo` starts over.")
        return 0
    if "--audit" in sys.argv[1:]:
        return _audit(demo)
    for port in (demo.port, demo.port + 1):
        _free(port)
    if demo.was_interrupted():
        print("An earlier start was interrupted while it made its data; starting over.")
        demo.reset()
    demo.refuse_foreign_database()
    env = demo.environment()
    os.environ.update(env)
    settings = Settings.from_env(env)
    try:
        _prepare(demo, settings)
    except KeyboardInterrupt:
        print("\nStopped; the next start makes the data anew.", file=sys.stderr)
        return 130
    demo.write_handover()
    return _serve(demo, settings, env)


def _audit(demo: Demo) -> int:
    """``flask ledger audit`` with the demo's settings, beside the running demo or without it."""
    if not demo.handover_file.exists():
        raise SystemExit("There is no demo yet: make demo")
    env = {**demo.environment(), "FLASK_APP": "wsgi:app"}
    return subprocess.run([sys.executable, "-m", "flask", "ledger", "audit"], cwd=ROOT, env=env, check=False).returncode


def _free(port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise SystemExit(BUSY.format(port=port)) from None


def _prepare(demo: Demo, settings: Settings) -> None:
    from backend.app import prepare
    from backend.demo import seed
    from backend.kit import city, db, migrations

    prepare(settings)
    migrations.upgrade()
    with db.transaction() as session:
        city.load(session, city.read_folder(settings.cities_root / settings.city))
    if not demo.handover_file.exists():
        seed.run(demo)
    seed.refresh(demo)
    db.current().dispose()


def _serve(demo: Demo, settings: Settings, env: dict[str, str]) -> int:
    stand_in = [sys.executable, "-m", "tests.wechat_server", "--port", str(demo.port + 1)]
    stand_in += ["--people", str(demo.people_file), "--app-id", settings.wechat_app_id]
    stand_in += ["--app-secret", settings.wechat_app_secret]
    os.chdir(ROOT)
    with Watch(shared_figures(settings, env)) as watch:
        watch.start("wechat", stand_in)
        for name, command in commands(settings).items():
            watch.start(name, command)
        if _ready(demo.base_url, watch):
            print(WELCOME.format(base=demo.base_url), flush=True)
        elif watch.goes_on():
            print("The server did not become ready; its messages stand above.", file=sys.stderr)
            return 1
        return watch.until_asked()


def _ready(base_url: str, watch: Watch) -> bool:
    limit = time.monotonic() + READY_SECONDS
    while watch.goes_on() and time.monotonic() < limit:
        try:
            if httpx.get(f"{base_url}/readyz", timeout=2).status_code == 200:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    return False


WELCOME = """
信易+ 演示已就绪（人物与商户均为合成数据） / the demo is ready (all people and shops are synthetic)

  首页 start      {base}/
  公示 publicity  {base}/publicity
  居民 resident   {base}/app/resident
  社区 worker     {base}/app/worker
  窗口 counter    {base}/app/counter
  账号 staff      {base}/app/staff
  场馆 scanner    {base}/app/venue
  办公室 office   {base}/app/office
  合作 partners   {base}/app/partners   {base}/app/apply
  数据 data       {base}/app/data   {base}/app/quality
  申报 declared   {base}/app/declarations
  审计 audit      {base}/app/audit
  评分 scoring    {base}/app/modelling   {base}/scoring
  部门文件 files  instance/department-files
  接口 API        {base}/docs
  移交 hand-over  instance/demo.json

Ctrl-C 结束 / ends it.
"""

if __name__ == "__main__":
    raise SystemExit(main())
