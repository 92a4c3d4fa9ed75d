"""A city's way of scoring: what it may say, what it means, the SQL that it is."""
