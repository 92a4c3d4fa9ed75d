"""Those who work here: how they come in, stay in, and go."""
