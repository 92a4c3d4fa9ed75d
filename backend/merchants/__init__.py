"""Merchants: their archives, their grade by public policy, and the badge that a scan of their 信用码 shows."""
