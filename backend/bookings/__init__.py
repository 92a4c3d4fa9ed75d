"""Time slots: who waits for a place, who gets it, and what comes of not coming."""
