"""As the tests of perks: the city loaded, its offers on the shelf, every purpose able to sign."""

from tests.perks.conftest import client, ready, session

__all__ = ["client", "ready", "session"]
