"""Points: accounts, wallets, lots, budgets and the transfers between them."""
