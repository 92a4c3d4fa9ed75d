"""Backups: taken while everything runs, encrypted, proved by reading them back, restored into another database."""
