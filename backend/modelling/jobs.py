"""Simulations that nobody is at are taken up again."""

from __future__ import annotations

from backend.kit import jobs
from backend.modelling import simulations

EVERY_SECONDS = 60


def register() -> None:
    """Register the step; the composition root does."""
    jobs.often(jobs.Step("modelling.take-up", EVERY_SECONDS, simulations.take_up))
