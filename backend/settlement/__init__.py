"""Settlement: what each partner is owed for a month, line by line, until it is closed for good."""
