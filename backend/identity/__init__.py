"""Becoming somebody: real names, counters that vouch, and which account is whose."""
