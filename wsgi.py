"""The WSGI entry: ``wsgi:app``."""

from backend.app import create_app
from config.settings import Settings, SettingsError

try:
    app = create_app(Settings.from_env())
except SettingsError as error:
    raise SystemExit(str(error)) from None
