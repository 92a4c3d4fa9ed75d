"""What a resident owes after a perk that is paid afterwards, or used without a deposit."""
