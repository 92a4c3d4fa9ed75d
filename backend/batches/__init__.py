"""Batches: what departments report, from the upload to the archive and back."""
