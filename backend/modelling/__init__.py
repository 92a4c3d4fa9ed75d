"""Drafts of the scoring policy: checked, tried on the city, published by two; and the rule for everybody to read."""
