"""Operating an installation: is everything as production needs it, maintenance, the proxy in front."""
