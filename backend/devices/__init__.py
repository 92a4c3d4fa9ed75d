"""Venue devices: enrolled by a one-time code, suspended at once, retired for good."""
