"""A person's rights over her data: see, take along, correct, know who looked, withdraw, leave."""
