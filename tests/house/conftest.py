"""One world for the tests of the whole house."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from backend.web import api
from config.settings import Settings
from tests.factories.world import World
from tests.oidc_server import OidcServer
from tests.wechat_server import WechatServer


@pytest.fixture(scope="module")
def world(
    app: Flask, city: dict[str, Any], wechat: WechatServer, identity_provider: OidcServer, settings: Settings
) -> World:
    """A world of the module's own."""
    return World(api.document(app), wechat, identity_provider, settings.public_base_url)
