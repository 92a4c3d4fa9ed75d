"""The WSGI entry: ``wsgi:app``."""

from backend.app import create_app, follow_keys
from config.settings import Settings, SettingsError

try:
    settings = Settings.from_env()
    app = create_app(settings)
    follow_keys(settings)
except SettingsError as error:
    raise SystemExit(str(error)) from None
