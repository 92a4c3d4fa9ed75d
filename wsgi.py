"""The WSGI entry: ``wsgi:app``. For ``flask setup`` it needs no settings: that command makes them."""

import sys

from backend.app import create_app
from backend.setup import cli
from config.settings import Settings, SettingsError

try:
    app = create_app(Settings.from_env())
except SettingsError as error:
    if "setup" not in sys.argv[1:] or "flask" not in sys.argv[0]:
        raise SystemExit(str(error)) from None
    app = cli()
else:
    app.cli.add_command(cli().cli.commands["setup"])
