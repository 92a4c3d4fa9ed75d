"""Signed roots over each day's transfers, and the proof that a line of a statement is among them."""
