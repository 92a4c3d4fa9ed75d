"""The catalogue and the archives: what is known of whom, from which document, and what became of it."""
