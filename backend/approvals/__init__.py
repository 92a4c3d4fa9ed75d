"""Dangerous acts: one person proposes, another decides."""
