"""Perks: scenes and offers as data, redemptions, coupons, venues' scans, the offline pack."""
