"""The WSGI entry: ``wsgi:app``. For ``flask setup`` it needs no settings: that command makes them."""

import gc
import sys

from backend.app import create_app, follow_keys
from backend.setup import cli
from config.settings import Settings, SettingsError

try:
    settings = Settings.from_env()
    app = create_app(settings)
    follow_keys(settings)
except SettingsError as error:
    if "setup" not in sys.argv[1:] or "flask" not in sys.argv[0]:
        raise SystemExit(str(error)) from None
    app = cli()
else:
    app.cli.add_command(cli().cli.commands["setup"])
    gc.freeze()  # what a start has made stays; looking through it for rubbish holds one request up for 0.2 s
