"""The WSGI entry: ``wsgi:app``."""

from backend.app import create_app
from config.settings import Settings

app = create_app(Settings.from_env())
