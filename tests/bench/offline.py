"""The reference offline verifier beside a bare Ed25519 verify of the same bytes."""
def verifying(): return []
