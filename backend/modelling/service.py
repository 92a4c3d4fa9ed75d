"""The room's verbs, for its routes, the composition root and the pages."""

from __future__ import annotations

from backend.modelling.drafts import Draft, draft, drafts, propose, require_simulation, simulate, take
from backend.modelling.results import told
from backend.modelling.simulations import BEGUN, Simulation, on_begun, simulation
from backend.scoring.published import NEVER_COUNTS, Published, published, versions

__all__ = [
    "BEGUN", "NEVER_COUNTS", "Draft", "Published", "Simulation", "draft", "drafts", "on_begun", "propose", "published",
    "require_simulation", "simulate", "simulation", "take", "told", "versions",
]  # fmt: skip
