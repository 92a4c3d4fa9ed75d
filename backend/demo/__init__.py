"""The demo city: synthetic people and shops at plausible places, and one command that serves them.

Nothing here runs in production: the commands refuse any environment but ``demo``.
"""
