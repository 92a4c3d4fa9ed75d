"""Perks: who may have what and why, redemptions, coupons."""
