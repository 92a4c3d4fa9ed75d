"""Webhooks to partners: signed, retried, and sent to public addresses alone. Enter through ``service``."""
