"""Codes: signing keys, codes shown on a screen, the revocation list, codes printed on a wall, and their pictures."""
