"""Personal data handed out for a lawful purpose, after a second person approved it."""
