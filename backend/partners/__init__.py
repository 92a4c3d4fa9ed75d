"""Partners onboard themselves: they apply, propose what they offer, and the office decides by two."""
