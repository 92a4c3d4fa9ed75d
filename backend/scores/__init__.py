"""A resident's score: opt-in, for adults, for incentives only; every point of it explained."""
